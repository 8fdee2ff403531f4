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

    Raises
    ------
    DataError
        There are too few rows to put one in each part.
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
    groups = (
        np.zeros(n, np.int64) if classes is None else np.unique(classes, return_inverse=True)[1]
    )
    if len(groups) != n:
        raise DataError("one class for each row is needed", allowed=n, given=len(groups))
    order = _shuffled(n, seed)
    tested = _deal(groups, order, test, spare=int(validation > 0))
    rest = order[~tested[order]]
    # Sizes of the classes without the test rows decide how many go to validation.
    chosen = _deal(groups, rest, validation, spare=0)
    trained = ~(tested | chosen)
    return Split(np.flatnonzero(trained), np.flatnonzero(chosen), np.flatnonzero(tested))


def _shuffled(n: int, seed: int) -> np.ndarray:
    """A random order of n rows that is the same with every version of NumPy.

    Raw numbers of a counter-based generator are; the methods that draw from them may change.
    """
    stream = np.random.Philox(key=np.array([seed, zlib.crc32(b"split")], np.uint64))
    return np.argsort(stream.random_raw(n), kind="stable")


def _deal(groups: np.ndarray, order: np.ndarray, share: float, *, spare: int) -> np.ndarray:
    """Mark a share of the rows in `order`, spread over the groups and leaving each at least one.

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
