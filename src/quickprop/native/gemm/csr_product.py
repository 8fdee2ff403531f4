"""Products whose first factor is compressed sparse rows.

A line of the result is a sum over the entries of a row. The columns that are kept dense are summed
over first, tile by tile, and the sparse entries go on from there.
"""

from __future__ import annotations

from dataclasses import dataclass

from quickprop.native.csr_kernels import (
    CsrBuffers,
    DenseColumns,
    block_stride,
    entry_index,
    entry_range,
)
from quickprop.native.elementwise import Column
from quickprop.native.gemm.epilogue import Epilogue
from quickprop.native.gemm.multiplier import Multiplier
from quickprop.native.gemm.tiles import Panel, Tile
from quickprop.native.ir import Value, int64, literal
from quickprop.native.kernel import KernelWriter


@dataclass(frozen=True)
class CsrLines:
    """The lines of a panel of such a product.

    Parameters
    ----------
    kernel : KernelWriter
    multiplier : Multiplier
    end : Epilogue
    csr : CsrBuffers
        The entries of A, or of its transpose.
    inner : Value
        Length of what is summed over.
    """

    kernel: KernelWriter
    multiplier: Multiplier
    end: Epilogue
    csr: CsrBuffers
    inner: Value

    @property
    def _transposed(self) -> bool:
        return bool(self.end.node.attribute("transpose_a"))

    def write(self, panel: Panel, tile: Tile, stop: Value) -> None:
        """All lines of a panel."""
        w = self.kernel.writer
        if self.csr.dense is not None:
            self._sum_dense_columns(self.csr.dense, panel, tile, stop)
        with w.loop(int64(0), stop, int64(1)) as line:
            self._line(line, panel)

    def _line(self, i: Value, panel: Panel) -> None:
        """One line of the result."""
        w, element = self.kernel.writer, self.multiplier.element
        indptr, indices, data = map(self.kernel.pointer, self.csr.entries)
        start = self.end.start(panel.column, panel.vectors)
        if self.csr.dense is not None:
            sums = self._dense_sums(self.csr.dense, i, panel.column, panel.vectors)
            start = sums if self.end.bias is None else [w.fadd(*pair) for pair in zip(start, sums)]

        def line(entry: Value) -> Value:
            return panel.line(w, entry_index(w, indices, entry), element)

        def number(entry: Value, _: int) -> Value:
            return w.offset(data, entry, element)

        tile = Tile(1, panel.vectors)
        begin, end = entry_range(w, indptr, i)
        sums = self.multiplier.multiply(begin, end, start, tile, line, number)
        self.end.finish(i, panel.column, tile, sums)

    def _dense_sums(
        self, dense: DenseColumns, i: Value, column: Column, vectors: int
    ) -> list[Value]:
        """What the dense columns give for one line of the result."""
        w = self.kernel.writer
        if self._transposed:
            i = entry_index(w, self.kernel.pointer(dense.places), i)
        at = w.add(w.mul(i, int64(dense.stride)), column.first)
        sums = self.kernel.pointer(dense.sums)
        return self.multiplier.load(w.offset(sums, at, self.multiplier.element), vectors)

    def _sum_dense_columns(
        self, dense: DenseColumns, panel: Panel, tile: Tile, stop: Value
    ) -> None:
        """The part of a panel that comes from the columns of A that are kept dense."""
        w = self.kernel.writer
        count = w.load(self.kernel.pointer(dense.columns), "i64")
        lines = count if self._transposed else stop
        full = w.sub(lines, int64(tile.rows - 1))
        with w.loop(int64(0), full, int64(tile.rows)) as i:
            self._dense_tile(dense, count, i, panel, tile)
        left = w.sub(lines, w.binary("srem", lines, int64(tile.rows)))
        with w.loop(left, lines, int64(1)) as i:
            self._dense_tile(dense, count, i, panel, Tile(1, tile.vectors))

    def _dense_tile(
        self, dense: DenseColumns, count: Value, i: Value, panel: Panel, tile: Tile
    ) -> None:
        w, one, element = self.kernel.writer, int64(1), self.multiplier.element
        block, columns = self.kernel.pointer(dense.block), self.kernel.pointer(dense.columns)
        stride = block_stride(w, self.end.node.inputs[0], count)
        inner, step_i, step_k = count, stride, one
        if self._transposed:
            inner, step_i, step_k = self.inner, one, stride

        def line(k: Value) -> Value:
            if not self._transposed:
                k = w.load(w.offset(columns, w.add(k, one), "i64"), "i64")
            return panel.line(w, k, element)

        def number(k: Value, r: int) -> Value:
            at = w.add(w.mul(w.add(i, int64(r)), step_i), w.mul(k, step_k))
            return w.offset(block, at, element)

        start = [literal(0, self.multiplier.vector)] * (tile.rows * tile.vectors)
        sums = self.multiplier.multiply(int64(0), inner, start, tile, line, number)
        # With the transpose the first line is that of the columns that are not dense: zeros.
        first = w.add(i, one) if self._transposed else i
        goal = self.kernel.pointer(dense.sums)
        for n, value in enumerate(sums):
            r, v = divmod(n, tile.vectors)
            at = w.add(w.mul(w.add(first, int64(r)), int64(dense.stride)), panel.column.first)
            place = w.add(at, int64(v * self.multiplier.lanes))
            w.store(value, w.offset(goal, place, element), self.multiplier.align)
