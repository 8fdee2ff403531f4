"""The product kernel: C[i, j] = sum over k of A(i, k) B(k, j), a tile at a time.

A tile is a few rows by a few vectors of accumulators. B is loaded as vectors; A is broadcast
through two strides, so one kernel serves products with A as it lies and as its transpose. B as its
transpose is packed first. What is fused with the product runs on the accumulators before the store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quickprop.graph import Tensor
from quickprop.native.buffers import Buffer
from quickprop.native.csr_kernels import CsrBuffers
from quickprop.native.elementwise import ELEMENT, Column
from quickprop.native.gemm.csr_product import CsrLines
from quickprop.native.gemm.epilogue import Epilogue
from quickprop.native.gemm.multiplier import Multiplier
from quickprop.native.gemm.tiles import (
    Panel,
    Tile,
    line_count,
    panel_groups,
    product_lanes,
    tile_rows,
)
from quickprop.native.ir import Value, int64
from quickprop.native.kernel import Kernel, KernelWriter, Memory
from quickprop.native.layout import Layout, layout_of

#: Columns of A whose numbers lie so many bytes apart are asked for so many steps ahead: the
#: processor does not foresee steps beyond a page.
FAR_STEP, AHEAD = 1024, 8


@dataclass(frozen=True)
class ProductKernel(Kernel):
    """A product and what is computed from it on the spot.

    Parameters
    ----------
    node : Tensor
        The MATMUL node.
    a_layout : Layout
        How A lies in memory: padded, or as NumPy has it.
    rows_hint : int
        Rows that a call usually has.
    members : tuple of Tensor
        What is stored or summed by columns; it may hold the MATMUL node itself.
    is_leaf : callable
        Whether a node is read from memory.
    panels : Buffer or None
        B in panels, when it is packed.
    csr : CsrBuffers or None
        The entries of A, or of its transpose when that is what is read, if it is held so.
    """

    node: Tensor
    a_layout: Layout
    rows_hint: int
    members: tuple[Tensor, ...]
    is_leaf: Callable[[Tensor], bool]
    panels: Buffer | None = None
    csr: CsrBuffers | None = None

    @property
    def transpose_a(self) -> bool:
        """A is read as its transpose."""
        return bool(self.node.attribute("transpose_a"))

    @property
    def results(self) -> tuple[Memory, ...]:
        """The members; and the sums over dense columns, memory that other products use too."""
        if self.csr is None or self.csr.dense is None:
            return self.members
        return (*self.members, self.csr.dense.sums)

    @property
    def can_be_shared(self) -> bool:
        """By panels of the result."""
        return True

    def write(self, writer: KernelWriter) -> None:
        """The loops over panels and tiles."""
        _PanelLoops(writer, self).write()


class _PanelLoops:
    def __init__(self, kernel: KernelWriter, product: ProductKernel) -> None:
        self.kernel, self.w, self.product = kernel, kernel.writer, product
        self.node = product.node
        self.element, self.align = ELEMENT[self.node.dtype], self.node.dtype.itemsize
        self.out = layout_of(self.node.shape, self.node.dtype)
        self.lanes = product_lanes(self.node, kernel.machine)
        self.multiplier = Multiplier(self.w, self.element, self.lanes, self.align)
        self.end = Epilogue(kernel, self.multiplier, self.node, product.members, product.is_leaf)
        a_strides = (product.a_layout.stride, 1)
        self.step_i, self.step_k = reversed(a_strides) if product.transpose_a else a_strides
        self.inner = self._inner()
        self.extent = self.out.lines_per_row * (product.rows_hint if self.out.rows else 1)

    def _inner(self) -> Value:
        """Length of what is summed over: the lines of A, or the width of a line."""
        a = self.node.inputs[0]
        return line_count(self.kernel, a) if self.product.transpose_a else int64(a.shape[-1] or 1)

    def write(self) -> None:
        machine = self.kernel.machine
        stop = line_count(self.kernel, self.node)
        groups = [
            (first, count, Tile(tile_rows(self.extent, vectors, machine), vectors))
            for first, count, vectors in panel_groups(self.node, machine)
        ]
        self.end.prepare([tile for _, _, tile in groups])
        # Equally wide panels share one piece of code, in a loop.
        for first, count, tile in groups:
            self._panels(first, count, tile, stop)

    def _panels(self, first: int, count: int, tile: Tile, stop: Value) -> None:
        w = self.w
        if count == 1:
            with self.kernel.first_part_only():
                self._panel(Column(int64(first), first, first), tile, stop)
            return
        begin, end = self.kernel.share(int64(count))
        with w.loop(begin, end, int64(1)) as panel:
            column = w.add(w.mul(panel, int64(tile.vectors * self.lanes)), int64(first))
            self._panel(Column(column, None, "panel"), tile, stop)

    def _panel(self, column: Column, tile: Tile, stop: Value) -> None:
        """All rows of one panel."""
        w, product = self.w, self.product
        self.end.begin_panel(column, tile.vectors)
        if product.panels is not None:
            base = self.kernel.pointer(product.panels)
            b = w.offset(base, w.mul(self.inner, column.first), self.element)
            step = tile.vectors * self.lanes
        else:
            factor = self.node.inputs[1]
            b = w.offset(self.kernel.pointer(factor), column.first, self.element)
            step = layout_of(factor.shape, factor.dtype).stride
        panel = Panel(column, tile.vectors, b, step)
        if product.csr is not None:
            lines = CsrLines(self.kernel, self.multiplier, self.end, product.csr, self.inner)
            lines.write(panel, tile, stop)
        else:
            self._tiles(panel, tile, stop)
        self.end.end_panel(column)

    def _tiles(self, panel: Panel, tile: Tile, stop: Value) -> None:
        w = self.w
        full = w.sub(stop, int64(tile.rows - 1)) if tile.rows > 1 else stop
        loop = w.open_loop(int64(0), full, int64(tile.rows))
        self._tile(loop.index, panel, tile)
        w.close_loop(loop)
        if tile.rows > 1:
            self._left_over(panel, tile, stop)

    def _left_over(self, panel: Panel, tile: Tile, stop: Value) -> None:
        """The rows after the last whole tile."""
        w = self.w
        # What is left over: one tile of the usual remainder, and rows one by one for other counts.
        at = w.sub(stop, w.binary("srem", stop, int64(tile.rows)))
        rest = self.extent % tile.rows
        if rest:
            room = w.compare("icmp sge", w.sub(stop, at), int64(rest))
            with w.when(room):
                self._tile(at, panel, Tile(rest, tile.vectors))
            at = w.select(room, w.add(at, int64(rest)), at)
        if self.node.shape[0] is None:
            single = w.open_loop(at, stop, int64(1))
            self._tile(single.index, panel, Tile(1, tile.vectors))
            w.close_loop(single)

    def _tile(self, i: Value, panel: Panel, tile: Tile) -> None:
        w = self.w
        a = self.kernel.pointer(self.node.inputs[0])
        a = w.offset(a, w.mul(i, int64(self.step_i)), self.element)
        self.end.ask_for(i, panel.column, tile)
        start = self.end.start(panel.column, tile.vectors) * tile.rows

        def step_of(k: Value) -> Value:
            return w.offset(
                a, k if self.step_k == 1 else w.mul(k, int64(self.step_k)), self.element
            )

        def line(k: Value) -> Value:
            if self.step_k * self.align >= FAR_STEP:
                ahead = w.offset(step_of(k), int64(AHEAD * self.step_k), self.element)
                self.multiplier.prefetch(ahead, write=False)
            return panel.line(w, k, self.element)

        def number(k: Value, r: int) -> Value:
            return w.offset(step_of(k), int64(r * self.step_i), self.element)

        sums = self.multiplier.multiply(int64(0), self.inner, start, tile, line, number)
        self.end.finish(i, panel.column, tile, sums)
