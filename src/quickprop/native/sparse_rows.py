"""Rows of which most numbers are zero, held as lists of the others: compressed sparse rows.

Columns that are seldom zero are kept whole beside the lists: a table has numbers and categories.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quickprop.native.layout import ALIGNMENT

#: Rows looked at to see how many zeros an array has.
SAMPLE = 128
#: So many numbers are gone through at a time: what is found out about them stays in the cache.
PIECE = 2**19


@dataclass(frozen=True, eq=False)
class SparseRows:
    """Compressed sparse rows.

    Parameters
    ----------
    starts : array of int64, shape (rows + 1,)
        Where the list of each row begins; the last number is the length of all.
    columns : array of int32
        Column of each listed number, ascending in a row.
    numbers : array
        The listed numbers.
    width : int
        Columns of the rows.
    """

    starts: np.ndarray
    columns: np.ndarray
    numbers: np.ndarray
    width: int

    @classmethod
    def of_array(cls, array: np.ndarray, columns: np.ndarray | None = None) -> SparseRows:
        """The lists of a whole array of two axes; of some of its columns, if they are given."""
        width = array.shape[1]
        step = max(1, PIECE // max(1, width))
        starts, places, numbers = [np.zeros(1, np.int64)], [], []
        for first in range(0, max(1, len(array)), step):
            piece = np.ascontiguousarray(array[first : first + step])
            kept = piece != 0
            if columns is not None:
                kept &= columns
            found = np.flatnonzero(kept)
            ends = np.searchsorted(found, np.arange(1, len(piece) + 1) * width)
            starts.append(starts[-1][-1] + ends)
            places.append((found % width).astype(np.int32))
            numbers.append(piece.ravel()[found])
        parts = [np.concatenate(part) for part in (starts, places, numbers)]
        return cls(parts[0], parts[1], parts[2], width)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self), self.width

    @property
    def dtype(self) -> np.dtype:
        """Of the numbers."""
        return self.numbers.dtype

    def most_entries(self, rows: int) -> int:
        """The most numbers that so many rows can have together."""
        lengths = np.diff(self.starts)
        others = max(0, len(self) - rows)
        return int(np.partition(lengths, others)[others:].sum()) if others else int(lengths.sum())

    @property
    def size(self) -> int:
        """Numbers when whole."""
        return len(self) * self.width

    @property
    def parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All that they are made of."""
        return self.starts, self.columns, self.numbers

    def row_of(self, entry: int) -> int:
        """The row that a listed number stands in."""
        return int(np.searchsorted(self.starts, entry, "right")) - 1

    def entries(self, rows: np.ndarray | slice) -> tuple[np.ndarray, np.ndarray]:
        """Where the numbers of some rows are, and which of these rows each is of."""
        index = np.arange(len(self))[rows]
        counts = np.diff(self.starts)[index]
        before = np.cumsum(counts) - counts
        places = np.arange(counts.sum()) + np.repeat(self.starts[index] - before, counts)
        return places, np.repeat(np.arange(len(index)), counts)

    def dense(self, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Some rows, whole."""
        places, lines = self.entries(rows)
        found = np.zeros((len(np.arange(len(self))[rows]), self.width), self.dtype)
        found[lines, self.columns[places]] = self.numbers[places]
        return found


#: Rows in one form or the other.
Rows = np.ndarray | SparseRows


def as_whole(rows: Rows) -> np.ndarray:
    """Rows as an array."""
    return rows.dense() if isinstance(rows, SparseRows) else rows


@dataclass(frozen=True, eq=False)
class SplitRows:
    """Rows of which some columns are whole and the others are lists.

    Parameters
    ----------
    lists : SparseRows
        All rows, their whole columns left out.
    block : array, shape (rows, whole columns padded)
        Lines are padded to whole cache lines.
    columns : array of int64
        Which columns are whole, ascending.
    """

    lists: SparseRows
    block: np.ndarray
    columns: np.ndarray

    @classmethod
    def of(cls, rows: Rows, whole: np.ndarray) -> SplitRows:
        """Split rows; `whole` says of each column whether it is kept whole."""
        columns = np.flatnonzero(whole)
        in_a_line = ALIGNMENT // rows.dtype.itemsize
        block = np.zeros((len(rows), -(-len(columns) // in_a_line) * in_a_line), rows.dtype)
        if not isinstance(rows, SparseRows):
            block[:, : len(columns)] = rows[:, columns]
            return cls(SparseRows.of_array(rows, ~whole), block, columns)
        _, lines = rows.entries(slice(None))
        inside = whole[rows.columns]
        place = np.cumsum(whole) - 1
        block[lines[inside], place[rows.columns[inside]]] = rows.numbers[inside]
        starts = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(np.bincount(lines[~inside], minlength=len(rows)), out=starts[1:])
        lists = SparseRows(starts, rows.columns[~inside], rows.numbers[~inside], rows.width)
        return cls(lists, block, columns)

    @property
    def places(self) -> np.ndarray:
        """For each column 0, or from 1 on its place among the whole ones; int32."""
        found = np.zeros(self.lists.width, np.int32)
        found[self.columns] = np.arange(1, len(self.columns) + 1)
        return found


def column_shares(rows: Rows) -> np.ndarray:
    """About which part of each column is not zero, by a sample of the rows."""
    some = slice(None, None, -(-len(rows) // SAMPLE))
    seen = len(range(len(rows))[some])
    if isinstance(rows, SparseRows):
        places, _ = rows.entries(some)
        return np.bincount(rows.columns[places], minlength=rows.width) / seen
    return np.count_nonzero(rows[some], axis=0) / seen
