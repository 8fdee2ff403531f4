"""What is fused with a product: computed from the accumulators of a tile before they are stored.

Bias, activation, the activation's derivative, sums by columns for the bias gradient, the
optimizer's step for the gradient of a weight.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from quickprop.graph import Op, Shape, Tensor
from quickprop.graph.primitives import REDUCTIONS
from quickprop.native.elementwise import (
    ELEMENT,
    HEAVY,
    Column,
    Expression,
    keeps_zero,
    line_width,
    walk_expression,
)
from quickprop.native.fused import clear_padding, column_mask, kernel_bug
from quickprop.native.gemm.multiplier import Multiplier
from quickprop.native.gemm.tiles import Tile, is_one_line, panels_of
from quickprop.native.ir import Value, int64, literal, vector_type
from quickprop.native.kernel import KernelWriter
from quickprop.native.layout import layout_of, padded
from quickprop.native.reductions import combine, neutral

#: A tensor of so many bytes is not in the second cache when it is needed again.
FAR_BYTES = 2**19

#: What is summed by columns, by node and vector of the tile.
_Totals = dict[tuple[Tensor, Any], Value]


def fits_epilogue(node: Tensor, space: Shape) -> bool:
    """True when a node may be computed at the end of a product's tile of that shape."""
    if node.op in (Op.SUM, Op.MAX, Op.MATMUL):
        return False
    if len(node.shape) != len(space):
        return all(dim == 1 for dim in node.shape)
    return node.shape[-1] in (1, space[-1]) and lines_fit(node, space)


def padded_alike(node: Tensor, product: Tensor) -> bool:
    """True when a product's loops over columns end where the lines of a node do."""
    if line_width(node) == 1:
        return True
    width = line_width(product)
    return padded(width, node.dtype) == padded(width, product.dtype)


def lines_fit(node: Tensor, space: Shape) -> bool:
    """True when a node has the same line for every line of a product of that shape, or one each."""
    if len(node.shape) != len(space):
        return True
    return node.shape[:-1] == space[:-1] or is_one_line(node.shape)


