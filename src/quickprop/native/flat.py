"""Kernels that run over the memory of their tensors as if it were one line.

Most of an optimizer's work is of this kind. Buffers may be read and written up to a whole vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quickprop.graph import Op, Tensor
from quickprop.graph.primitives import REDUCTIONS
from quickprop.native.elementwise import (
    ELEMENT,
    Column,
    Expression,
    constant_number,
    keeps_zero,
    walk_expression,
)
from quickprop.native.fused import Fused, kernel_bug
from quickprop.native.ir import FunctionWriter, Value, int64, vector_literal, vector_type
from quickprop.native.kernel import Count, Kernel, KernelWriter
from quickprop.native.layout import layout_of
from quickprop.native.reductions import Reach, across, combine, neutral, reach_of

#: Sums that a loop over many numbers keeps side by side.
SIDE_BY_SIDE = 4
#: Threads share the numbers in pieces of so many: some cache lines.
PIECE = 256


@dataclass(frozen=True)
class FlatKernel(Kernel):
    """One loop over all numbers."""

    fused: Fused

    @staticmethod
    def fits(fused: Fused) -> bool:
        """True when lines, their padding and their order do not matter."""
        layout, space, is_leaf = fused.layout, fused.space, fused.is_leaf
        if layout.width == 1 and layout.lines_per_row == 1 and not layout.rows:
            return False
        # A column of a fixed length may be seen as a line, whose padding must be zero then.
        filled = layout.width == layout.stride and (layout.rows or layout.size % 16 == 0)
        for node in fused.members:
            if node.op not in REDUCTIONS:
                continue
            if reach_of(node) is not Reach.ALL or node.inputs[0].shape != space:
                return False
            if not filled and (node.op is Op.MAX or not keeps_zero(node.inputs[0], is_leaf)):
                return False
        members = set(fused.members)
        for node in walk_expression(fused.roots, is_leaf):
            if constant_number(node) is not None:
                continue
            if node.op in (Op.SUM, Op.MAX, Op.UNIFORM) and not is_leaf(node):
                return False
            if node.shape != space and not (all(dim == 1 for dim in node.shape)):
                return False
            in_memory = node.shape == space and (is_leaf(node) or node in members)
            if in_memory and layout_of(space, node.dtype) != layout:
                return False
        stored = [node for node in fused.members if node.op not in REDUCTIONS]
        return all(node.shape == space and (filled or keeps_zero(node, is_leaf)) for node in stored)

    @property
    def results(self) -> tuple[Tensor, ...]:
        """Its members."""
        return self.fused.members

    @property
    def can_be_shared(self) -> bool:
        """Sums stay in one piece."""
        return not any(node.op in REDUCTIONS for node in self.fused.members)

    def write(self, writer: KernelWriter) -> None:
        """One loop over the numbers."""
        _write_loop(writer, self.fused)


def _write_loop(kernel: KernelWriter, fused: Fused) -> None:
    w, space, is_leaf, members = kernel.writer, fused.space, fused.is_leaf, fused.members
    lanes = kernel.machine.lanes(fused.itemsize)
    count = kernel.count("count", Count(fused.layout.size, fused.layout.rows))
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
    totals = [node for node in members if node.op in REDUCTIONS]
    stored = [node for node in members if node.op not in REDUCTIONS]
    roots = [node.inputs[0] for node in totals] + stored
    expression.prepare(roots)
    rest = [neutral(n.op, vector_type(element(n), lanes)) for n in totals]
    start = rest
    begin, end = _share_of_numbers(kernel, count)
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
        inside = w.compare("icmp slt", index, w.splat(count, lanes))
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


def _share_of_numbers(kernel: KernelWriter, count: Value) -> tuple[Value, Value]:
    """Our range of the numbers."""
    if not kernel.shared:
        return int64(0), count
    w, piece = kernel.writer, int64(PIECE)
    pieces = w.binary("udiv", w.add(count, int64(PIECE - 1)), piece)
    start, stop = kernel.share(pieces)
    return w.mul(start, piece), w.intrinsic("smin", w.mul(stop, piece), count)
