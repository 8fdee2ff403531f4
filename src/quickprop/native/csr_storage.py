"""The arrays behind the slots of an input of compressed sparse rows."""

from __future__ import annotations

import numpy as np

from quickprop.graph import Tensor
from quickprop.native.csr import CsrMatrix, HybridMatrix
from quickprop.native.csr_kernels import ENTRIES
from quickprop.native.pointer_table import CsrPart
from quickprop.native.variable_storage import aligned_bytes

#: Bytes of a number of `indptr`, and of `indices`.
INDPTR_BYTES, INDEX_BYTES = 8, 4


def given_entries(rows: CsrMatrix) -> dict[CsrPart, np.ndarray]:
    """The entries that came in."""
    return {CsrPart.GIVEN_INDICES: rows.indices, CsrPart.GIVEN_DATA: rows.data}


def room_for_columns(leaf: Tensor, entries: int) -> dict[CsrPart, np.ndarray]:
    """Memory for the entries of a batch by column."""
    sizes = {
        CsrPart.COLUMN_INDPTR: INDPTR_BYTES * ((leaf.shape[1] or 1) + 2),
        CsrPart.COLUMN_INDICES: INDEX_BYTES * entries,
        CsrPart.COLUMN_DATA: leaf.dtype.itemsize * entries,
    }
    return {name: aligned_bytes(count) for name, count in sizes.items()}


def parts_of_hybrid(
    leaf: Tensor, matrix: HybridMatrix, batch: int, stride: int
) -> dict[CsrPart, np.ndarray]:
    """What a training step needs of an input, and the memory of a batch of it.

    Parameters
    ----------
    stride : int
        Numbers in a line of the sums over dense columns.
    """
    rows, size, width = matrix.entries, leaf.dtype.itemsize, len(matrix.columns)
    entries = rows.most_entries(batch) + ENTRIES
    sizes = {
        CsrPart.INDPTR: INDPTR_BYTES * (batch + 1),
        CsrPart.INDICES: INDEX_BYTES * entries,
        CsrPart.DATA: size * entries,
        CsrPart.BLOCK: size * batch * matrix.block.shape[1],
        CsrPart.ROW_SUMS: size * batch * stride,
        CsrPart.COLUMN_SUMS: size * (width + 1) * stride,
    }
    return {
        # Native code reads some entries beyond the last.
        CsrPart.GIVEN_INDICES: np.concatenate([rows.indices, np.zeros(ENTRIES, np.int32)]),
        CsrPart.GIVEN_DATA: np.concatenate([rows.data, np.zeros(ENTRIES, rows.dtype)]),
        CsrPart.GIVEN_BLOCK: matrix.block,
        CsrPart.DENSE_COLUMNS: np.concatenate([[width], matrix.columns]),
        CsrPart.DENSE_PLACES: matrix.places,
        **{name: aligned_bytes(count) for name, count in sizes.items()},
        **room_for_columns(leaf, entries),
    }
