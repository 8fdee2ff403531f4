"""Which rows are for training, for early stopping and for the last, honest score."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from quickprop.errors import DataError, SettingError
from quickprop.foundation.random_streams import SEED

_FEWEST_ROWS = 8


@dataclass(frozen=True)
class Split:
    """Row indices of each part, int64, each climbing; together they are every row once."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split_rows(
    n: int,
    *,
    seed: int,
    test: float = 0.2,
    validation: float = 0.15,
    classes: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> Split:
    """Deal the rows 0 to n - 1 into three parts at random, the same for the same seed.

    Parameters
    ----------
    n : int
        Number of rows, at least 8.
    seed : int
        From 0 to 2**64 - 1.
    test : float
        Share of all rows for the test part, 0 for none.
    validation : float
        Share of the rows left after the test part for the validation part, 0 for none.
    classes : int array, shape (n,), optional
        The class of each row. Each part then has its share of each class, and every class has at
        least one row in the training part.
    groups : int array, shape (n,), optional
        Rows of one number stay in one part: shares are then of the groups, and those that are
        larger than a part are for training.

    Raises
    ------
    DataError
        There are too few rows or groups to put one in each part.
    SettingError
        A share that leaves no training rows.
    """
    for name, share in (("test", test), ("validation", validation)):
        if not 0.0 <= share < 1.0:
            raise SettingError(
                f"not a share of the rows for {name}", allowed="0 to below 1", given=share
            )
    SEED.checked(seed, "seed")
    if n < _FEWEST_ROWS:
        raise DataError(
            "too few rows to train, choose and test on",
            where="data",
            allowed=f"{_FEWEST_ROWS} rows with a target, or more",
            given=n,
            hint="give more rows",
        )
    strata = (
        np.zeros(n, np.int64) if classes is None else np.unique(classes, return_inverse=True)[1]
    )
    if len(strata) != n:
        raise DataError("one class for each row is needed", allowed=n, given=len(strata))
    order = _shuffled(n, seed)
    unit = None
    if groups is not None:
        unit, strata, order = _units(
            groups, strata, order, most=max(1.0, max(test, validation) * n)
        )
    tested = _deal(strata, order, test, spare=int(validation > 0))
    rest = order[~tested[order]]
    # Sizes of the classes without the test rows decide how many go to validation.
    chosen = _deal(strata, rest, validation, spare=0)
    if unit is not None:
        tested, chosen = tested[unit], chosen[unit]
    trained = ~(tested | chosen)
    return Split(np.flatnonzero(trained), np.flatnonzero(chosen), np.flatnonzero(tested))


def split_ahead(times: np.ndarray, *, test: float = 0.2, validation: float = 0.15) -> Split:
    """Cut rows in order of time: the last are for the test, those before for validation.

    Parameters
    ----------
    times : float array, shape (n,)
        What to sort by; rows of one time stay in one part.
    test, validation : float
        As `split_rows` takes them.

    Raises
    ------
    DataError
        There are too few times to put one in each part.
    """
    order = np.argsort(times, kind="stable")
    first_tested = _cut(times[order], len(order), test)
    first_chosen = _cut(times[order], first_tested, validation)
    if first_chosen < 1:
        raise DataError(
            "too few different times to train, choose and test on",
            where="time",
            given=len(np.unique(times)),
            hint="name a column with a time for each row",
        )
    return Split(
        np.sort(order[:first_chosen]),
        np.sort(order[first_chosen:first_tested]),
        np.sort(order[first_tested:]),
    )


def _cut(times: np.ndarray, end: int, share: float) -> int:
    """Where the last share of the first `end` sorted rows begins, no time being cut in two."""
    if share == 0.0:
        return end
    first = min(end - max(1, round(share * end)), end - 1)
    return int(np.searchsorted(times[:end], times[max(first, 0)]))


def _units(
    groups: np.ndarray, strata: np.ndarray, order: np.ndarray, *, most: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The unit of each row, the class of each unit, and the units in the order they are dealt."""
    _, first, unit = np.unique(groups, return_index=True, return_inverse=True)
    if len(first) < 3:
        raise DataError(
            "too few groups to train, choose and test on",
            where="group",
            allowed="3 groups, or more",
            given=len(first),
            hint="name a column with more of them",
        )
    # A unit of several classes counts as its rarest, which has the fewest units to be dealt.
    rarest = np.argsort(np.argsort(-np.bincount(strata), kind="stable"), kind="stable")
    by_rarity = np.zeros(len(first), np.int64)
    np.maximum.at(by_rarity, unit, rarest[strata])
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    dealt = np.argsort(place[first], kind="stable")
    small = np.bincount(unit) <= most
    if np.count_nonzero(small) >= 3:
        dealt = dealt[small[dealt]]
    return unit, by_rarity, dealt


def _shuffled(n: int, seed: int) -> np.ndarray:
    """A random order of n rows that is the same with every version of NumPy.

    Raw numbers of a counter-based generator are; the methods that draw from them may change.
    """
    stream = np.random.Philox(key=np.array([seed, zlib.crc32(b"split")], np.uint64))
    return np.argsort(stream.random_raw(n), kind="stable")


def _deal(groups: np.ndarray, order: np.ndarray, share: float, *, spare: int) -> np.ndarray:
    """Mark a share of those in `order`, spread over the groups and leaving each at least one.

    `spare` rows more are left, for the next part to have one.
    """
    marked = np.zeros(len(groups), bool)
    if share == 0.0:
        return marked
    sizes = np.bincount(groups[order], minlength=int(groups.max()) + 1)
    # A group that is left with one row must keep it, so it can give none.
    most = np.maximum(sizes - 1, 0)
    wanted = min(max(1, round(share * len(order))), int(most.sum()) - spare)
    if wanted < 1:
        raise DataError(
            "nearly every class has one row only, so none can be held out",
            where="target",
            hint="give more rows of each class, or choose --task regression",
        )
    exact = sizes * (wanted / len(order))
    quota = np.minimum(np.floor(exact).astype(np.int64), most)
    # One round is enough unless small groups could not give their share.
    while quota.sum() < wanted:
        for group in np.argsort(quota - exact, kind="stable"):
            if quota.sum() < wanted and quota[group] < most[group]:
                quota[group] += 1
    by_group = np.argsort(groups[order], kind="stable")
    group_of = groups[order][by_group]
    rank = np.arange(len(order)) - (np.cumsum(sizes) - sizes)[group_of]
    marked[order[by_group[rank < quota[group_of]]]] = True
    return marked
