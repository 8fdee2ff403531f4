"""Kernels that walk over the lines of tensors: elementwise work, softmax-like rows, sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quickprop.graph import Op, Shape, Tensor
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
from quickprop.native.fused import Fused, clear_padding, column_mask
from quickprop.native.ir import Loop, Value, int64, literal, vector_type
from quickprop.native.kernel import Kernel, KernelWriter
from quickprop.native.layout import axis_strides, layout_of
from quickprop.native.reductions import Reach, across, combine, neutral

#: A line of at most this many vectors is kept in registers.
REGISTER_LINE = 8


@dataclass(frozen=True)
class RowwiseKernel(Kernel):
    """Loops over lines, and inside over the vectors of a line, in registers when they are few."""

    fused: Fused

    @property
    def results(self) -> tuple[Tensor, ...]:
        """Its members."""
        return self.fused.members

    @property
    def can_be_shared(self) -> bool:
        """No: lines are short work, and many are summed over."""
        return False

    def write(self, writer: KernelWriter) -> None:
        """The loops over lines."""
        _LineLoops(writer, self.fused).write()


class _LineLoops:
    def __init__(self, kernel: KernelWriter, fused: Fused) -> None:
        self.kernel, self.w = kernel, kernel.writer
        self.space, self.is_leaf, self.layout = fused.space, fused.is_leaf, fused.layout
        self.width, self.stride = self.layout.width, self.layout.stride
        self.lanes = min(kernel.machine.lanes(fused.itemsize), self.stride)
        self.vectors = self.stride // self.lanes
        self.totals, self.columns = fused.sums[Reach.ALL], fused.sums[Reach.LINES]
        #: What is summed over lines, or over all numbers; the other members are stored.
        self.reduced = {*self.totals, *self.columns}
        self.stored = [n for n in fused.members if n not in self.reduced]
        self.roots = self._roots_of(self.totals + self.columns) + self.stored
        heavy = sum(n.op in HEAVY for n in walk_expression(self.roots, self.is_leaf))
        self.unrolled = self.vectors <= REGISTER_LINE and heavy * self.vectors <= 24
        self.expression = Expression(
            self.w,
            self._leaf,
            self.is_leaf,
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
        seen = set(narrow)
        wide = [n for n in self.stored + self.totals + self.columns if n not in seen]
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
        return [node.inputs[0] if node in self.reduced else node for node in members]

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
            reduced = node in self.reduced
            root = node.inputs[0] if reduced else node
            value = expression.value(root, column)
            wide = column is not None
            if wide and not keeps_zero(root, self.is_leaf):
                value = self._masked(value, column, node.op if reduced else Op.SUM)
            elif wide and reduced and node.op is Op.MAX:
                value = self._masked(value, column, node.op)
            if node in cells:
                cell = cells[node]
                w.store(combine(w, node.op, w.load(cell, value.type), value), cell)
                continue
            pointer = self.kernel.pointer(node)
            if reduced:
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

    def __init__(self, kernel: _LineLoops) -> None:
        self.kernel = kernel

    def __enter__(self) -> Column:
        kernel = self.kernel
        self.loop = kernel.w.open_loop(int64(0), int64(kernel.stride), int64(kernel.lanes))
        kernel.loops += 1
        return Column(self.loop.index, None, ("loop", kernel.loops))

    def __exit__(self, *_: object) -> None:
        self.kernel.w.close_loop(self.loop)
