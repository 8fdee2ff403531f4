"""Equal nodes become one node (common subexpressions)."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from quickprop.graph import Op, Tensor


def cse() -> Callable[[Tensor], Tensor]:
    """A rewriting rule that remembers what it has seen and returns the first of equal nodes."""
    seen: dict[Hashable, Tensor] = {}

    def first_of_equals(node: Tensor) -> Tensor:
        if node.op in (Op.PLACEHOLDER, Op.VARIABLE):
            return node
        if node.op is Op.CONSTANT:
            value = node.attribute("value")
            key: Hashable = (node.op, node.dtype, node.shape, value.tobytes())
        else:
            inputs = tuple(id(source) for source in node.inputs)
            key = (node.op, inputs, node.attributes, node.dtype, node.shape)
        return seen.setdefault(key, node)

    return first_of_equals
