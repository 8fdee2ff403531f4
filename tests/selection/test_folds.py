"""Every row is held out once; classes, targets and groups are shared out among the folds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickprop.data.folds import Folds, deal_folds, folds_in_time
from quickprop.errors import DataError


@given(rows=st.integers(2, 200), count=st.integers(2, 10), seed=st.integers(0, 2**64 - 1))
@settings(deadline=None)
def test_every_row_is_in_one_fold(rows: int, count: int, seed: int):
    if rows < count:
        with pytest.raises(DataError, match="fewer rows than folds"):
            deal_folds(rows, count, seed=seed)
        return
    folds = deal_folds(rows, count, seed=seed)
    held = [folds.held_out(k) for k in range(count)]
    assert sorted(np.concatenate(held)) == list(range(rows))
    assert max(map(len, held)) - min(map(len, held)) <= 1
    for k in range(count):
        assert sorted([*folds.train(k), *held[k]]) == list(range(rows))


@given(
    classes=st.lists(st.integers(0, 4), min_size=10, max_size=120),
    count=st.integers(2, 6),
    seed=st.integers(0, 99),
)
@settings(deadline=None)
def test_folds_share_each_class(classes: list[int], count: int, seed: int):
    codes = np.array(classes)
    folds = deal_folds(len(codes), count, seed=seed, classes=codes)
    for one in np.unique(codes):
        shares = np.bincount(folds.fold_of[codes == one], minlength=count)
        assert shares.max() - shares.min() <= 1


def test_folds_share_small_and_large_targets():
    numbers = np.random.default_rng(0).exponential(size=103)
    folds = deal_folds(103, 5, seed=1, numbers=numbers)
    ranks = numbers.argsort().argsort()
    means = [ranks[folds.held_out(k)].mean() for k in range(5)]
    assert max(means) - min(means) < 5.0


@given(
    groups=st.lists(st.integers(0, 15), min_size=20, max_size=200),
    count=st.integers(2, 5),
    seed=st.integers(0, 99),
)
@settings(deadline=None)
def test_groups_stay_together(groups: list[int], count: int, seed: int):
    codes = np.array(groups)
    different = len(np.unique(codes))
    if different < count:
        with pytest.raises(DataError, match="fewer groups than folds"):
            deal_folds(len(codes), count, seed=seed, groups=codes)
        return
    folds = deal_folds(len(codes), count, seed=seed, groups=codes)
    assert set(folds.fold_of) == set(range(count))
    for one in np.unique(codes):
        assert len(set(folds.fold_of[codes == one])) == 1


@given(times=st.lists(st.integers(0, 30), min_size=2, max_size=150), count=st.integers(2, 6))
@settings(deadline=None)
def test_blocks_follow_each_other_in_time(times: list[int], count: int):
    keys = np.array(times, float)
    if len(np.unique(keys)) < count:
        with pytest.raises(DataError, match="fewer different times"):
            folds_in_time(keys, count)
        return
    folds = folds_in_time(keys, count)
    assert set(folds.fold_of) == set(range(count))
    for k in range(count - 1):
        assert keys[folds.held_out(k)].max() < keys[folds.held_out(k + 1)].min()


def test_folds_of_some_rows_leave_the_others_out():
    folds = deal_folds(4, 2, seed=0).placed(np.array([1, 3, 5, 7]), 9)
    assert isinstance(folds, Folds)
    assert set(folds.rows) == {1, 3, 5, 7}
    assert set(folds.train(0)) | set(folds.held_out(0)) == {1, 3, 5, 7}


def test_the_same_seed_deals_the_same():
    one, same, other = (deal_folds(50, 5, seed=seed).fold_of for seed in (3, 3, 4))
    assert (one == same).all()
    assert (one != other).any()
