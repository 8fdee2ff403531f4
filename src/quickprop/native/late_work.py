"""What runs last: new values of variables, which write over what others still read."""

from __future__ import annotations

from quickprop.graph import Graph, Op, Tensor
from quickprop.native.expressions import Expressions
from quickprop.native.kept import is_opaque


def late_nodes(graph: Graph, order: list[Tensor], expressions: Expressions) -> set[Tensor]:
    """New values that can wait for the end, and all kept nodes that read one."""
    kept, root = expressions.kept, expressions.root
    results = {root(new) for _, new in graph.updates}
    # A new value that a product or a move needs cannot wait for the end.
    results -= _before_opaque(graph)
    late = {node for node in order if node in results and node in kept and not is_opaque(node)}
    for node in order:
        if node in kept and node not in late and not is_opaque(node):
            reads = {root(n) for n in expressions.look(node).leaves}
            if reads & late:
                late.add(node)
    return late


def _before_opaque(graph: Graph) -> set[Tensor]:
    """The nodes that lead to products, moves and the like."""
    found: set[Tensor] = set()
    for node in reversed(graph.nodes()):
        if node in found or is_opaque(node):
            found.update(node.inputs)
    return found


def products_of_late(order: list[Tensor], late: set[Tensor], kept: set[Tensor]) -> set[Tensor]:
    """Products that only updates of their own shape read: gradients used where they arise.

    They come last, when nobody needs the old values any more, and the update runs on the
    product's accumulators: the gradient itself never goes to memory.
    """
    # For each node the late nodes, and whatever else gets memory, that it is used by.
    ends: dict[Tensor, set[Tensor]] = {}
    for node in reversed(order):
        stops = node in late or node in kept or is_opaque(node)
        for source in node.inputs:
            ends.setdefault(source, set()).update({node} if stops else ends.get(node, set()))
    return {
        node
        for node in order
        if node.op is Op.MATMUL
        and node not in kept
        and ends.get(node)
        and all(end in late and end.shape == node.shape for end in ends[node])
    }
