"""Kernels that walk over the lines of tensors: elementwise work, softmax-like rows, sums.

All nodes fused into one kernel share a space, the shape that the loops run over. A node of the
kernel spans the whole space, or is one number a line, or is a sum or maximum over all lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from quickprop.graph import Op, Shape, Tensor
from quickprop.graph.primitives import REDUCTIONS
from quickprop.native.elementwise import (
    ELEMENT,
    HEAVY,
    Column,
    Expression,
    constant_number,
    keeps_zero,
    line_width,
    walk_expression,
)
from quickprop.native.ir import (
    FunctionWriter,
    Loop,
    Value,
    int64,
    literal,
    split_type,
    vector_literal,
    vector_type,
)
from quickprop.native.layout import Layout, axis_strides, layout_of
from quickprop.native.machine import Machine

#: A line of at most this many vectors is kept in registers.
REGISTER_LINE = 8

#: Sums that a loop over many numbers keeps side by side.
SIDE_BY_SIDE = 4

LINE, LINES, ALL, OTHER = "line", "lines", "all", "other"


def reduction_kind(node: Tensor) -> str:
    """Over what a SUM or MAX runs: each LINE, all LINES (column by column), ALL numbers, OTHER."""
    shape = node.inputs[0].shape
    axes = {axis for axis in node.attribute("axes") if shape[axis] != 1}
    last = len(shape) - 1
    width_axis = {last} if shape[last] not in (None, 1) else set()
    outer = {axis for axis, dim in enumerate(shape) if dim != 1} - width_axis
    if axes <= width_axis:
        return LINE
    if axes == outer | width_axis:
        return ALL
    return LINES if axes == outer else OTHER


@dataclass
class KernelWriter:
    """A function being written for a kernel: its pointer arguments appear as they are asked for.

    Arguments after the pointers are `rows`, the number of rows of this call, whatever `extra`
    names, and for a `shared` kernel `part` and `parts`: which share of the work is meant. All are
    i64.
    """

    machine: Machine
    buffer: Callable[[Tensor], Tensor]
    extra: tuple[str, ...] = ()
    shared: bool = False
    arguments: list[Tensor] = field(default_factory=list)
    writer: FunctionWriter = field(default_factory=lambda: FunctionWriter("KERNEL", []))
    places: Mapping[Tensor, Value] = field(default_factory=dict)

    def inside(self, places: Mapping[Tensor, Value]) -> KernelWriter:
        """A writer of the same function for a piece of its work that lies at these places."""
        return KernelWriter(self.machine, self.buffer, writer=self.writer, places=places)

    def pointer(self, node: Tensor) -> Value:
        """The argument that points to the memory of a node (or of what it is a view of)."""
        if node in self.places:
            return self.places[node]
        root = self.buffer(node)
        if root not in self.arguments:
            self.arguments.append(root)
        return Value(f"%p{self.arguments.index(root)}", "ptr")

    def rows(self) -> Value:
        """The number of rows."""
        return Value("%rows", "i64")

    def count(self, name: str) -> Value:
        """One of the extra arguments."""
        return Value(f"%{name}", "i64")

    def share(self, count: Value) -> tuple[Value, Value]:
        """Which of `count` pieces of work are ours: from, and up to."""
        if not self.shared:
            return int64(0), count
        w = self.writer
        part, parts = self.count("part"), self.count("parts")
        start = w.binary("udiv", w.mul(count, part), parts)
        return start, w.binary("udiv", w.mul(count, w.add(part, int64(1))), parts)

    @contextmanager
    def first_part_only(self) -> Iterator[None]:
        """What cannot be shared is done by the first part."""
        if not self.shared:
            yield
            return
        with self.writer.when(self.writer.compare("icmp eq", self.count("part"), int64(0))):
            yield

    def finish(self) -> str:
        """The text of the function."""
        names = ["rows", *self.extra, *(("part", "parts") if self.shared else ())]
        pointers = [(f"p{k}", "ptr") for k in range(len(self.arguments))]
        self.writer.parameters = [*pointers, *((name, "i64") for name in names)]
        self.writer.linkage = "internal"
        return self.writer.finish()


def combine(w: FunctionWriter, op: Op, a: Value, b: Value) -> Value:
    """One step of a reduction."""
    if split_type(a.type)[0].startswith("i"):
        if op is Op.SUM:
            return w.add(a, b)
        return w.select(w.compare("icmp sgt", a, b), a, b)
    if op is Op.SUM:
        return w.fadd(a, b)
    # Either zero may come out as the larger one.
    return w.intrinsic("maximum", a, b, flags="nsz ")


def neutral(op: Op, type_: str) -> Value:
    """What changes nothing in a reduction."""
    if op is Op.SUM:
        return literal(0, type_)
    return literal(-(2**31) if split_type(type_)[0] == "i32" else float("-inf"), type_)


def across(w: FunctionWriter, op: Op, value: Value) -> Value:
    """The sum or maximum of the lanes, by halving: the same order on every machine."""
    element, lanes = split_type(value.type)
    while lanes > 2:
        lanes //= 2
        low = w.shuffle(value, value, range(lanes))
        high = w.shuffle(value, value, range(lanes, 2 * lanes))
        value = combine(w, op, low, high)
    if lanes == 1:
        return value
    low, high = (
        w.emit(element, f"extractelement {value.type} {value.text}, i64 {k}") for k in (0, 1)
    )
    return combine(w, op, low, high)


def roots_of(members: Sequence[Tensor]) -> list[Tensor]:
    """What a kernel evaluates line by line: its members, or what they sum over the lines."""
    return [
        node.inputs[0] if node.op in REDUCTIONS and reduction_kind(node) != LINE else node
        for node in members
    ]


def clear_padding(w: FunctionWriter, pointer: Value, node: Tensor) -> None:
    """Zero the padding of one line: a maximum over lines leaves minus infinity there."""
    layout, element = layout_of(node.shape, node.dtype), ELEMENT[node.dtype]
    for column in range(layout.width, layout.stride):
        w.store(literal(0, element), w.offset(pointer, int64(column), element))


def space_type(members: Sequence[Tensor], is_leaf: Callable[[Tensor], bool]) -> int:
    """Bytes of the widest number in a fused expression, which sets the number of lanes."""
    return max(node.dtype.itemsize for node in walk_expression(members, is_leaf))


def loop_layout(
    space: Shape, members: Sequence[Tensor], is_leaf: Callable[[Tensor], bool]
) -> Layout:
    """What the loops of a kernel run over: lines as long as the shortest it reads or writes.

    Lines of larger numbers are padded to fewer of them.
    """
    nodes = walk_expression([*members, *roots_of(members)], is_leaf)
    in_memory = [n for n in nodes if is_leaf(n) or n in members]
    wide = [n for n in in_memory if line_width(n) > 1 and constant_number(n) is None]
    largest = max((n.dtype for n in wide or nodes), key=lambda dtype: dtype.itemsize)
    return layout_of(space, largest)


def column_mask(w: FunctionWriter, column: Column, lanes: int, layout: Layout) -> Value | None:
    """i1 lanes that are true inside the line; None when all are."""
    width = layout.width
    # With short vectors whole ones may lie in the padding.
    filled = width == layout.stride
    if filled or (column.known is not None and column.known + lanes <= width):
        return None
    if column.known is not None:
        return vector_literal([int(column.known + k < width) for k in range(lanes)], "i1")
    index = w.add(w.splat(column.first, lanes), vector_literal(range(lanes), "i64"))
    return w.compare("icmp slt", index, literal(width, index.type))


def is_flat(space: Shape, members: Sequence[Tensor], is_leaf: Callable[[Tensor], bool]) -> bool:
    """True when the kernel can run over the memory of its tensors as if they were one line."""
    layout = loop_layout(space, members, is_leaf)
    if layout.width == 1 and layout.lines_per_row == 1 and not layout.rows:
        return False
    # A column of a fixed length may be seen as a line, whose padding must be zero then.
    filled = layout.width == layout.stride and (layout.rows or layout.size % 16 == 0)
    for node in members:
        if node.op not in REDUCTIONS:
            continue
        if reduction_kind(node) != ALL or node.inputs[0].shape != space:
            return False
        if not filled and (node.op is Op.MAX or not keeps_zero(node.inputs[0], is_leaf)):
            return False
    for node in walk_expression(roots_of(members), is_leaf):
        if constant_number(node) is not None:
            continue
        if node.op in (Op.SUM, Op.MAX, Op.UNIFORM) and not is_leaf(node):
            return False
        if node.shape != space and not (all(dim == 1 for dim in node.shape)):
            return False
        in_memory = node.shape == space and (is_leaf(node) or node in members)
        if in_memory and layout_of(space, node.dtype) != layout:
            return False
    stored = [node for node in members if node.op not in (Op.SUM, Op.MAX)]
    return all(node.shape == space and (filled or keeps_zero(node, is_leaf)) for node in stored)


def write_flat(
    kernel: KernelWriter,
    space: Shape,
    members: Sequence[Tensor],
    is_leaf: Callable[[Tensor], bool],
) -> None:
    """One loop over `count` numbers. Buffers may be read and written up to a whole vector."""
    w = kernel.writer
    lanes = kernel.machine.lanes(space_type([*members, *roots_of(members)], is_leaf))
    column = Column(int64(0), None, "flat")

    def element(node: Tensor) -> str:
        return ELEMENT[node.dtype]

    def leaf(node: Tensor, at: Column | None) -> Value:
        pointer = kernel.pointer(node)
        if at is None:
            return w.load(pointer, element(node))
        return w.load(
            w.offset(pointer, at.first, element(node)), vector_type(element(node), lanes), 4
        )

    expression = Expression(
        w,
        leaf,
        is_leaf,
        reduce=lambda node: kernel_bug(node),
        lanes=lanes,
        line=lambda: kernel_bug(None),
        row_count=kernel.rows,
        is_wide=lambda node: node.shape == space,
    )
    totals = [node for node in members if node.op in (Op.SUM, Op.MAX)]
    stored = [node for node in members if node not in totals]
    roots = [node.inputs[0] for node in totals] + stored
    expression.prepare(roots)
    rest = [neutral(n.op, vector_type(element(n), lanes)) for n in totals]
    start = rest
    begin, end = _share_of_numbers(kernel)
    if not stored:
        # Sums side by side, so that none waits for the one before; the loop below takes the rest.
        step = SIDE_BY_SIDE * lanes
        loop = w.open_loop(begin, w.sub(end, int64(step - 1)), int64(step), start * SIDE_BY_SIDE)
        sums: list[Value] = []
        for part in range(SIDE_BY_SIDE):
            at = Column(w.add(loop.index, int64(part * lanes)), None, ("part", part))
            terms = [expression.value(node.inputs[0], at) for node in totals]
            sums += _combined(w, totals, loop.carried[part * len(totals) :], terms)
        sums = w.close_loop(loop, sums)
        while len(sums) > len(totals):
            half = len(sums) // 2
            sums = _combined(w, totals * (half // len(totals)), sums[:half], sums[half:])
        begin, start = loop.index, sums
    loop = w.open_loop(begin, end, int64(lanes), start)
    column.first = loop.index
    following = []
    if totals:
        index = w.add(w.splat(loop.index, lanes), vector_literal(range(lanes), "i64"))
        inside = w.compare("icmp slt", index, w.splat(kernel.count("count"), lanes))
        for node, before, none in zip(totals, loop.carried, rest, strict=True):
            value = w.select(inside, expression.value(node.inputs[0], column), none)
            following.append(combine(w, node.op, before, value))
    results = [(node, expression.value(node, column)) for node in stored]
    for node, value in results:
        w.store(value, w.offset(kernel.pointer(node), loop.index, element(node)), 4)
    for node, value in zip(totals, w.close_loop(loop, following), strict=True):
        w.store(across(w, node.op, value), kernel.pointer(node))


def _combined(
    w: FunctionWriter, totals: Sequence[Tensor], before: Sequence[Value], terms: Sequence[Value]
) -> list[Value]:
    return [combine(w, *parts) for parts in zip([n.op for n in totals], before, terms)]


def _share_of_numbers(kernel: KernelWriter) -> tuple[Value, Value]:
    """Our range of a flat kernel, cut at multiples of some cache lines."""
    count = kernel.count("count")
    if not kernel.shared:
        return int64(0), count
    w, piece = kernel.writer, int64(256)
    pieces = w.binary("udiv", w.add(count, int64(255)), piece)
    start, stop = kernel.share(pieces)
    return w.mul(start, piece), w.intrinsic("smin", w.mul(stop, piece), count)


def kernel_bug(node: Tensor | None) -> Value:
    """Reached only when the choice of kernel was wrong."""
    raise AssertionError(f"this kernel cannot hold {node}")


def write_rowwise(
    kernel: KernelWriter,
    space: Shape,
    members: Sequence[Tensor],
    is_leaf: Callable[[Tensor], bool],
) -> None:
    """Loops over lines, and inside over the vectors of a line, in registers when they are few."""
    _RowwiseKernel(kernel, space, list(members), is_leaf).write()


class _RowwiseKernel:
    def __init__(
        self,
        kernel: KernelWriter,
        space: Shape,
        members: list[Tensor],
        is_leaf: Callable[[Tensor], bool],
    ) -> None:
        self.kernel, self.w, self.space, self.is_leaf = kernel, kernel.writer, space, is_leaf
        self.layout = loop_layout(space, members, is_leaf)
        self.width, self.stride = self.layout.width, self.layout.stride
        itemsize = space_type([*members, *roots_of(members)], is_leaf)
        self.lanes = min(kernel.machine.lanes(itemsize), self.stride)
        self.vectors = self.stride // self.lanes
        self.totals = [n for n in members if n.op in (Op.SUM, Op.MAX) and reduction_kind(n) == ALL]
        self.columns = [
            n for n in members if n.op in (Op.SUM, Op.MAX) and reduction_kind(n) == LINES
        ]
        self.stored = [n for n in members if n not in self.totals and n not in self.columns]
        self.roots = [n.inputs[0] for n in self.totals + self.columns] + self.stored
        heavy = sum(n.op in HEAVY for n in walk_expression(self.roots, is_leaf))
        self.unrolled = self.vectors <= REGISTER_LINE and heavy * self.vectors <= 24
        self.expression = Expression(
            self.w,
            self._leaf,
            is_leaf,
            self._reduce_line,
            self.lanes,
            line=lambda: self.line,
            row_count=kernel.rows,
            is_wide=lambda node: line_width(node) > 1,
        )
        self.indices: list[Value] = []
        self.line = int64(0)
        self.loops = 0

    # -- loops over lines -----------------------------------------------------------------------

    def write(self) -> None:
        w = self.w
        lane_type = {n: vector_type(ELEMENT[n.dtype], self.lanes) for n in self.totals}
        cells = {}
        for node in self.totals:
            type_ = lane_type[node]
            if line_width(node.inputs[0]) == 1:
                type_ = ELEMENT[node.dtype]
            cells[node] = w.emit("ptr", f"alloca {type_}, align 64")
            w.store(neutral(node.op, type_), cells[node])
        for node in self.columns:
            self._fill(node)
        outer = self.space[:-1] if self._has_width_axis() else self.space
        if self._one_loop():
            lines = int64(1)
            for dim in outer:
                lines = self._product(lines, self.kernel.rows() if dim is None else int64(dim))
            loop = w.open_loop(int64(0), lines, int64(1))
            self.line = loop.index
            self._body(cells)
            w.close_loop(loop)
        else:
            open_loops: list[Loop] = []
            line = int64(0)
            for dim in outer:
                stop = self.kernel.rows() if dim is None else int64(dim)
                open_loops.append(w.open_loop(int64(0), stop, int64(1)))
                index = open_loops[-1].index
                line = w.add(self._product(line, stop), index)
                self.indices.append(index)
            self.line = line
            self._body(cells)
            for loop in reversed(open_loops):
                w.close_loop(loop)
        for node in self.columns:
            if node.op is Op.MAX:
                clear_padding(w, self.kernel.pointer(node), node)
        for node, cell in cells.items():
            type_ = ELEMENT[node.dtype] if line_width(node.inputs[0]) == 1 else lane_type[node]
            w.store(across(w, node.op, w.load(cell, type_)), self.kernel.pointer(node))

    def _has_width_axis(self) -> bool:
        return bool(self.space) and self.space[-1] is not None

    def _product(self, a: Value, b: Value) -> Value:
        if a.text == "0" or b.text == "1":
            return a
        return b if a.text == "1" else self.w.mul(a, b)

    def _outer(self, node: Tensor) -> Shape:
        outer = self.space[:-1] if self._has_width_axis() else self.space
        return node.shape[: len(outer)]

    def _one_loop(self) -> bool:
        whole = self.space[:-1] if self._has_width_axis() else self.space
        return all(
            self._outer(node) == whole or all(dim == 1 for dim in self._outer(node))
            for node in walk_expression(self.roots, self.is_leaf)
            if constant_number(node) is None
        )

    # -- one line -------------------------------------------------------------------------------

    def _body(self, cells: dict[Tensor, Value]) -> None:
        self.expression.memo.clear()
        if self.width == 1:
            self._finish_column(None, cells)
            return
        narrow = [node for node in self.stored if line_width(node) == 1]
        narrow += [n for n in self.totals + self.columns if line_width(n.inputs[0]) == 1]
        wide = [n for n in self.stored + self.totals + self.columns if n not in narrow]
        self._finish_column(None, cells, narrow)
        if not wide:
            return
        if self.unrolled:
            for k in range(self.vectors):
                self._finish_column(self._known_column(k), cells, wide)
        else:
            self.expression.prepare(self._roots_of(wide))
            with self._column_loop() as column:
                self._finish_column(column, cells, wide)
        self._clear_ends()

    def _clear_ends(self) -> None:
        """Zero what is left of lines that are padded to more numbers than the loops go over."""
        for node in self.stored:
            left = layout_of(node.shape, node.dtype).stride - self.stride
            if line_width(node) > 1 and left > 0:
                zeros = literal(0, vector_type(ELEMENT[node.dtype], left))
                end = self.w.offset(
                    self._address(node, None), int64(self.stride), ELEMENT[node.dtype]
                )
                self.w.store(zeros, end, node.dtype.itemsize)

    def _roots_of(self, members: Sequence[Tensor]) -> list[Tensor]:
        reduced = {*self.totals, *self.columns}
        return [node.inputs[0] if node in reduced else node for node in members]

    def _known_column(self, k: int) -> Column:
        return Column(int64(k * self.lanes), k * self.lanes, k)

    def _column_loop(self) -> _ColumnLoop:
        return _ColumnLoop(self)

    def _finish_column(
        self,
        column: Column | None,
        cells: dict[Tensor, Value],
        members: Sequence[Tensor] | None = None,
    ) -> None:
        w, expression = self.w, self.expression
        if members is None:
            members = self.stored + self.totals + self.columns
        pending: list[tuple[Value, Value]] = []
        for node in members:
            reduced = node in self.totals or node in self.columns
            root = node.inputs[0] if reduced else node
            value = expression.value(root, column)
            wide = column is not None
            if wide and not keeps_zero(root, self.is_leaf):
                value = self._masked(value, column, node.op if reduced else Op.SUM)
            elif wide and reduced and node.op is Op.MAX:
                value = self._masked(value, column, node.op)
            if node in self.totals:
                cell = cells[node]
                w.store(combine(w, node.op, w.load(cell, value.type), value), cell)
                continue
            pointer = self.kernel.pointer(node)
            if node in self.columns:
                if column is not None:
                    pointer = w.offset(pointer, column.first, ELEMENT[node.dtype])
                align = node.dtype.itemsize
                total = combine(w, node.op, w.load(pointer, value.type, align), value)
                pending.append((total, pointer))
                continue
            pending.append((value, self._address(node, column)))
        # Stores come last: a kernel may write a variable that its other members still read.
        for value, pointer in pending:
            w.store(value, pointer, 4)

    def _masked(self, value: Value, column: Column | None, op: Op) -> Value:
        assert column is not None
        mask = column_mask(self.w, column, self.lanes, self.layout)
        return value if mask is None else self.w.select(mask, value, neutral(op, value.type))

    def _address(self, node: Tensor, column: Column | None) -> Value:
        """Where a node's numbers for this line (and column) are."""
        w = self.w
        layout = layout_of(node.shape, node.dtype)
        element = ELEMENT[node.dtype]
        pointer = self.kernel.pointer(node)
        outer = self._outer(node)
        offset: Value | None = None
        if self.indices:
            strides = axis_strides(node.shape, layout)
            for index, stride, dim in zip(self.indices, strides, outer, strict=False):
                if dim != 1 and stride:
                    part = self._product(index, int64(stride))
                    offset = part if offset is None else w.add(offset, part)
        elif any(dim != 1 for dim in outer):
            offset = self._product(self.line, int64(layout.stride))
        if column is not None:
            offset = column.first if offset is None else w.add(offset, column.first)
        return pointer if offset is None else w.offset(pointer, offset, element)

    def _leaf(self, node: Tensor, column: Column | None) -> Value:
        type_ = ELEMENT[node.dtype]
        if column is not None:
            type_ = vector_type(type_, self.lanes)
        return self.w.load(self._address(node, column), type_, node.dtype.itemsize)

    def _reduce_line(self, node: Tensor) -> Value:
        source, op, w = node.inputs[0], node.op, self.w
        if line_width(source) == 1:
            return self.expression.value(source, None)
        type_ = vector_type(ELEMENT[node.dtype], self.lanes)
        zero = keeps_zero(source, self.is_leaf) and op is Op.SUM
        if self.unrolled:
            total = None
            for k in range(self.vectors):
                column = self._known_column(k)
                value = self.expression.value(source, column)
                if not zero:
                    value = self._masked(value, column, op)
                total = value if total is None else combine(w, op, total, value)
            assert total is not None
            return across(w, op, total)
        self.expression.prepare([source])
        loop = w.open_loop(int64(0), int64(self.stride), int64(self.lanes), [neutral(op, type_)])
        self.loops += 1
        column = Column(loop.index, None, ("loop", self.loops))
        value = self.expression.value(source, column)
        if not zero:
            value = self._masked(value, column, op)
        (total,) = w.close_loop(loop, [combine(w, op, loop.carried[0], value)])
        return across(w, op, total)

    def _fill(self, node: Tensor) -> None:
        """Set the memory of a sum or maximum over lines to its neutral value."""
        w = self.w
        element = ELEMENT[node.dtype]
        pointer = self.kernel.pointer(node)
        if line_width(node) == 1:
            w.store(neutral(node.op, element), pointer)
            return
        stride = layout_of(node.shape, node.dtype).stride
        value = neutral(node.op, vector_type(element, self.lanes))
        with w.loop(int64(0), int64(stride), int64(self.lanes)) as index:
            w.store(value, w.offset(pointer, index, element), 4)


class _ColumnLoop:
    """A loop over the vectors of a line."""

    def __init__(self, kernel: _RowwiseKernel) -> None:
        self.kernel = kernel

    def __enter__(self) -> Column:
        kernel = self.kernel
        self.loop = kernel.w.open_loop(int64(0), int64(kernel.stride), int64(kernel.lanes))
        kernel.loops += 1
        return Column(self.loop.index, None, ("loop", kernel.loops))

    def __exit__(self, *_: object) -> None:
        self.kernel.w.close_loop(self.loop)


def flat_count(
    space: Shape, members: Sequence[Tensor], is_leaf: Callable[[Tensor], bool]
) -> tuple[int, bool]:
    """Numbers that a flat kernel goes over, and whether that is for each row."""
    layout = loop_layout(space, members, is_leaf)
    return layout.size, layout.rows
