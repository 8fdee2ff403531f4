"""Mean 0 and deviation 1, for numbers of any size; constant columns are only moved."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickprop.data import Preprocessor, Standardizer, read_table


def test_by_hand():
    # 2, 4, 6, 8: mean 5, squares of the distances 9 + 1 + 1 + 9 = 20, over 4 rows 5, root 2.236.
    made = Standardizer.fit(np.array([[2.0, 7.0], [4.0, 7.0], [6.0, 7.0], [8.0, 7.0]]))
    assert made.mean.tolist() == [5.0, 7.0]
    assert made.scale == pytest.approx([5**0.5, 1.0])
    assert made.constant.tolist() == [False, True]
    assert made.encode(np.array([[5.0, 8.0]])).tolist() == [[0.0, 1.0]]
    # Two blocks of the same columns beside each other.
    assert made.decode(np.zeros((1, 4))).tolist() == [[5.0, 7.0, 5.0, 7.0]]


def test_rows_count_by_their_weights():
    made = Standardizer.fit(np.array([[1.0], [5.0], [99.0]]), np.array([3.0, 1.0, 0.0]))
    # (3 * 1 + 5) / 4 = 2; (3 * 1 + 9) / 4 = 3.
    assert (made.mean[0], made.scale[0]) == (2.0, pytest.approx(3**0.5))
    assert Standardizer.fit(np.array([[7.0], [7.0], [9.0]]), np.array([1.0, 1.0, 0.0])).constant[0]


@given(
    st.floats(-1e300, 1e300),
    st.integers(1, 1000),
    st.sampled_from([None, 0.1, 3.0]),
)
def test_a_constant_is_constant_whatever_rounding_makes_of_it(value, rows, weight):
    weights = None if weight is None else np.full(rows, weight)
    made = Standardizer.fit(np.full((rows, 1), value), weights)
    assert made.constant[0]
    assert made.scale[0] == 1.0


@pytest.mark.parametrize("size", [1e-280, 1e-30, 1.0, 1e30, 1e300])
def test_numbers_of_any_size(size: float):
    rows = np.array([[1.0], [2.0], [4.0]]) * size
    made = Standardizer.fit(rows)
    coded = made.encode(rows)
    assert coded.mean() == pytest.approx(0.0, abs=1e-12)
    assert coded.std() == pytest.approx(1.0)
    assert made.decode(coded) == pytest.approx(rows, rel=1e-12)


def test_whole_numbers_too_large_for_float64_are_told_apart():
    cells = [2**62 + k % 7 for k in range(60)]
    table = read_table({"i": cells, "x": np.arange(60) / 7})
    made = Preprocessor.fit(table)
    features = made.transform(table).numeric[:, made.numeric_names.index("i")]
    assert len(np.unique(features)) == 7
    assert (np.argsort(features[:7]) == np.arange(7)).all()
    again = Preprocessor.from_document(made.to_document())
    assert (again.transform(table).numeric == made.transform(table).numeric).all()
    # Far away, and as floats: no wrap-around.
    far = read_table({"i": [-(2**62), 2**62, 2**63 - 1], "x": [0.1, 0.2, 0.3]})
    assert (np.diff(made.transform(far).numeric[:, 0]) > 0).all()
