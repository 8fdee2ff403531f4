"""Arrays and numbers of NumPy on either side of an operator."""

from __future__ import annotations

import operator

import numpy as np
import pytest

from quickprop import DTypeError, GraphError, Tensor, constant, function, placeholder

OPERATORS = (
    operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.lt,
    operator.gt,
)  # fmt: skip


@pytest.mark.parametrize("apply", OPERATORS, ids=lambda apply: apply.__name__)
@pytest.mark.parametrize("number", [np.float64(2.0), np.float32(2.0), np.int64(2)], ids=repr)
def test_numbers_of_numpy_are_numbers(apply, number):
    x = constant([1.0, 3.0])
    for left, right, expected in (
        (x, number, apply(np.array([1.0, 3.0]), 2.0)),
        (number, x, apply(2.0, np.array([1.0, 3.0]))),
    ):
        made = apply(left, right)
        assert isinstance(made, Tensor)
        np.testing.assert_allclose(function([], made)(), expected, rtol=1e-6)


@pytest.mark.parametrize("apply", [*OPERATORS, operator.matmul], ids=lambda apply: apply.__name__)
@pytest.mark.parametrize("array", [np.ones((2, 2)), np.array(2.0), np.array(["a"])], ids=str)
def test_an_array_says_how_to_become_a_tensor(apply, array):
    x = constant([[1.0, 2.0], [3.0, 4.0]])
    for left, right in ((x, array), (array, x)):
        with pytest.raises(GraphError, match="not a tensor"):
            apply(left, right)


def test_an_array_compared_for_sameness_is_no_tensor():
    assert (np.ones(2) == constant([1.0, 1.0])) is False


def test_digits_of_an_array_are_kept_on_request():
    x = placeholder((None, 2), "float64")
    third = np.array([1.0, 3.0]) / 3.0
    with pytest.raises(DTypeError, match=r"constant\(x, 'float64'\)"):
        x + constant(third)
    assert function([x], x + constant(third, "float64"))(np.zeros((1, 2))).tolist() == [
        third.tolist()
    ]
