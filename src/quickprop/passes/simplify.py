"""Nodes that do nothing, or nothing new, are taken away."""

from __future__ import annotations

from quickprop.graph import Op, Tensor, broadcast_to, make
from quickprop.graph.primitives import ELEMENTWISE, REDUCTIONS
from quickprop.graph.tensor import reshape


def simplify(node: Tensor) -> Tensor:
    """A cheaper node with exactly the same value, else the node itself."""
    if node.op in (Op.RESHAPE, Op.BROADCAST, Op.CAST):
        return _chain(node)
    if node.op is Op.TRANSPOSE and node.attribute("axes") == tuple(range(node.rank)):
        return node.inputs[0]
    if node.op is Op.NEG and node.inputs[0].op is Op.NEG:
        return node.inputs[0].inputs[0]
    if node.op in (Op.MUL, Op.DIV) and _number(node.inputs[1]) == 1.0:
        return node.inputs[0]
    if node.op is Op.MUL and _number(node.inputs[0]) == 1.0:
        return node.inputs[1]
    if node.op in (Op.ADD, Op.SUB) and _number(node.inputs[1]) == 0.0:
        return node.inputs[0]
    if node.op is Op.ADD and _number(node.inputs[0]) == 0.0:
        return node.inputs[1]
    if node.op is Op.MUL and _number(node.inputs[0]) == -1.0:
        return make(Op.NEG, node.inputs[1])
    if node.op in REDUCTIONS and node.inputs[0].shape == node.shape:
        return node.inputs[0]
    if node.op in ELEMENTWISE:
        return _before_repeating(node)
    return node


def _before_repeating(node: Tensor) -> Tensor:
    """Elementwise work on repeated numbers is done once, before they are repeated."""
    if any(source.op is not Op.BROADCAST for source in node.inputs):
        return node
    sources = [source.inputs[0] for source in node.inputs]
    if any(source.shape != sources[0].shape for source in sources):
        return node
    return broadcast_to(make(node.op, *sources, **dict(node.attributes)), node.shape)


def _chain(node: Tensor) -> Tensor:
    source = node.inputs[0]
    if source.shape == node.shape and source.dtype is node.dtype:
        return source
    if node.op is Op.RESHAPE and source.op is Op.RESHAPE:
        return simplify(make(Op.RESHAPE, source.inputs[0], shape=node.shape))
    if node.op is Op.BROADCAST and source.op is Op.BROADCAST:
        return make(Op.BROADCAST, source.inputs[0], shape=node.shape)
    if node.op is Op.RESHAPE and source.op is Op.BROADCAST:
        number = source.inputs[0]
        if all(dim == 1 for dim in number.shape):
            return broadcast_to(reshape(number, (1,) * node.rank), node.shape)
    if node.op is Op.CAST and source.op is Op.BROADCAST:
        return _before_repeating(node)
    return node


def _number(node: Tensor) -> float | None:
    """The number that a node repeats everywhere, if it is known."""
    while node.op in (Op.BROADCAST, Op.RESHAPE):
        node = node.inputs[0]
    if node.op is not Op.CONSTANT:
        return None
    value = node.attribute("value")
    return float(value.flat[0]) if (value == value.flat[0]).all() else None
