"""Splits hold every row once, are the same for the same seed, and keep the shares of classes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickprop.data import split_rows
from quickprop.errors import DataError, SettingError


def every_row_once(split, n):
    parts = (split.train, split.validation, split.test)
    assert all(part.dtype == np.int64 and (np.diff(part) > 0).all() for part in parts)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(n))


def test_sizes():
    # 100 rows: 20 for the test, and of the 80 left 15 % = 12 for validation.
    split = split_rows(100, seed=0)
    every_row_once(split, 100)
    assert (len(split.train), len(split.validation), len(split.test)) == (68, 12, 20)


def test_known_rows():
    # The same seed must give the same rows for ever: models are compared across versions.
    split = split_rows(12, seed=7)
    assert (split.test.tolist(), split.validation.tolist()) == ([5, 10], [6, 9])
    again = split_rows(12, seed=7)
    assert np.array_equal(split.train, again.train)
    assert not np.array_equal(split_rows(12, seed=8).test, split.test)


def test_classes_keep_their_shares():
    # 60, 30 and 10 rows: 20 % is 12, 6 and 2; 15 % of the 48, 24 and 8 left is 7.2, 3.6 and 1.2,
    # in all 12, so the two largest remainders round up: 7, 4 and 1.
    classes = np.repeat([0, 1, 2], [60, 30, 10])
    split = split_rows(100, seed=1, classes=classes)
    every_row_once(split, 100)
    assert np.bincount(classes[split.test]).tolist() == [12, 6, 2]
    assert np.bincount(classes[split.validation]).tolist() == [7, 4, 1]


def test_a_class_with_one_row_is_trained_on():
    classes = np.array([0] * 30 + [1] * 30 + [2, 3, 3])
    for seed in range(50):
        split = split_rows(63, seed=seed, classes=classes)
        assert set(classes[split.train]) == {0, 1, 2, 3}


def test_text_classes_are_taken_too():
    classes = np.array(["b", "a"] * 10)
    split = split_rows(20, seed=0, classes=classes)
    assert sorted(classes[split.test]) == ["a", "a", "b", "b"]


@settings(deadline=None)
@given(
    n=st.integers(8, 200),
    seed=st.integers(0, 2**63 - 1),
    kinds=st.integers(1, 6),
    test=st.floats(0, 0.5),
    validation=st.floats(0, 0.5),
)
def test_any_split_is_whole(n, seed, kinds, test, validation):
    classes = np.random.default_rng(seed % 1000).integers(0, kinds, n)
    for given_classes in (None, classes):
        split = split_rows(n, seed=seed, test=test, validation=validation, classes=given_classes)
        every_row_once(split, n)
        assert len(split.train)
        assert bool(len(split.test)) == (test > 0)
        assert bool(len(split.validation)) == (validation > 0)
    assert set(classes[split.train]) == set(classes)


@pytest.mark.parametrize(
    ("arguments", "error", "expected"),
    [
        ({"n": 7, "seed": 0}, DataError, "allowed: 8 rows with a target, or more; given: 7"),
        ({"n": 1, "seed": 0}, DataError, "too few rows"),
        ({"n": 20, "seed": -1}, SettingError, "seed: a setting outside"),
        ({"n": 20, "seed": 2**64}, SettingError, "seed: a setting outside"),
        ({"n": 20, "seed": 0, "test": 1.0}, SettingError, "not a share of the rows for test"),
        ({"n": 20, "seed": 0, "validation": -0.1}, SettingError, "for validation"),
        (
            {"n": 8, "seed": 0, "classes": np.arange(8)},
            DataError,
            "nearly every class has one row only",
        ),
        ({"n": 9, "seed": 0, "classes": np.zeros(8)}, DataError, "one class for each row"),
    ],
)
def test_splits_that_cannot_be(arguments, error, expected):
    with pytest.raises(error) as caught:
        split_rows(**arguments)
    assert expected in str(caught.value)
