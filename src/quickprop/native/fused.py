"""Nodes that one kernel computes together.

They share a space, the shape that the loops run over. A node spans the whole space, or is one
number a line, or is a sum or maximum over all lines.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from quickprop.graph import Shape, Tensor
from quickprop.graph.primitives import REDUCTIONS
from quickprop.native.elementwise import (
    ELEMENT,
    Column,
    constant_number,
    line_width,
    walk_expression,
)
from quickprop.native.ir import FunctionWriter, Value, int64, literal, vector_literal
from quickprop.native.layout import Layout, layout_of
from quickprop.native.reductions import Reach, reach_of


@dataclass(frozen=True)
class Fused:
    """Nodes computed together.

    Parameters
    ----------
    space : Shape
        What the loops run over.
    members : tuple of Tensor
        The nodes whose numbers are written to memory.
    is_leaf : callable
        Whether a node is read from memory.
    """

    space: Shape
    members: tuple[Tensor, ...]
    is_leaf: Callable[[Tensor], bool]

    @functools.cached_property
    def roots(self) -> tuple[Tensor, ...]:
        """What is evaluated line by line: the members, or what they sum over the lines."""
        return tuple(
            node.inputs[0] if node.op in REDUCTIONS and reach_of(node) is not Reach.LINE else node
            for node in self.members
        )

    @functools.cached_property
    def nodes(self) -> list[Tensor]:
        """All that is read and computed, inputs first."""
        return walk_expression([*self.members, *self.roots], self.is_leaf)

    @property
    def itemsize(self) -> int:
        """Bytes of the widest number, which sets how many a vector holds."""
        return max(node.dtype.itemsize for node in self.nodes)

    @functools.cached_property
    def layout(self) -> Layout:
        """What the loops run over: lines as long as the shortest that is read or written.

        Lines of larger numbers are padded to fewer of them.
        """
        members = set(self.members)
        in_memory = [n for n in self.nodes if self.is_leaf(n) or n in members]
        wide = [n for n in in_memory if line_width(n) > 1 and constant_number(n) is None]
        largest = max((n.dtype for n in wide or self.nodes), key=lambda dtype: dtype.itemsize)
        return layout_of(self.space, largest)

    @functools.cached_property
    def sums(self) -> dict[Reach, list[Tensor]]:
        """The members that run over lines, or over all numbers."""
        reduced = [n for n in self.members if n.op in REDUCTIONS]
        return {reach: [n for n in reduced if reach_of(n) is reach] for reach in Reach}


def clear_padding(w: FunctionWriter, pointer: Value, node: Tensor) -> None:
    """Zero the padding of one line: a maximum over lines leaves minus infinity there."""
    layout, element = layout_of(node.shape, node.dtype), ELEMENT[node.dtype]
    for column in range(layout.width, layout.stride):
        w.store(literal(0, element), w.offset(pointer, int64(column), element))


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


def kernel_bug(node: Tensor | None) -> Value:
    """Reached only when the choice of kernel was wrong."""
    raise AssertionError(f"this kernel cannot hold {node}")
