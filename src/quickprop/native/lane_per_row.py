"""Kernels that take as many short lines at a time as a vector has lanes, one in each.

A softmax over ten classes with a line in two vectors of eight leaves six lanes of sixteen idle and
adds up lanes twice a line. Here blocks of lines are transposed in registers, so that a vector holds
a column: no lane is idle, a sum over a line is a sum of vectors, and what is one number a line is
computed for a vector of lines.

Blocks may reach beyond the last line: the memory of what has rows ends at a whole number of blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

from quickprop.graph import Op, Shape, Tensor
from quickprop.graph.primitives import REDUCTIONS
from quickprop.native.elementwise import (
    ELEMENT,
    HEAVY,
    Column,
    Expression,
    constant_number,
    line_width,
)
from quickprop.native.fused import Fused, clear_padding
from quickprop.native.ir import Value, int64, literal, vector_literal, vector_type
from quickprop.native.kernel import Kernel, KernelWriter
from quickprop.native.layout import layout_of
from quickprop.native.machine import Machine
from quickprop.native.reductions import Reach, across, combine, neutral, reach_of
from quickprop.native.transposition import transposed

#: Longest line, and most numbers of a line that take long to compute: both are written out.
MOST_COLUMNS, MOST_HEAVY = 16, 32
#: Most lines of a block: larger ones take as long, and twice as long to compile.
MOST_LINES = 8


@dataclass(frozen=True)
class LanePerRowKernel(Kernel):
    """One loop over blocks of lines, all columns of a block in registers."""

    fused: Fused

    @staticmethod
    def fits(fused: Fused, machine: Machine) -> bool:
        """True when the lines can be taken so, and something is gained by it."""
        space, is_leaf = fused.space, fused.is_leaf
        width = space[-1] if len(space) > 1 and space[0] is None else None
        if width is None or not 1 < width <= MOST_COLUMNS:
            return False
        nodes = [n for n in fused.nodes if constant_number(n) is None]
        if machine.lanes(max(n.dtype.itemsize for n in nodes)) == 1:
            return False
        computed = [n for n in nodes if not is_leaf(n)]
        if any(n.op is Op.UNIFORM for n in computed):
            return False
        sums = [n for n in computed if n.op in REDUCTIONS and reach_of(n) is Reach.LINE]
        if not any(line_width(n.inputs[0]) > 1 for n in sums):
            return False
        if not all(_same_lines(n, space) for n in nodes):
            return False
        heavy = sum(n.op in HEAVY and line_width(n) > 1 for n in computed)
        return heavy * width <= MOST_HEAVY

    @property
    def results(self) -> tuple[Tensor, ...]:
        """Its members."""
        return self.fused.members

    @property
    def can_be_shared(self) -> bool:
        """No: lines are short work, and many are summed over."""
        return False

    def write(self, writer: KernelWriter) -> None:
        """The loop over blocks."""
        _BlockLoop(writer, self.fused).write()


def _same_lines(node: Tensor, space: Shape) -> bool:
    """True when a node has a line for each line of the space, or one for all of them."""
    return node.shape[:-1] == space[:-1] or _is_shared(node)


def _is_shared(node: Tensor) -> bool:
    """True when there is one line, or one number, for all lines."""
    return all(dim == 1 for dim in node.shape[:-1]) and node.shape[-1:] != (None,)


class _BlockLoop:
    def __init__(self, kernel: KernelWriter, fused: Fused) -> None:
        self.kernel, self.w = kernel, kernel.writer
        members = fused.members
        self.lines_per_row = layout_of(fused.space, members[0].dtype).lines_per_row
        self.lanes = min(MOST_LINES, kernel.machine.lanes(fused.itemsize))
        #: What is added up over the lines, and its terms; the other members are stored.
        self.summed = {n: n.inputs[0] for n, root in zip(members, fused.roots) if root is not n}
        self.stored = [n for n in members if n not in self.summed]
        self.expression = Expression(
            self.w,
            self._leaf,
            fused.is_leaf,
            self._over_columns,
            self.lanes,
            line=lambda: self.line,
            row_count=kernel.rows,
            is_wide=lambda node: line_width(node) > 1,
            rows_in_lanes=self.lanes,
        )
        self.line = int64(0)
        self._read: dict[Tensor, list[Value]] = {}

    def write(self) -> None:
        w = self.w
        # A running sum for each column, one lane for each lane of the blocks.
        cells: dict[Tensor, list[Value]] = {}
        for node in self.summed:
            type_ = self._vector(node)
            cells[node] = [w.emit("ptr", f"alloca {type_}, align 64") for _ in self._places(node)]
            for cell in cells[node]:
                w.store(neutral(node.op, type_), cell)
        lines = w.mul(self.kernel.rows(), int64(self.lines_per_row))
        loop = w.open_loop(int64(0), lines, int64(self.lanes))
        self.line = loop.index
        numbers = w.add(w.splat(loop.index, self.lanes), vector_literal(range(self.lanes), "i64"))
        inside = w.compare("icmp slt", numbers, w.splat(lines, self.lanes))
        for node, terms in self.summed.items():
            self._add(node, terms, cells[node], inside)
        # Stores come last: a kernel may write what its other members still read.
        for node, values in [(node, self._values(node)) for node in self.stored]:
            self._store(node, values)
        w.close_loop(loop)
        for node in self.summed:
            self._store_sums(node, cells[node])

    def _vector(self, node: Tensor, lanes: int | None = None) -> str:
        return vector_type(ELEMENT[node.dtype], lanes or self.lanes)

    def _places(self, node: Tensor) -> range:
        """The columns of a node."""
        return range(line_width(node))

    def _values(self, node: Tensor) -> list[Value]:
        """A node at every column of this block, or its one number a line."""
        if line_width(node) == 1:
            return [self.expression.value(node, None)]
        return [self.expression.value(node, self._column(c)) for c in self._places(node)]

    def _column(self, c: int) -> Column:
        return Column(int64(c), c, c)

    # -- reading ----------------------------------------------------------------------------------

    def _leaf(self, node: Tensor, column: Column | None) -> Value:
        w, pointer = self.w, self.kernel.pointer(node)
        element = ELEMENT[node.dtype]
        if _is_shared(node):
            if column is not None:
                pointer = w.offset(pointer, column.first, element)
            return w.splat(w.load(pointer, element), self.lanes)
        if column is None:
            return w.load(w.offset(pointer, self.line, element), self._vector(node), 4)
        return self._block(node)[column.known or 0]

    def _block(self, node: Tensor) -> list[Value]:
        """The columns of a node in this block."""
        if node not in self._read:
            w = self.w
            columns: list[Value] = []
            for first, count in self._squares(node):
                lines = [
                    w.load(self._address(node, k, first), self._vector(node, count), 4)
                    for k in range(self.lanes)
                ]
                columns += transposed(w, lines)
            self._read[node] = columns
        return self._read[node]

    def _address(self, node: Tensor, k: int, first: int) -> Value:
        """Where column `first` of the block's line k is."""
        w, element = self.w, ELEMENT[node.dtype]
        stride = layout_of(node.shape, node.dtype).stride
        line = w.offset(self.kernel.pointer(node), w.mul(self.line, int64(stride)), element)
        return w.offset(line, int64(k * stride + first), element)

    def _squares(self, node: Tensor) -> list[tuple[int, int]]:
        """(first column, columns) of the pieces, as long as a vector, that lines are cut into.

        The last one is as short as a power of two can be, but never a single column.
        """
        width = line_width(node)
        return [
            (first, min(self.lanes, max(2, 1 << (width - first - 1).bit_length())))
            for first in range(0, width, self.lanes)
        ]

    def _over_columns(self, node: Tensor) -> Value:
        """A sum or maximum over the line, two halves at a time."""
        source = node.inputs[0]
        values = self._values(source)
        while len(values) > 1:
            pairs = zip(values[::2], values[1::2])
            rest = values[len(values) & ~1 :]
            values = [combine(self.w, node.op, a, b) for a, b in pairs] + rest
        return values[0]

    # -- writing ----------------------------------------------------------------------------------

    def _store(self, node: Tensor, values: list[Value]) -> None:
        w, element = self.w, ELEMENT[node.dtype]
        if line_width(node) == 1:
            w.store(values[0], w.offset(self.kernel.pointer(node), self.line, element), 4)
            return
        stride = layout_of(node.shape, node.dtype).stride
        zero = literal(0, self._vector(node))
        done = 0
        for first, count in self._squares(node):
            block = values[first : first + count]
            block += [zero] * (count - len(block))
            room = min(self.lanes, stride - first)
            for k, line in enumerate(transposed(w, block)):
                w.store(self._filled(line, count, room), self._address(node, k, first), 4)
            done = first + room
        if done < stride:
            rest = literal(0, self._vector(node, stride - done))
            for k in range(self.lanes):
                w.store(rest, self._address(node, k, done), 4)

    def _filled(self, line: Value, count: int, room: int) -> Value:
        """The numbers of a line and zeros up to so many."""
        if count == room:
            return line
        return self.w.shuffle(line, literal(0, line.type), [min(k, count) for k in range(room)])

    def _add(self, node: Tensor, terms: Tensor, cells: list[Value], inside: Value) -> None:
        """Add the block's lines to the running sums."""
        w = self.w
        values = self._values(terms)
        if len(cells) < len(values):
            values = [self._over_columns(node)]
        for cell, value in zip(cells, values, strict=True):
            before = w.load(cell, value.type)
            w.store(w.select(inside, combine(w, node.op, before, value), before), cell)

    def _store_sums(self, node: Tensor, cells: list[Value]) -> None:
        w, element = self.w, ELEMENT[node.dtype]
        pointer = self.kernel.pointer(node)
        for c, cell in enumerate(cells):
            total = across(w, node.op, w.load(cell, self._vector(node)))
            w.store(total, w.offset(pointer, int64(c), element))
        clear_padding(w, pointer, node)
