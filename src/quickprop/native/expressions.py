"""The expressions of kept nodes: what each computes, from what is in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quickprop.errors import ShapeError
from quickprop.graph import Op, Shape, Tensor, broadcast_shapes
from quickprop.native.buffers import view_root
from quickprop.native.elementwise import constant_number, line_width, walk_expression
from quickprop.native.kept import SLOW, is_inline_number


@dataclass(frozen=True)
class Look:
    """A kept node's expression as it is now: what it computes, what it reads."""

    node: Tensor
    nodes: list[Tensor]
    leaves: list[Tensor]
    space: Shape
    slow: bool


class Expressions:
    """Expressions that are found once, and again when one of their nodes is given memory.

    Parameters
    ----------
    kept : set of Tensor
        Nodes that are given memory; more are added.
    memory : frozenset of Tensor
        Nodes that have it from the start.
    """

    def __init__(self, kept: set[Tensor], memory: frozenset[Tensor]) -> None:
        self.kept, self.memory = kept, memory
        # Expressions as they are as long as none of their nodes is kept, and which go through one.
        self._looks: dict[Tensor, Look] = {}
        self._through: dict[Tensor, list[Tensor]] = {}
        self._roots: dict[Tensor, Tensor] = {}

    def is_leaf(self, node: Tensor) -> bool:
        """Whether an expression ends there: its number is in memory, or a product gives it."""
        return node in self.memory or node in self.kept or node.op is Op.MATMUL

    def root(self, node: Tensor) -> Tensor:
        """What the node is a view of, or itself."""
        found = self._roots.get(node)
        if found is None:
            found = self._roots[node] = view_root(node)
        return found

    def keep(self, node: Tensor) -> None:
        """Give a node memory: expressions that went through it end there now."""
        self.kept.add(node)
        for end in self._through.pop(node, ()):
            self._looks.pop(end, None)

    def look(self, node: Tensor) -> Look:
        """The expression of a node."""
        found = self._looks.get(node)
        if found is None:
            nodes = walk_expression([node], self._stop(node))
            leaves = []
            for n in nodes:
                if n is node:
                    continue
                if self.is_leaf(n):
                    leaves.append(n)
                else:
                    self._through.setdefault(n, []).append(node)
            slow = any(
                n.op in SLOW and line_width(n) == 1 and None in n.shape and not self.is_leaf(n)
                for n in nodes
            )
            found = Look(node, nodes, leaves, _space_of(node, nodes), slow)
            self._looks[node] = found
        return found

    def _stop(self, root: Tensor) -> Callable[[Tensor], bool]:
        return lambda n: n is not root and self.is_leaf(n)


def _space_of(node: Tensor, expression: list[Tensor]) -> Shape:
    """The shape that the loops of a node's expression run over."""
    space: Shape = node.shape
    for n in expression:
        if is_inline_number(n) or (n is not node and constant_number(n) is not None):
            continue
        if n is node or len(n.shape) == len(node.shape):
            try:
                space = broadcast_shapes(space, n.shape)
            except ShapeError:
                continue
    return space
