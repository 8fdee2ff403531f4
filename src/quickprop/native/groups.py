"""Groups of nodes that one kernel computes together, and which of them are kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from quickprop.graph import Shape, Tensor
from quickprop.graph.primitives import REDUCTIONS
from quickprop.native.reductions import Reach, reach_of


class Work(Enum):
    """What the kernel of a group does."""

    FUSED = "elementwise work and sums"
    PRODUCT = "a matrix product and what is computed from it on the spot"
    ALONE = "one node that nothing is fused with"


@dataclass
class Group:
    """Nodes that one kernel computes together.

    Parameters
    ----------
    work : Work
    space : Shape
        Shape that the loops run over; for a product, the shape of the result.
    node : Tensor or None
        The product, or the node that is alone.
    members : list of Tensor
        Kept nodes that the kernel writes.
    updates : bool
        New values of variables: they come last.
    """

    work: Work
    space: Shape
    node: Tensor | None = None
    members: list[Tensor] = field(default_factory=list)
    updates: bool = False


@dataclass(frozen=True)
class Schedule:
    """Groups in order, and which nodes are kept."""

    groups: list[Group]
    kept: frozenset[Tensor]
    memory: frozenset[Tensor]

    def is_leaf(self, node: Tensor) -> bool:
        """Whether an expression reads the node from memory."""
        return node in self.memory or node in self.kept


def is_summed(node: Tensor) -> bool:
    """True for a sum or maximum that is whole only when all lines have been gone through."""
    return node.op in REDUCTIONS and reach_of(node) is not Reach.LINE
