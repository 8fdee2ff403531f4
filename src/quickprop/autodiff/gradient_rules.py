"""The chain rule, one rule per primitive: from the gradient of a node to those of its inputs.

A rule takes the node and `dy`, the gradient of the loss by the node, and returns the gradient by
each input, None where there is none. Everything is graph: a gradient can be differentiated again.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from quickprop.graph import Op, Tensor, as_tensor, binary, broadcast_to, make
from quickprop.graph.tensor import reshape

Gradients = tuple[Tensor | None, ...]
Rule = Callable[[Tensor, Tensor], Gradients]


def none(y: Tensor, dy: Tensor) -> Gradients:
    """No derivative: whole numbers, comparisons, random numbers, what is cut off on purpose."""
    return (None,) * len(y.inputs)


def add(y: Tensor, dy: Tensor) -> Gradients:
    """D(a + b) = da + db."""
    return dy, dy


def sub(y: Tensor, dy: Tensor) -> Gradients:
    """D(a - b) = da - db."""
    return dy, -dy


def mul(y: Tensor, dy: Tensor) -> Gradients:
    """D(ab) = b da + a db."""
    a, b = y.inputs
    return dy * b, dy * a


def div(y: Tensor, dy: Tensor) -> Gradients:
    """D(a/b) = da/b - (a/b) db/b."""
    _, b = y.inputs
    da = dy / b
    return da, -(da * y)


def power(y: Tensor, dy: Tensor) -> Gradients:
    """D(a^b) = b a^(b-1) da + a^b ln(a) db, the last term 0 where a is 0."""
    a, b = y.inputs
    positive = 0.0 < a  # noqa: SIM300
    safe = where(positive, a, _filled(a, 1.0))
    return dy * b * a ** (b - 1.0), where(positive, dy * y * make(Op.LOG, safe), _filled(a, 0.0))


def maximum(y: Tensor, dy: Tensor) -> Gradients:
    """To a where a > b, else to b. A tie goes to b, so that relu(x) = max(x, 0) is flat at 0.

    Asked as y > b, so that y alone needs to be remembered.
    """
    b = y.inputs[1]
    first = binary(Op.LESS, b, y)
    zero = _filled(dy, 0.0)
    return where(first, dy, zero), where(first, zero, dy)


def minimum(y: Tensor, dy: Tensor) -> Gradients:
    """To a where a < b, else to b."""
    b = y.inputs[1]
    first = binary(Op.LESS, y, b)
    zero = _filled(dy, 0.0)
    return where(first, dy, zero), where(first, zero, dy)


def select(y: Tensor, dy: Tensor) -> Gradients:
    """To the branch that was taken."""
    condition = y.inputs[0]
    zero = _filled(dy, 0.0)
    return None, where(condition, dy, zero), where(condition, zero, dy)


def absolute(y: Tensor, dy: Tensor) -> Gradients:
    """The sign; 0 at 0."""
    (x,) = y.inputs
    zero = _filled(dy, 0.0)
    below = where(x < 0.0, -dy, zero)
    return (where(x > 0.0, dy, below),)


def cast(y: Tensor, dy: Tensor) -> Gradients:
    """Back to the type it came from, when that has derivatives."""
    (x,) = y.inputs
    return (make(Op.CAST, dy, to=x.dtype) if x.dtype.is_float else None,)


def total(y: Tensor, dy: Tensor) -> Gradients:
    """Every summand counts once."""
    return (broadcast_to(dy, y.inputs[0].shape),)


def largest(y: Tensor, dy: Tensor) -> Gradients:
    """Shared equally among the places where the maximum stands."""
    (x,) = y.inputs
    at = binary(Op.EQUAL, x, broadcast_to(y, x.shape))
    count = make(Op.SUM, at, axes=y.attribute("axes"))
    return (at * broadcast_to(dy / count, x.shape),)


def product(y: Tensor, dy: Tensor) -> Gradients:
    """D(AB) = dA B + A dB, with the transposes kept as flags; the same for each of a batch."""
    a, b = y.inputs
    ta, tb = y.attribute("transpose_a"), y.attribute("transpose_b")

    def times(p: Tensor, q: Tensor, turn_p: bool, turn_q: bool) -> Tensor:
        return make(y.op, p, q, transpose_a=turn_p, transpose_b=turn_q)

    da = times(b, dy, tb, True) if ta else times(dy, b, False, not tb)
    db = times(dy, a, True, ta) if tb else times(a, dy, not ta, False)
    return da, db


def broadcast(y: Tensor, dy: Tensor) -> Gradients:
    """Every copy counts."""
    (x,) = y.inputs
    axes = tuple(k for k, (p, q) in enumerate(zip(x.shape, y.shape, strict=True)) if p != q)
    return (make(Op.SUM, dy, axes=axes),)


def transpose(y: Tensor, dy: Tensor) -> Gradients:
    """The axes back into their order."""
    axes = y.attribute("axes")
    back = tuple(axes.index(k) for k in range(len(axes)))
    return (make(Op.TRANSPOSE, dy, axes=back),)


def cut(y: Tensor, dy: Tensor) -> Gradients:
    """What was cut off had no influence."""
    (x,) = y.inputs
    start, stop = y.attribute("start"), y.attribute("stop")
    after = tuple(0 if dim is None else dim - end for dim, end in zip(x.shape, stop, strict=True))
    return (make(Op.PAD, dy, before=start, after=after),)


def pad(y: Tensor, dy: Tensor) -> Gradients:
    """The zeros put round have no influence."""
    (x,) = y.inputs
    start = y.attribute("before")
    stop = tuple(
        None if dim is None else low + dim for dim, low in zip(x.shape, start, strict=True)
    )
    return (make(Op.SLICE, dy, start=start, stop=stop),)


def concat(y: Tensor, dy: Tensor) -> Gradients:
    """Each part gets its piece."""
    axis, done, parts = y.attribute("axis"), 0, []
    for x in y.inputs:
        start = tuple(done if k == axis else 0 for k in range(x.rank))
        stop = tuple(done + (dim or 0) if k == axis else dim for k, dim in enumerate(x.shape))
        parts.append(make(Op.SLICE, dy, start=start, stop=stop))
        done += x.shape[axis] or 0
    return tuple(parts)


def gather(y: Tensor, dy: Tensor) -> Gradients:
    """A table row collects the gradients of all places it was copied to."""
    table, index = y.inputs
    return make(Op.SCATTER_ADD, index, dy, length=table.shape[0]), None


def scatter_add(y: Tensor, dy: Tensor) -> Gradients:
    """A value gets the gradient of the row it was added to."""
    return None, make(Op.GATHER, dy, y.inputs[0])


def patches(y: Tensor, dy: Tensor) -> Gradients:
    """A number collects the gradients of all patches that it is in."""
    (x,) = y.inputs
    settings = {"windows": y.attribute("windows"), "joined": y.attribute("joined")}
    return (make(Op.PATCHES_ADD, dy, lengths=x.shape[1:-1], **settings),)


def patches_add(y: Tensor, dy: Tensor) -> Gradients:
    """A patch gets the gradients of the places it was added to."""
    settings = {"windows": y.attribute("windows"), "joined": y.attribute("joined")}
    return (make(Op.PATCHES, dy, fill=0.0, **settings),)


def where(condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """`a` where the condition is not 0, else `b`; one shape for all."""
    return make(Op.WHERE, condition, a, b)


def _filled(like: Tensor, number: float) -> Tensor:
    return broadcast_to(as_tensor(number, like), like.shape)


RULES: dict[Op, Rule] = {
    Op.NEG: lambda y, dy: (-dy,),
    Op.EXP: lambda y, dy: (dy * y,),
    Op.LOG: lambda y, dy: (dy / y.inputs[0],),
    Op.SQRT: lambda y, dy: (dy * 0.5 / y,),
    Op.TANH: lambda y, dy: (dy * (1.0 - y * y),),
    Op.SIGMOID: lambda y, dy: (dy * (y * (1.0 - y)),),
    Op.ERF: lambda y, dy: (
        dy * (make(Op.EXP, -(y.inputs[0] * y.inputs[0])) * (2.0 / math.sqrt(math.pi))),
    ),
    Op.SIN: lambda y, dy: (dy * make(Op.COS, y.inputs[0]),),
    Op.COS: lambda y, dy: (-(dy * make(Op.SIN, y.inputs[0])),),
    Op.ABS: absolute,
    Op.STOP_GRADIENT: none,
    Op.CAST: cast,
    Op.ADD: add,
    Op.SUB: sub,
    Op.MUL: mul,
    Op.DIV: div,
    Op.POW: power,
    Op.MAXIMUM: maximum,
    Op.MINIMUM: minimum,
    Op.LESS: none,
    Op.EQUAL: none,
    Op.WHERE: select,
    Op.SUM: total,
    Op.MAX: largest,
    Op.MATMUL: product,
    Op.BATCH_MATMUL: product,
    Op.RESHAPE: lambda y, dy: (reshape(dy, y.inputs[0].shape),),
    Op.TRANSPOSE: transpose,
    Op.BROADCAST: broadcast,
    Op.SLICE: cut,
    Op.PAD: pad,
    Op.CONCAT: concat,
    Op.GATHER: gather,
    Op.SCATTER_ADD: scatter_add,
    Op.PATCHES: patches,
    Op.PATCHES_ADD: patches_add,
    Op.UNIFORM: none,
}
