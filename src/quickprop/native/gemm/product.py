"""Matrix products: register tiles, packed operands, and work fused into the tile's last step.

C[i, j] = sum over k of A(i, k) B(k, j). A tile is a few rows by a few vectors of accumulators. B is
loaded as vectors; A is broadcast through two strides, so one kernel serves products with A as it
lies and as its transpose. B as its transpose is packed first. What is fused with the product (bias,
activation, the activation's derivative, column sums) runs on the accumulators before the store.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from quickprop.graph import Op, Shape, Tensor
from quickprop.native.csr_kernels import Lists, WholeColumns, block_stride, entry_place, list_bounds
from quickprop.native.elementwise import (
    ELEMENT,
    HEAVY,
    Column,
    Expression,
    keeps_zero,
    line_width,
    walk_expression,
)
from quickprop.native.ir import FunctionWriter, Value, int64, literal, vector_type
from quickprop.native.layout import Layout, layout_of, padded
from quickprop.native.machine import Machine
from quickprop.native.rowwise import (
    KernelWriter,
    clear_padding,
    column_mask,
    combine,
    kernel_bug,
    neutral,
)
from quickprop.native.transposition import transposed

#: Rows taken for granted when tiles are chosen for a product over the rows of a call.
USUAL_ROWS = 256
#: From this width on B is packed into panels: its lines lie too far apart for the first cache.
PACK_FROM = 512
#: Lines of more vectors lose by halving them: 300 and 500 doubles 2 and 3 % of a step, measured,
#: where 36 gain 4 %.
MOST_HALVED = 16
#: Columns of A whose numbers lie so many bytes apart are asked for so many steps ahead: the
#: processor does not foresee steps beyond a page.
FAR_STEP, AHEAD = 1024, 8
#: A tensor of so many bytes is not in the second cache when it is needed again.
FAR_BYTES = 2**19


@dataclass(frozen=True)
class Tile:
    """Rows and vectors of accumulators."""

    rows: int
    vectors: int


def panel_vectors(vectors: int, machine: Machine) -> int:
    """How many vectors wide the panels are that a line of so many vectors is cut into."""
    most = 4 if machine.vector_registers >= 32 else 2
    panels = -(-vectors // most)
    return -(-vectors // panels)


def tile_rows(extent: int, vectors: int, machine: Machine) -> int:
    """Rows of a tile: the registers allow so many, and few rows should be left over."""
    registers = machine.vector_registers - vectors - (2 if machine.vector_registers > 16 else 1)
    most = max(1, min(registers // vectors, 14))
    best, cost = 1, float("inf")
    for rows in range(1, most + 1):
        full, rest = divmod(extent, rows)
        # Each tile has a step's latency to wait for when it is too small to fill it, and some
        # start-up; B is loaded once a tile.
        now = full * _tile_cost(rows, vectors) + (_tile_cost(rest, vectors) if rest else 0.0)
        if now < cost - 1e-9:
            best, cost = rows, now
    return best


def _tile_cost(rows: int, vectors: int) -> float:
    """Cycles of one step of the inner loop, for one multiply-add a cycle of latency four."""
    work = rows * vectors
    loads = 0.5 * (vectors + rows)
    return max(work, 4.0, loads) + 0.25 * vectors + 0.5


@dataclass(frozen=True)
class Product:
    """A product as its kernel sees it.

    Parameters
    ----------
    node : Tensor
        The MATMUL node.
    a_layout : Layout
        How A lies in memory: padded, or as NumPy has it.
    rows_hint : int
        Rows that a call usually has.
    lists : Lists or None
        The lists of A, or of its transpose when that is what is read, if it is held so.
    """

    node: Tensor
    a_layout: Layout
    rows_hint: int
    lists: Lists | None = None

    @property
    def transpose_a(self) -> bool:
        """A is read as its transpose."""
        return self.node.attribute("transpose_a")

    def inner(self, kernel: KernelWriter) -> Value:
        """Length of what is summed over: the lines of A, or the width of a line."""
        a = self.node.inputs[0].shape
        return line_count(kernel, self.node.inputs[0]) if self.transpose_a else int64(a[-1] or 1)


def line_count(kernel: KernelWriter, node: Tensor) -> Value:
    """How many lines a tensor of at least two axes has."""
    layout = layout_of(node.shape, node.dtype)
    if not layout.rows:
        return int64(layout.lines_per_row)
    return kernel.writer.mul(kernel.rows(), int64(layout.lines_per_row))


def is_one_line(shape: Shape) -> bool:
    """True when all axes but the last have length 1."""
    return all(dim == 1 for dim in shape[:-1])


def needs_packing(node: Tensor, machine: Machine, listed: bool = False) -> bool:
    """True when B must or should be packed into panels before the product.

    With A in lists most lines of B are read a few times or never: they are left where they are.
    """
    if node.attribute("transpose_b"):
        return True
    if listed:
        return False
    layout = layout_of(node.shape, node.dtype)
    vectors = -(-layout.width // product_lanes(node, machine))
    return layout.stride >= PACK_FROM and vectors > panel_vectors(vectors, machine)


def product_lanes(node: Tensor, machine: Machine) -> int:
    """Numbers in the vectors that a line of the result is made of."""
    layout = layout_of(node.shape, node.dtype)
    lanes = min(machine.lanes(node.dtype.itemsize), layout.stride)
    few = layout.width <= MOST_HALVED * lanes
    if few and machine.halves_vectors and 0 < layout.width % lanes <= lanes // 2:
        return lanes // 2
    return lanes


def panels_of(node: Tensor, machine: Machine) -> list[tuple[int, int]]:
    """(first column, vectors) of every panel of the result; vectors of padding are left out."""
    lanes = product_lanes(node, machine)
    vectors = -(-layout_of(node.shape, node.dtype).width // lanes)
    wide = panel_vectors(vectors, machine)
    return [(v * lanes, min(wide, vectors - v)) for v in range(0, vectors, wide)]


def panel_groups(node: Tensor, machine: Machine) -> list[tuple[int, int, int]]:
    """(first column, panels, vectors) for the equally wide panels, then for a narrower last one."""
    panels = panels_of(node, machine)
    alike = sum(vectors == panels[0][1] for _, vectors in panels)
    groups = [(0, alike, panels[0][1])]
    return groups + [(first, 1, vectors) for first, vectors in panels[alike:]]


def write_pack(kernel: KernelWriter, node: Tensor, packed: Tensor) -> None:
    """Copy B into panels: panel after panel, in a panel k after k, each `vectors` vectors wide.

    `packed` stands for the memory of the panels. With B as its transpose, squares of a vector's
    length are transposed in registers.
    """
    w, machine = kernel.writer, kernel.machine
    b = node.inputs[1]
    source, target = kernel.pointer(b), kernel.pointer(packed)
    element, align = ELEMENT[node.dtype], node.dtype.itemsize
    layout, columns = layout_of(b.shape, b.dtype), layout_of(node.shape, node.dtype)
    lanes = product_lanes(node, machine)
    turned = node.attribute("transpose_b")
    inner = b.shape[1] if turned else None
    depth = line_count(kernel, b) if inner is None else int64(inner)
    for first, count, vectors in panel_groups(node, machine):
        width = vectors * lanes
        if turned:
            assert inner is not None
            pack = _TransposingPack(kernel, source, target, layout, inner, lanes, width, element)
            pack.columns(first, first + count * width, columns.width)
            continue
        begin, end = kernel.share(int64(count))
        with (
            w.loop(begin, end, int64(1)) as panel,
            w.loop(int64(0), depth, int64(1)) as k,
        ):
            column = w.add(w.mul(panel, int64(width)), int64(first))
            line = w.offset(source, w.add(w.mul(k, int64(layout.stride)), column), element)
            place = w.add(w.mul(depth, column), w.mul(k, int64(width)))
            for v in range(vectors):
                at = int64(v * lanes)
                part = w.load(w.offset(line, at, element), vector_type(element, lanes), align)
                w.store(part, w.offset(target, w.add(place, at), element), align)


@dataclass(frozen=True)
class _TransposingPack:
    """Packs B read as its transpose: lines of B become columns of the panels."""

    kernel: KernelWriter
    source: Value
    target: Value
    layout: Layout
    inner: int
    lanes: int
    width: int
    element: str

    @property
    def writer(self) -> FunctionWriter:
        """The function that is being written."""
        return self.kernel.writer

    def columns(self, start: int, stop: int, real: int) -> None:
        """Pack columns `start` to `stop`, of which those from `real` on are padding."""
        w, lanes = self.writer, self.lanes
        whole = max(start, min(stop, real) // lanes * lanes)
        if whole > start:
            begin, end = self.kernel.share(int64((whole - start) // lanes))
            with w.loop(begin, end, int64(1)) as block:
                self._block(w.add(w.mul(block, int64(lanes)), int64(start)), lanes, start)
        with self.kernel.first_part_only():
            for column in range(whole, stop, lanes):
                self._block(int64(column), max(0, min(lanes, real - column)), start)

    def _block(self, column: Value, real: int, start: int) -> None:
        """One vector's worth of columns, over the whole depth."""
        w, lanes = self.writer, self.lanes
        # Panels begin at multiples of their width after `start`.
        inside = w.binary("srem", w.sub(column, int64(start)), int64(self.width))
        panel = w.mul(w.sub(column, inside), int64(self.inner))
        place = w.offset(self.target, w.add(panel, inside), self.element)
        square = lanes > 1 and real > lanes // 2 and min(self.layout.stride, self.inner) >= lanes
        whole = self.inner // lanes * lanes if square else 0
        if whole:
            with w.loop(int64(0), int64(whole), int64(lanes)) as k:
                self._square(place, k, column, real)
        if whole < self.inner:
            with w.loop(int64(whole), int64(self.inner), int64(1)) as k:
                self._one_by_one(place, k, column, real)

    def _origin(self, column: Value, lane: int, k: Value) -> Value:
        w = self.writer
        at = w.mul(w.add(column, int64(lane)), int64(self.layout.stride))
        return w.offset(self.source, w.add(at, k), self.element)

    def _one_by_one(self, place: Value, k: Value, column: Value, real: int) -> None:
        w = self.writer
        type_ = vector_type(self.element, self.lanes)
        value = literal(0, type_)
        for lane in range(real):
            number = w.load(self._origin(column, lane, k), self.element)
            if self.lanes == 1:
                value = number
                continue
            value = w.emit(
                type_,
                f"insertelement {type_} {value.text}, {self.element} {number.text}, i64 {lane}",
            )
        at = w.offset(place, w.mul(k, int64(self.width)), self.element)
        w.store(value, at, 8 if self.element == "double" else 4)

    def _square(self, place: Value, k: Value, column: Value, real: int) -> None:
        """Transpose a square of a vector's length in registers."""
        w, lanes = self.writer, self.lanes
        type_ = vector_type(self.element, lanes)
        align = 8 if self.element == "double" else 4
        block = [
            w.load(self._origin(column, lane, k), type_, align)
            if lane < real
            else literal(0, type_)
            for lane in range(lanes)
        ]
        for lane, line in enumerate(transposed(w, block)):
            at = w.mul(w.add(k, int64(lane)), int64(self.width))
            w.store(line, w.offset(place, at, self.element), align)


