"""Rows of which most numbers are zero, held as the others: compressed sparse rows.

Columns that are seldom zero are kept dense beside them: a table has numbers and categories.
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
class CsrMatrix:
    """Compressed sparse rows.

    Parameters
    ----------
    indptr : array of int64, shape (rows + 1,)
        Where the entries of each row begin; the last number is how many there are in all.
    indices : array of int32
        Column of each entry, ascending in a row.
    data : array
        The numbers of the entries.
    width : int
        Columns of the rows.
    """

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray
    width: int

    @classmethod
    def of_array(cls, array: np.ndarray, columns: np.ndarray | None = None) -> CsrMatrix:
        """The entries of an array of two axes; of some of its columns, if they are given."""
        width = array.shape[1]
        step = max(1, PIECE // max(1, width))
        indptr, indices, data = [np.zeros(1, np.int64)], [], []
        for first in range(0, max(1, len(array)), step):
            piece = np.ascontiguousarray(array[first : first + step])
            kept = piece != 0
            if columns is not None:
                kept &= columns
            found = np.flatnonzero(kept)
            ends = np.searchsorted(found, np.arange(1, len(piece) + 1) * width)
            indptr.append(indptr[-1][-1] + ends)
            indices.append((found % width).astype(np.int32))
            data.append(piece.ravel()[found])
        parts = [np.concatenate(part) for part in (indptr, indices, data)]
        return cls(parts[0], parts[1], parts[2], width)

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self), self.width

    @property
    def dtype(self) -> np.dtype:
        """Of the numbers."""
        return self.data.dtype

    def most_entries(self, rows: int) -> int:
        """The most numbers that so many rows can have together."""
        lengths = np.diff(self.indptr)
        others = max(0, len(self) - rows)
        return int(np.partition(lengths, others)[others:].sum()) if others else int(lengths.sum())

    @property
    def size(self) -> int:
        """Numbers when dense."""
        return len(self) * self.width

    @property
    def parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All that they are made of."""
        return self.indptr, self.indices, self.data

    def row_of(self, entry: int) -> int:
        """The row that an entry stands in."""
        return int(np.searchsorted(self.indptr, entry, "right")) - 1

    def entries(self, rows: np.ndarray | slice) -> tuple[np.ndarray, np.ndarray]:
        """Where the entries of some rows are, and which of these rows each is of."""
        index = np.arange(len(self))[rows]
        counts = np.diff(self.indptr)[index]
        before = np.cumsum(counts) - counts
        places = np.arange(counts.sum()) + np.repeat(self.indptr[index] - before, counts)
        return places, np.repeat(np.arange(len(index)), counts)

    def dense(self, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Some rows as an array."""
        places, lines = self.entries(rows)
        found = np.zeros((len(np.arange(len(self))[rows]), self.width), self.dtype)
        found[lines, self.indices[places]] = self.data[places]
        return found


#: Rows in one form or the other.
Rows = np.ndarray | CsrMatrix


def as_dense(rows: Rows) -> np.ndarray:
    """Rows as an array."""
    return rows.dense() if isinstance(rows, CsrMatrix) else rows


@dataclass(frozen=True, eq=False)
class HybridMatrix:
    """Rows of which some columns are dense and the others compressed.

    Parameters
    ----------
    entries : CsrMatrix
        All rows, their dense columns left out.
    block : array, shape (rows, dense columns padded)
        Lines are padded to whole cache lines.
    columns : array of int64
        Which columns are dense, ascending.
    """

    entries: CsrMatrix
    block: np.ndarray
    columns: np.ndarray

    @classmethod
    def of(cls, rows: Rows, dense: np.ndarray) -> HybridMatrix:
        """Split rows; `dense` says of each column whether it is kept dense."""
        columns = np.flatnonzero(dense)
        in_a_line = ALIGNMENT // rows.dtype.itemsize
        block = np.zeros((len(rows), -(-len(columns) // in_a_line) * in_a_line), rows.dtype)
        if not isinstance(rows, CsrMatrix):
            block[:, : len(columns)] = rows[:, columns]
            return cls(CsrMatrix.of_array(rows, ~dense), block, columns)
        _, lines = rows.entries(slice(None))
        inside = dense[rows.indices]
        place = np.cumsum(dense) - 1
        block[lines[inside], place[rows.indices[inside]]] = rows.data[inside]
        indptr = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(np.bincount(lines[~inside], minlength=len(rows)), out=indptr[1:])
        entries = CsrMatrix(indptr, rows.indices[~inside], rows.data[~inside], rows.width)
        return cls(entries, block, columns)

    @property
    def places(self) -> np.ndarray:
        """For each column 0, or from 1 on its place among the dense ones; int32."""
        found = np.zeros(self.entries.width, np.int32)
        found[self.columns] = np.arange(1, len(self.columns) + 1)
        return found


def column_shares(rows: Rows) -> np.ndarray:
    """About which part of each column is not zero, by a sample of the rows."""
    some = slice(None, None, -(-len(rows) // SAMPLE))
    seen = len(range(len(rows))[some])
    if isinstance(rows, CsrMatrix):
        places, _ = rows.entries(some)
        shares: np.ndarray = np.bincount(rows.indices[places], minlength=rows.width) / seen
        return shares
    counts: np.ndarray = np.count_nonzero(rows[some], axis=0)
    return counts / seen
