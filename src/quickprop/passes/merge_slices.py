"""Sums of pieces that were padded to a whole become the pieces side by side.

The gradient of something that was cut into slices is such a sum: as written each piece would be
padded with zeros to the full size, and all of these added.
"""

from __future__ import annotations

from quickprop.graph import Op, Tensor, make


def merge_slices(node: Tensor) -> Tensor:
    """Rewrite the sum of two neighbouring padded pieces, and what that leaves to tidy up."""
    if node.op is Op.ADD:
        a, b = node.inputs
        for first, second in ((a, b), (b, a)):
            joined = _side_by_side(first, second)
            if joined is not None:
                return joined
        return node
    if node.op is Op.PAD and not any((*node.attribute("before"), *node.attribute("after"))):
        return node.inputs[0]
    if node.op is Op.CONCAT:
        axis = node.attribute("axis")
        parts: list[Tensor] = []
        for part in node.inputs:
            inner = part.op is Op.CONCAT and part.attribute("axis") == axis
            parts += part.inputs if inner else (part,)
        return node if len(parts) == len(node.inputs) else make(Op.CONCAT, *parts, axis=axis)
    return node


def _side_by_side(a: Tensor, b: Tensor) -> Tensor | None:
    """The sum when the piece of `b` begins where that of `a` ends; None when it does not."""
    if a.op is not Op.PAD or b.op is not Op.PAD:
        return None
    x, y = a.inputs[0], b.inputs[0]
    axes = [k for k in range(a.rank) if a.shape[k] not in (x.shape[k], y.shape[k])]
    before, after = list(a.attribute("before")), list(b.attribute("after"))
    for k in range(a.rank):
        if k not in axes and (x.shape[k] != a.shape[k] or y.shape[k] != a.shape[k]):
            return None
    if len(axes) != 1:
        return None
    (axis,) = axes
    if before[axis] + (x.shape[axis] or 0) != b.attribute("before")[axis]:
        return None
    whole = make(Op.CONCAT, x, y, axis=axis)
    return merge_slices(make(Op.PAD, merge_slices(whole), before=tuple(before), after=tuple(after)))