def write_product(
    kernel: KernelWriter,
    product: Product,
    packed: Tensor | None,
    members: Sequence[Tensor],
    is_leaf: Callable[[Tensor], bool],
) -> None:
    """The product, its result handed to the `members`, which are stored or summed by columns.

    `members` may hold the MATMUL node itself.
    """
    _ProductKernel(kernel, product, packed, list(members), is_leaf).write()


class _ProductKernel:
    def __init__(
        self,
        kernel: KernelWriter,
        product: Product,
        packed: Tensor | None,
        members: list[Tensor],
        is_leaf: Callable[[Tensor], bool],
    ) -> None:
        self.kernel, self.w, self.product, self.packed = kernel, kernel.writer, product, packed
        self.node = product.node
        self.is_leaf = is_leaf
        self.element = ELEMENT[self.node.dtype]
        self.out = layout_of(self.node.shape, self.node.dtype)
        self.lanes = product_lanes(self.node, kernel.machine)
        self.align = self.node.dtype.itemsize
        self.columns = [n for n in members if n.op in (Op.SUM, Op.MAX) and n is not self.node]
        self.stored = [n for n in members if n not in self.columns]
        self.roots = [n.inputs[0] for n in self.columns] + self.stored
        self.keeps = self._leaf_or_product
        #: What the accumulators hold at the end: the product, or the product and its bias.
        self.result: Tensor = self.node
        self.bias: Tensor | None = None
        self._start_from_bias()
        heavy = {n for n in walk_expression(self.roots, self.keeps) if n.op in HEAVY}
        self.looped = bool(heavy)
        a_strides = (product.a_layout.stride, 1)
        self.step_i, self.step_k = reversed(a_strides) if product.transpose_a else a_strides
        self.inner = product.inner(kernel)
        #: The first column of the last panel, and where that panel ends: only padding follows.
        self.last, vectors = panels_of(self.node, kernel.machine)[-1]
        self.stop = self.last + vectors * self.lanes
        self.scratch: Value | None = None
        #: Large tensors that the end of a tile reads: asked for before the tile's work begins.
        self.far = self._far()

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

    def _ask_for(self, i: Value, column: Column, tile: Tile) -> None:
        """Begin to bring what the tile's end will read from memory into the cache."""
        w = self.w
        numbers = 64 // self.align
        for node in self.far:
            for r in range(tile.rows):
                line = self._address(node, w.add(i, int64(r)), column)
                for at in range(0, tile.vectors * self.lanes, numbers):
                    self._prefetch(w.offset(line, int64(at), self.element), write=True)

    def _prefetch(self, pointer: Value, write: bool) -> None:
        settings = [Value(text, "i32") for text in ("1" if write else "0", "3", "1")]
        self.w.call("llvm.prefetch.p0", "void", pointer, *settings)

    def write(self) -> None:
        w, kernel = self.w, self.kernel
        stop = line_count(kernel, self.node)
        extent = self.out.lines_per_row * (self.product.rows_hint if self.out.rows else 1)
        groups = panel_groups(self.node, kernel.machine)
        heights = [tile_rows(extent, vectors, kernel.machine) for _, _, vectors in groups]
        if self.looped:
            most = max(rows * vectors for rows, (_, _, vectors) in zip(heights, groups))
            size = vector_type(self.element, self.lanes)
            self.scratch = w.emit("ptr", f"alloca [{most} x {size}], align 64")
        # Equally wide panels share one piece of code, in a loop.
        for (first, count, vectors), height in zip(groups, heights, strict=True):
            self._panels(first, count, vectors, height, stop, extent)

    def _panels(
        self, first: int, count: int, vectors: int, height: int, stop: Value, extent: int
    ) -> None:
        w = self.w
        width = vectors * self.lanes
        if count == 1:
            with self.kernel.first_part_only():
                self._panel(Column(int64(first), first, first), vectors, height, stop, extent)
            return
        begin, end = self.kernel.share(int64(count))
        with w.loop(begin, end, int64(1)) as panel:
            column = w.add(w.mul(panel, int64(width)), int64(first))
            self._panel(Column(column, None, "panel"), vectors, height, stop, extent)

    def _panel(self, column: Column, vectors: int, height: int, stop: Value, extent: int) -> None:
        """All rows of one panel."""
        w = self.w
        width = vectors * self.lanes
        for node in self.columns:
            element = ELEMENT[node.dtype]
            type_ = vector_type(element, self.lanes)
            line = w.offset(self.kernel.pointer(node), column.first, element)
            for v in range(vectors):
                w.store(neutral(node.op, type_), w.offset(line, int64(v * self.lanes), element), 4)
        if self.packed is not None:
            base = self.kernel.pointer(self.packed)
            start = w.mul(self.inner, column.first)
            b, step = w.offset(base, start, self.element), width
        else:
            base = self.kernel.pointer(self.node.inputs[1])
            b = w.offset(base, column.first, self.element)
            step = layout_of(self.node.inputs[1].shape, self.node.inputs[1].dtype).stride
        lists = self.product.lists
        if lists is not None:
            if lists.whole is not None:
                self._sum_whole_columns(lists.whole, column, Tile(height, vectors), stop, b, step)
            with w.loop(int64(0), stop, int64(1)) as line:
                self._listed(line, column, vectors, lists, b, step)
            self._clear_padding(column)
            return
        full = w.sub(stop, int64(height - 1)) if height > 1 else stop
        loop = w.open_loop(int64(0), full, int64(height))
        self._tile(loop.index, column, Tile(height, vectors), b, step)
        w.close_loop(loop)
        if height > 1:
            self._left_over(column, vectors, height, stop, extent, b, step)
        self._clear_padding(column)

    def _left_over(
        self,
        column: Column,
        vectors: int,
        height: int,
        stop: Value,
        extent: int,
        b: Value,
        step: int,
    ) -> None:
        """The rows after the last whole tile."""
        w = self.w
        # What is left over: one tile of the usual remainder, and rows one by one for other counts.
        at = w.sub(stop, w.binary("srem", stop, int64(height)))
        rest = extent % height
        if rest:
            room = w.compare("icmp sge", w.sub(stop, at), int64(rest))
            with w.when(room):
                self._tile(at, column, Tile(rest, vectors), b, step)
            at = w.select(room, w.add(at, int64(rest)), at)
        if self.node.shape[0] is None:
            single = w.open_loop(at, stop, int64(1))
            self._tile(single.index, column, Tile(1, vectors), b, step)
            w.close_loop(single)

    def _clear_padding(self, column: Column) -> None:
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

    def _vectors(self, pointer: Value, count: int) -> list[Value]:
        """So many vectors from there on."""
        w, type_ = self.w, vector_type(self.element, self.lanes)
        return [
            w.load(w.offset(pointer, int64(v * self.lanes), self.element), type_, self.align)
            for v in range(count)
        ]

    def _start(self, column: Column, vectors: int) -> list[Value]:
        """What the sums of a line start from."""
        if self.bias is None:
            return [literal(0, vector_type(self.element, self.lanes))] * vectors
        pointer = self.kernel.pointer(self.bias)
        return self._vectors(self.w.offset(pointer, column.first, self.element), vectors)

    def _listed(
        self, i: Value, column: Column, vectors: int, lists: Lists, b: Value, step: int
    ) -> None:
        """One line of the result, from the list of the numbers of A that are not zero."""
        w = self.w
        starts, places, numbers = (self.kernel.pointer(node) for node in lists.memory())
        start = self._start(column, vectors)
        if lists.whole is not None:
            sums = self._whole_sums(lists.whole, i, column, vectors)
            start = sums if self.bias is None else [w.fadd(*pair) for pair in zip(start, sums)]

        def line(entry: Value) -> Value:
            return w.offset(b, w.mul(entry_place(w, places, entry), int64(step)), self.element)

        def number(entry: Value, _: int) -> Value:
            return w.offset(numbers, entry, self.element)

        tile = Tile(1, vectors)
        sums = self._multiply(*list_bounds(w, starts, i), start, tile, line, number)
        self._end(i, column, tile, sums)

    def _multiply(
        self,
        begin: Value,
        end: Value,
        start: list[Value],
        tile: Tile,
        line: Callable[[Value], Value],
        number: Callable[[Value, int], Value],
    ) -> list[Value]:
        """The sums of a tile: numbers of A times lines of B, from step `begin` up to `end`.

        `line` and `number` give the addresses of a step's line of B and of its number of A in a row
        of the tile.
        """
        w = self.w
        loop = w.open_loop(begin, end, int64(1), start)
        bs = self._vectors(line(loop.index), tile.vectors)
        following = list(loop.carried)
        for r in range(tile.rows):
            spread = w.splat(w.load(number(loop.index, r), self.element), self.lanes)
            for v in range(tile.vectors):
                at = r * tile.vectors + v
                following[at] = w.fma(spread, bs[v], following[at])
        return w.close_loop(loop, following)

    def _whole_sums(
        self, whole: WholeColumns, i: Value, column: Column, vectors: int
    ) -> list[Value]:
        """What the whole columns give for one line of the result."""
        w = self.w
        if self.product.transpose_a:
            i = entry_place(w, self.kernel.pointer(whole.places), i)
        at = w.add(w.mul(i, int64(whole.stride)), column.first)
        return self._vectors(w.offset(self.kernel.pointer(whole.sums), at, self.element), vectors)

    def _sum_whole_columns(
        self, whole: WholeColumns, column: Column, tile: Tile, stop: Value, b: Value, step: int
    ) -> None:
        """The part of a panel that comes from the columns of A that are kept whole."""
        w = self.w
        columns = self.kernel.pointer(whole.columns)
        count = w.load(columns, "i64")
        lines = count if self.product.transpose_a else stop
        full = w.sub(lines, int64(tile.rows - 1))
        with w.loop(int64(0), full, int64(tile.rows)) as i:
            self._whole_tile(whole, count, i, column, tile, b, step)
        left = w.sub(lines, w.binary("srem", lines, int64(tile.rows)))
        with w.loop(left, lines, int64(1)) as i:
            self._whole_tile(whole, count, i, column, Tile(1, tile.vectors), b, step)

    def _whole_tile(
        self,
        whole: WholeColumns,
        count: Value,
        i: Value,
        column: Column,
        tile: Tile,
        b: Value,
        step: int,
    ) -> None:
        w, one = self.w, int64(1)
        block, columns = self.kernel.pointer(whole.block), self.kernel.pointer(whole.columns)
        stride = block_stride(w, self.node.inputs[0], count)
        inner, step_i, step_k = count, stride, one
        if self.product.transpose_a:
            inner, step_i, step_k = self.inner, one, stride

        def line(k: Value) -> Value:
            if not self.product.transpose_a:
                k = w.load(w.offset(columns, w.add(k, one), "i64"), "i64")
            return w.offset(b, w.mul(k, int64(step)), self.element)

        def number(k: Value, r: int) -> Value:
            at = w.add(w.mul(w.add(i, int64(r)), step_i), w.mul(k, step_k))
            return w.offset(block, at, self.element)

        zero = literal(0, vector_type(self.element, self.lanes))
        start = [zero] * (tile.rows * tile.vectors)
        sums = self._multiply(int64(0), inner, start, tile, line, number)
        # With the transpose the first line is that of the columns that are not whole: zeros.
        first = w.add(i, one) if self.product.transpose_a else i
        goal = self.kernel.pointer(whole.sums)
        for n, value in enumerate(sums):
            r, v = divmod(n, tile.vectors)
            at = w.add(w.mul(w.add(first, int64(r)), int64(whole.stride)), column.first)
            place = w.add(at, int64(v * self.lanes))
            w.store(value, w.offset(goal, place, self.element), self.align)

    def _tile(self, i: Value, column: Column, tile: Tile, b: Value, step: int) -> None:
        w = self.w
        a = self.kernel.pointer(self.node.inputs[0])
        a = w.offset(a, w.mul(i, int64(self.step_i)), self.element)
        self._ask_for(i, column, tile)
        start = self._start(column, tile.vectors) * tile.rows

        def step_of(k: Value) -> Value:
            return w.offset(
                a, k if self.step_k == 1 else w.mul(k, int64(self.step_k)), self.element
            )

        def line(k: Value) -> Value:
            if self.step_k * self.align >= FAR_STEP:
                ahead = w.offset(step_of(k), int64(AHEAD * self.step_k), self.element)
                self._prefetch(ahead, write=False)
            return w.offset(b, w.mul(k, int64(step)), self.element)

        def number(k: Value, r: int) -> Value:
            return w.offset(step_of(k), int64(r * self.step_i), self.element)

        sums = self._multiply(int64(0), self.inner, start, tile, line, number)
        self._end(i, column, tile, sums)

    # -- the fused end of a tile ----------------------------------------------------------------

    def _end(self, i: Value, column: Column, tile: Tile, sums: list[Value]) -> None:
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
        self, line: Value, columns: list[Column], expression: Expression, sums: dict
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
        if op is Op.SUM and keeps_zero(node, self.keeps):
            return value
        mask = column_mask(self.w, column, self.lanes, self.out)
        return value if mask is None else self.w.select(mask, value, neutral(op, value.type))

    def _add_columns(self, columns: list[Column], sums: dict) -> None:
        w = self.w
        for (node, v), value in sums.items():
            element = ELEMENT[node.dtype]
            at = w.offset(self.kernel.pointer(node), columns[v].first, element)
            w.store(combine(w, node.op, w.load(at, value.type, self.align), value), at, self.align)

    def _finish(self, i: Value, column: Column, tile: Tile, sums: list[Value]) -> None:
        columns = self._columns_of(column, tile)
        totals: dict = {}
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

            totals: dict = {}
            self._line_results(line, columns, self._expression(line, product), totals)
            self._add_columns(columns, totals)


def _picked(sums: list[Value], column: Column) -> Value:
    """The accumulator of a column; its key is its place in the tile."""
    return sums[column.key]


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
