"""Going through a graph, inputs before users; and making another of it, node by node."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from quickprop.foundation.deadline import look_at_the_clock
from quickprop.graph.tensor import Tensor


def walk(roots: Sequence[Tensor]) -> list[Tensor]:
    """Every node the roots need, each once, inputs before users."""
    order: dict[Tensor, None] = {}
    # An explicit stack: deep networks must not meet Python's recursion limit.
    stack = list(reversed(roots))
    while stack:
        look_at_the_clock()
        node = stack.pop()
        if node in order:
            continue
        missing = [source for source in node.inputs if source not in order]
        if missing:
            stack.append(node)
            missing.reverse()
            stack += missing
        else:
            order[node] = None
    return list(order)


def with_inputs(node: Tensor, inputs: tuple[Tensor, ...]) -> Tensor:
    """The same primitive and attributes on other inputs of the same shapes and types."""
    # Tensors are equal only to themselves.
    if node.inputs == inputs:
        return node
    return Tensor(node.op, inputs, node.attributes, node.shape, node.dtype, node.name)


def rewrite(roots: Sequence[Tensor], rule: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """The roots with `rule` applied to every node, inputs first."""
    done: dict[Tensor, Tensor] = {}
    for node in walk(roots):
        look_at_the_clock()
        done[node] = rule(with_inputs(node, tuple(map(done.__getitem__, node.inputs))))
    return [done[root] for root in roots]