class Epilogue:
    """The end of a product's tiles.

    Parameters
    ----------
    kernel : KernelWriter
    multiplier : Multiplier
    node : Tensor
        The product.
    members : sequence of Tensor
        What is stored or summed by columns; it may hold the product itself.
    is_leaf : callable
        Whether a node is read from memory.
    """

    def __init__(
        self,
        kernel: KernelWriter,
        multiplier: Multiplier,
        node: Tensor,
        members: Sequence[Tensor],
        is_leaf: Callable[[Tensor], bool],
    ) -> None:
        self.kernel, self.w, self.multiplier = kernel, kernel.writer, multiplier
        self.node = node
        self.is_leaf = is_leaf
        self.element, self.lanes, self.align = (
            multiplier.element,
            multiplier.lanes,
            multiplier.align,
        )
        self.out = layout_of(node.shape, node.dtype)
        self.columns = [n for n in members if n.op in REDUCTIONS]
        self.stored = [n for n in members if n.op not in REDUCTIONS]
        self.roots = [n.inputs[0] for n in self.columns] + self.stored
        self.keeps = self._leaf_or_product
        self._zero: dict[Tensor, bool] = {}
        #: What the accumulators hold at the end: the product, or the product and its bias.
        self.result: Tensor = node
        self.bias: Tensor | None = None
        self._start_from_bias()
        self.looped = any(n.op in HEAVY for n in walk_expression(self.roots, self.keeps))
        #: The first column of the last panel, and where that panel ends: only padding follows.
        self.last, vectors = panels_of(node, kernel.machine)[-1]
        self.stop = self.last + vectors * self.lanes
        self.scratch: Value | None = None
        #: Large tensors that the end of a tile reads: asked for before the tile's work begins.
        self.far = self._far()

    # -- before the work ------------------------------------------------------------------------

    def prepare(self, tiles: Sequence[Tile]) -> None:
        """Make room for the accumulators of the largest of these tiles, if they must be parked."""
        if self.looped:
            most = max(tile.rows * tile.vectors for tile in tiles)
            self.scratch = self.w.emit(
                "ptr", f"alloca [{most} x {self.multiplier.vector}], align 64"
            )

    def begin_panel(self, column: Column, vectors: int) -> None:
        """Sums by columns start from nothing."""
        w = self.w
        for node in self.columns:
            element = ELEMENT[node.dtype]
            type_ = vector_type(element, self.lanes)
            line = w.offset(self.kernel.pointer(node), column.first, element)
            for v in range(vectors):
                w.store(neutral(node.op, type_), w.offset(line, int64(v * self.lanes), element), 4)

    def start(self, column: Column, vectors: int) -> list[Value]:
        """What the sums of a line start from."""
        if self.bias is None:
            return [literal(0, self.multiplier.vector)] * vectors
        pointer = self.kernel.pointer(self.bias)
        return self.multiplier.load(self.w.offset(pointer, column.first, self.element), vectors)

    def ask_for(self, i: Value, column: Column, tile: Tile) -> None:
        """Begin to bring what the tile's end will read from memory into the cache."""
        w = self.w
        numbers = 64 // self.align
        for node in self.far:
            for r in range(tile.rows):
                line = self._address(node, w.add(i, int64(r)), column)
                for at in range(0, tile.vectors * self.lanes, numbers):
                    self.multiplier.prefetch(w.offset(line, int64(at), self.element), write=True)

    def _leaf_or_product(self, node: Tensor) -> bool:
        return node is self.result or self.is_leaf(node)

    def _start_from_bias(self) -> None:
        """Let the sums start from the bias when all that is done with the product is to add it."""
        if self.node in self.stored:
            return
        users = [
            n
            for n in walk_expression(self.roots, self.keeps)
            if any(x is self.node for x in n.inputs)
        ]
        if len(users) != 1 or users[0].op is not Op.ADD:
            return
        first, second = users[0].inputs
        other = second if first is self.node else first
        if other.op is not Op.BROADCAST or other is self.node:
            return
        line = other.inputs[0]
        one_line = is_one_line(line.shape) and line.shape[-1] == self.out.width
        if one_line and self.is_leaf(line) and self.out.width > 1:
            self.result, self.bias = users[0], line

    def _far(self) -> list[Tensor]:
        if self.out.rows or self.out.size * self.align < FAR_BYTES:
            return []
        return [
            n
            for n in walk_expression(self.roots, self.keeps)
            if n is not self.result and self.is_leaf(n) and n.shape == self.node.shape
        ]

    # -- the end of a tile ----------------------------------------------------------------------

    def finish(self, i: Value, column: Column, tile: Tile, sums: list[Value]) -> None:
        """Compute and store what comes from a tile's accumulators."""
        if self.looped:
            self._finish_looped(i, column, tile, sums)
        else:
            self._finish(i, column, tile, sums)
        left = self.out.stride - self.stop
        end = Column(int64(self.stop), self.stop, "end")
        with self._if_last(column) as is_last:
            for r in range(tile.rows if left and is_last else 0):
                for node in self.stored:
                    zeros = literal(0, vector_type(ELEMENT[node.dtype], left))
                    place = self._address(node, self.w.add(i, int64(r)), end)
                    self.w.store(zeros, place, node.dtype.itemsize)

    def end_panel(self, column: Column) -> None:
        """After the last panel: zero what it left out, and the minus infinity of a maximum."""
        cut = self.stop < self.out.stride
        left = [node for node in self.columns if cut or node.op is Op.MAX]
        if not left or self.out.width == self.out.stride:
            return
        with self._if_last(column) as is_last:
            for node in left if is_last else ():
                clear_padding(self.w, self.kernel.pointer(node), node)

    @contextmanager
    def _if_last(self, column: Column) -> Iterator[bool]:
        """What is written inside is done in the last panel only; False when this is another one."""
        if column.known is not None:
            yield column.known == self.last
            return
        with self.w.when(self.w.compare("icmp eq", column.first, int64(self.last))):
            yield True

    def _expression(self, line: Value, product: Callable[[Column], Value]) -> Expression:
        def leaf(node: Tensor, column: Column | None) -> Value:
            if node is self.result:
                assert column is not None
                return product(column)
            return self._load(node, line, column)

        return Expression(
            self.w,
            leaf,
            self.keeps,
            reduce=lambda node: kernel_bug(node),
            lanes=self.lanes,
            line=lambda: line,
            row_count=self.kernel.rows,
            is_wide=lambda node: line_width(node) > 1 or node.shape == self.node.shape,
        )

    def _address(self, node: Tensor, line: Value, column: Column | None) -> Value:
        w, element = self.w, ELEMENT[node.dtype]
        layout = layout_of(node.shape, node.dtype)
        pointer = self.kernel.pointer(node)
        # A line vector [1, n] or one number: the same for every line.
        if not is_one_line(node.shape) or is_one_line(self.node.shape):
            pointer = w.offset(pointer, w.mul(line, int64(layout.stride)), element)
        return pointer if column is None else w.offset(pointer, column.first, element)

    def _load(self, node: Tensor, line: Value, column: Column | None) -> Value:
        type_ = ELEMENT[node.dtype]
        if column is not None:
            type_ = vector_type(type_, self.lanes)
        return self.w.load(self._address(node, line, column), type_, node.dtype.itemsize)

    def _columns_of(self, column: Column, tile: Tile) -> list[Column]:
        w = self.w
        known = column.known
        return [
            Column(
                int64(known + v * self.lanes)
                if known is not None
                else w.add(column.first, int64(v * self.lanes)),
                None if known is None else known + v * self.lanes,
                v,
            )
            for v in range(tile.vectors)
        ]

    def _line_results(
        self, line: Value, columns: list[Column], expression: Expression, sums: _Totals
    ) -> None:
        """Store what is stored for one line; add to `sums` what is summed by columns."""
        w = self.w
        for v, column in enumerate(columns):
            pending = []
            for node in self.stored:
                value = self._masked(node, expression.value(node, column), column, Op.SUM)
                pending.append((value, self._address(node, line, column)))
            for node in self.columns:
                root = node.inputs[0]
                value = self._masked(root, expression.value(root, column), column, node.op)
                before = sums.get((node, v))
                sums[node, v] = value if before is None else combine(w, node.op, before, value)
            for value, pointer in pending:
                w.store(value, pointer, self.align)

    def _masked(self, node: Tensor, value: Value, column: Column, op: Op) -> Value:
        # The padding of B is zero, and so is the product's.
        if op is Op.SUM and self._keeps_zero(node):
            return value
        mask = column_mask(self.w, column, self.lanes, self.out)
        return value if mask is None else self.w.select(mask, value, neutral(op, value.type))

    def _keeps_zero(self, node: Tensor) -> bool:
        """Found out once: it is asked for every vector of every tile."""
        known = self._zero.get(node)
        if known is None:
            known = self._zero[node] = keeps_zero(node, self.keeps)
        return known

    def _add_columns(self, columns: list[Column], sums: _Totals) -> None:
        w = self.w
        for (node, v), value in sums.items():
            element = ELEMENT[node.dtype]
            at = w.offset(self.kernel.pointer(node), columns[v].first, element)
            w.store(combine(w, node.op, w.load(at, value.type, self.align), value), at, self.align)

    def _finish(self, i: Value, column: Column, tile: Tile, sums: list[Value]) -> None:
        columns = self._columns_of(column, tile)
        totals: _Totals = {}
        for r in range(tile.rows):
            line = self.w.add(i, int64(r)) if r else i
            mine = sums[r * tile.vectors : (r + 1) * tile.vectors]
            expression = self._expression(line, functools.partial(_picked, mine))
            self._line_results(line, columns, expression, totals)
        self._add_columns(columns, totals)

    def _finish_looped(self, i: Value, column: Column, tile: Tile, sums: list[Value]) -> None:
        """Park the accumulators, then go over the tile's lines in a loop: shorter code."""
        w, scratch = self.w, self.scratch
        assert scratch is not None
        width = tile.vectors * self.lanes
        type_ = vector_type(self.element, self.lanes)
        for r in range(tile.rows):
            for v in range(tile.vectors):
                place = w.offset(scratch, int64(r * width + v * self.lanes), self.element)
                w.store(sums[r * tile.vectors + v], place, self.align)
        columns = self._columns_of(column, tile)
        with w.loop(int64(0), int64(tile.rows * width), int64(width)) as at:
            line = w.add(i, w.binary("sdiv", at, int64(width)))

            def product(where: Column) -> Value:
                parked = w.offset(scratch, at, self.element)
                place = w.offset(parked, int64(where.key * self.lanes), self.element)
                return w.load(place, type_, self.align)

            totals: _Totals = {}
            self._line_results(line, columns, self._expression(line, product), totals)
            self._add_columns(columns, totals)


def _picked(sums: list[Value], column: Column) -> Value:
    """The accumulator of a column; its key is its place in the tile."""
    picked: Value = sums[column.key]
    return picked
