"""Constants computed once, when the graph is written."""

from __future__ import annotations

import numpy as np

from quickprop.graph import Op, Tensor, constant
from quickprop.ops.reference import RULES

#: A folded constant of more numbers than this would cost more memory than it saves work.
LARGEST = 4096


def fold_constants(node: Tensor) -> Tensor:
    """The constant that a node of constants is, else the node itself."""
    if not node.inputs or any(source.op is not Op.CONSTANT for source in node.inputs):
        return node
    if node.op in (Op.UNIFORM, Op.BROADCAST) or None in node.shape:
        # A broadcast number is cheaper than its copies.
        return node
    if int(np.prod([dim or 1 for dim in node.shape])) > LARGEST:
        return node
    with np.errstate(all="ignore"):
        value = RULES[node.op](node, 1, *(source.attribute("value") for source in node.inputs))
    return constant(np.asarray(value, node.dtype.value), node.dtype, node.name)
