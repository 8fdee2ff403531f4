"""The reverse walk: derivatives of a loss by any tensors, as graph."""

from __future__ import annotations

from collections.abc import Sequence

from quickprop.autodiff.gradient_rules import RULES
from quickprop.errors import DTypeError, GraphError
from quickprop.graph import Tensor, as_tensor, as_tensors, broadcast_to, show_shape, walk


def gradients(loss: Tensor, wrt: Sequence[Tensor]) -> list[Tensor]:
    """The derivative of `loss` by each tensor of `wrt`.

    Parameters
    ----------
    loss : Tensor
        A single floating-point number.
    wrt : sequence of Tensor
        Any tensors of the graph: variables, placeholders or intermediate results.

    Returns
    -------
    list of Tensor
        One for each of `wrt`, of its shape; zeros where the loss does not depend on it. They are
        graph like any other and can be differentiated again.

    Examples
    --------
    >>> from quickprop import function, gradients, square, variable
    >>> w = variable(3.0)
    >>> (slope,) = gradients(square(w), [w])
    >>> float(function([], slope)())
    6.0
    """
    (loss,) = as_tensors([loss], "gradients")
    wrt = as_tensors(wrt, "gradients")
    if any(dim != 1 for dim in loss.shape):
        raise GraphError(
            "only a single number can be differentiated",
            where="gradients",
            given=show_shape(loss.shape),
            hint="take the mean or the sum first",
        )
    if not loss.dtype.is_float:
        raise DTypeError("whole numbers have no derivative", where="gradients", given=repr(loss))
    order = walk([loss])
    targets = set(wrt)
    # Only nodes between the loss and a target need a gradient.
    leading: set[Tensor] = set()
    for node in order:
        if node in targets or any(source in leading for source in node.inputs):
            leading.add(node)
    found: dict[Tensor, Tensor] = {loss: broadcast_to(as_tensor(1.0, loss), loss.shape)}
    for node in reversed(order):
        dy = found.get(node)
        if dy is None or node not in leading or not node.inputs:
            continue
        if not any(source in leading for source in node.inputs):
            continue
        for source, dx in zip(node.inputs, RULES[node.op](node, dy), strict=True):
            if dx is not None and source in leading:
                before = found.get(source)
                found[source] = dx if before is None else before + dx
    return [found[x] if x in found else broadcast_to(as_tensor(0.0, x), x.shape) for x in wrt]
