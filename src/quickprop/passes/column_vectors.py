"""One number a row is written [rows, 1] everywhere, so that it can meet [rows, n] in one kernel."""

from __future__ import annotations

from quickprop.graph import Op, Tensor, broadcast_to, make
from quickprop.graph.primitives import ELEMENTWISE, REDUCTIONS
from quickprop.graph.tensor import reshape

_ROW, _COLUMN = (None,), (None, 1)


def column_vectors(node: Tensor) -> Tensor:
    """Compute a node of shape [rows], or a reduction of one, in the shape [rows, 1]."""
    if node.op in REDUCTIONS and node.inputs[0].shape == _ROW:
        total = make(node.op, _column(node.inputs[0]), axes=(0,))
        return reshape(total, node.shape)
    if node.shape != _ROW:
        return node
    if node.op in ELEMENTWISE:
        inputs = [_column(source) for source in node.inputs]
        return reshape(make(node.op, *inputs, **dict(node.attributes)), _ROW)
    if node.op is Op.BROADCAST:
        return reshape(broadcast_to(reshape(node.inputs[0], (1, 1)), _COLUMN), _ROW)
    return node


def _column(x: Tensor) -> Tensor:
    """[rows] as [rows, 1], through a reshape the other way where there is one."""
    if x.op is Op.RESHAPE and x.inputs[0].shape == _COLUMN:
        return x.inputs[0]
    return reshape(x, _COLUMN)
