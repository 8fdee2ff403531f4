"""Rows dealt into folds, of which each is predicted by what was learned from the others."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from quickprop.errors import DataError

#: Groups with more rows than this part of a fold are dealt one by one, the largest first.
_LARGE = 0.02


@dataclass(frozen=True, eq=False)
class Folds:
    """In which fold each row is held out.

    Attributes
    ----------
    fold_of : int array, shape (rows,)
        From 0 to `count` - 1; -1 for a row that is in none, such as those of a test part.
    count : int
        At least 2.
    used : int
        How many folds are held out in turn, the first ones: 1 where there is time for one only.
    """

    fold_of: np.ndarray
    count: int
    used: int

    @property
    def rows(self) -> np.ndarray:
        """The rows that are held out once, climbing."""
        return np.flatnonzero((self.fold_of >= 0) & (self.fold_of < self.used))

    def placed(self, rows: np.ndarray, of: int) -> Folds:
        """The same folds as those of some of many rows.

        Parameters
        ----------
        rows : int array
            Which row each of these is.
        of : int
            How many rows there are.
        """
        fold_of = np.full(of, -1, np.int64)
        fold_of[rows] = self.fold_of
        return Folds(fold_of, self.count, self.used)

    def train(self, fold: int) -> np.ndarray:
        """The rows to learn from when that fold is held out, climbing."""
        return np.flatnonzero((self.fold_of != fold) & (self.fold_of >= 0))

    def held_out(self, fold: int) -> np.ndarray:
        """The rows of the fold, climbing."""
        return np.flatnonzero(self.fold_of == fold)


def deal_folds(
    rows: int,
    count: int,
    *,
    seed: int,
    classes: np.ndarray | None = None,
    numbers: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> Folds:
    """Deal rows into folds of about one size, the same for the same seed.

    Parameters
    ----------
    rows, count : int
        How many rows, and folds.
    seed : int
        From 0 to 2**64 - 1.
    classes : int array, shape (rows,), optional
        Every fold has its share of each class.
    numbers : float array, shape (rows,), optional
        A target: every fold has its share of small and of large ones.
    groups : int array, shape (rows,), optional
        Rows of one number are in one fold.

    Raises
    ------
    DataError
        There are fewer rows or groups than folds.
    """
    lot = _lots(rows, seed)
    if groups is None:
        if rows < count:
            raise DataError(
                "fewer rows than folds", where="folds", allowed=f"at most {rows}", given=count,
                hint="ask for fewer folds",
            )  # fmt: skip
        return Folds(_dealt_in_turn(lot, count, classes, numbers), count, count)
    _, first, unit, sizes = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    if len(first) < count:
        raise DataError(
            "fewer groups than folds", where="folds", allowed=f"at most {len(first)}", given=count,
            hint="ask for fewer folds, or name a column with more groups",
        )  # fmt: skip
    fold_of_unit = np.full(len(first), -1, np.int64)
    filled = np.zeros(count, np.int64)
    large = np.flatnonzero(sizes > max(1.0, _LARGE * rows / count))
    for one in large[np.lexsort((lot[first[large]], -sizes[large]))]:
        fold = int(filled.argmin())
        fold_of_unit[one] = fold
        filled[fold] += sizes[one]
    small = np.flatnonzero(fold_of_unit < 0)
    if len(small):
        dealt = _dealt_in_turn(
            lot[first[small]],
            count,
            None if classes is None else classes[first[small]],
            None if numbers is None else numbers[first[small]],
        )
        # What the large ones left uneven is made up for: the emptiest fold takes the fullest share.
        shares = np.bincount(dealt, sizes[small], minlength=count)
        renamed = np.empty(count, np.int64)
        renamed[np.argsort(-shares, kind="stable")] = np.argsort(filled, kind="stable")
        fold_of_unit[small] = renamed[dealt]
    return Folds(fold_of_unit[unit], count, count)


def folds_in_time(times: np.ndarray, count: int) -> Folds:
    """Blocks of rows that follow each other in time; rows of one time are in one block.

    Parameters
    ----------
    times : float array, shape (rows,)
    count : int

    Raises
    ------
    DataError
        There are fewer times than folds.
    """
    _, place, sizes = np.unique(times, return_inverse=True, return_counts=True)
    if len(sizes) < count:
        raise DataError(
            "fewer different times than folds", where="folds", allowed=f"at most {len(sizes)}",
            given=count, hint="ask for fewer folds",
        )  # fmt: skip
    before = np.cumsum(sizes) - sizes
    block = np.minimum(before * count // len(times), count - 1)
    # Every block has a time of its own, however many rows a time has.
    block = np.maximum(block, 0)
    used = np.unique(block, return_inverse=True)[1]
    if int(used.max()) + 1 < count:
        used = np.minimum(np.arange(len(sizes)) * count // len(sizes), count - 1)
    return Folds(used[place], count, count)


def _lots(rows: int, seed: int) -> np.ndarray:
    """A random number for each row, the same with every version of NumPy."""
    stream = np.random.Philox(key=np.array([seed, zlib.crc32(b"folds")], np.uint64))
    return np.asarray(stream.random_raw(rows))


def _dealt_in_turn(
    lot: np.ndarray, count: int, classes: np.ndarray | None, numbers: np.ndarray | None
) -> np.ndarray:
    """The fold of each, dealt like cards: by class, or in the order of the target, else by lot."""
    if classes is not None:
        order = np.lexsort((lot, classes))
        turn = np.arange(len(lot)) % count
    elif numbers is not None:
        # Of `count` neighbours in the order of the target each goes into another fold, by lot.
        order = np.lexsort((lot, numbers))
        hand = np.arange(len(lot)) // count
        by_lot = np.lexsort((lot[order][::-1], hand))
        turn = np.empty(len(lot), np.int64)
        turn[by_lot] = np.arange(len(lot)) % count
    else:
        order = np.argsort(lot, kind="stable")
        turn = np.arange(len(lot)) % count
    fold = np.empty(len(lot), np.int64)
    fold[order] = turn
    return fold
