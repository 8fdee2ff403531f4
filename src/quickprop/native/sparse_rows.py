"""Rows of which most numbers are zero, held as lists of the others: compressed sparse rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Rows looked at to see how many zeros an array has.
SAMPLE = 128


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
    def of_array(cls, array: np.ndarray) -> SparseRows:
        """The lists of a whole array of two axes."""
        kept = array != 0
        starts = np.zeros(len(array) + 1, np.int64)
        np.cumsum(np.count_nonzero(kept, axis=1), out=starts[1:])
        places = np.flatnonzero(kept)
        columns = (places % array.shape[1]).astype(np.int32)
        return cls(starts, columns, array[kept], array.shape[1])

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

    def dense(self, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Some rows, whole."""
        index = np.arange(len(self))[rows]
        counts = np.diff(self.starts)[index]
        ends = np.cumsum(counts)
        places = np.arange(counts.sum()) + np.repeat(self.starts[index] - ends + counts, counts)
        found = np.zeros((len(index), self.width), self.dtype)
        found[np.repeat(np.arange(len(index)), counts), self.columns[places]] = self.numbers[places]
        return found


def listed_share(array: np.ndarray | SparseRows) -> float:
    """About which part of the numbers of an array is not zero, by a sample of its rows."""
    if isinstance(array, SparseRows):
        return len(array.numbers) / max(1, array.size)
    some = array[:: -(-len(array) // SAMPLE)]
    return np.count_nonzero(some) / max(1, some.size)
