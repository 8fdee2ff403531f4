"""Functions of tensors that are one primitive, or a broadcast and one."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Sequence

from quickprop.config import DType, as_dtype
from quickprop.errors import ShapeError
from quickprop.graph import (
    Op,
    Shape,
    Tensor,
    as_tensor,
    binary,
    broadcast_shapes,
    broadcast_to,
    make,
    row_count,
)
from quickprop.graph.tensor import Number, reshape


def exp(x: Tensor) -> Tensor:
    """The exponential."""
    return make(Op.EXP, x)


def log(x: Tensor) -> Tensor:
    """The natural logarithm."""
    return make(Op.LOG, x)


def sqrt(x: Tensor) -> Tensor:
    """The square root."""
    return make(Op.SQRT, x)


def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return make(Op.TANH, x)


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return make(Op.SIGMOID, x)


def erf(x: Tensor) -> Tensor:
    """The error function."""
    return make(Op.ERF, x)


def sin(x: Tensor) -> Tensor:
    """The sine."""
    return make(Op.SIN, x)


def cos(x: Tensor) -> Tensor:
    """The cosine."""
    return make(Op.COS, x)


def abs(x: Tensor) -> Tensor:
    """The absolute value; its derivative at 0 is 0."""
    return make(Op.ABS, x)


def square(x: Tensor) -> Tensor:
    """x times x."""
    return x * x


def stop_gradient(x: Tensor) -> Tensor:
    """`x` itself, taken as a constant by the chain rule."""
    return make(Op.STOP_GRADIENT, x)


def cast(x: Tensor, dtype: DType | str) -> Tensor:
    """The same numbers as another type; fractions are cut off towards zero."""
    kind = as_dtype(dtype)
    return x if x.dtype is kind else make(Op.CAST, x, to=kind)


def maximum(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """The larger of two, number by number; at a tie the derivative goes to `b`."""
    return binary(Op.MAXIMUM, a, b)


def minimum(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """The smaller of two, number by number; at a tie the derivative goes to `b`."""
    return binary(Op.MINIMUM, a, b)


def less(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """1 where a < b, else 0."""
    return binary(Op.LESS, a, b)


def equal(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """1 where two are equal, else 0."""
    return binary(Op.EQUAL, a, b)


def where(condition: Tensor, a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """`a` where the condition is not 0, else `b`, with broadcasting."""
    like = a if isinstance(a, Tensor) else b if isinstance(b, Tensor) else condition
    a, b = as_tensor(a, like), as_tensor(b, like)
    shape = broadcast_shapes(condition.shape, broadcast_shapes(a.shape, b.shape))
    return make(Op.WHERE, *(broadcast_to(x, shape) for x in (condition, a, b)))


def _axes(x: Tensor, axes: int | Sequence[int] | None) -> tuple[int, ...]:
    if axes is None:
        return tuple(range(x.rank))
    try:
        given = axes if isinstance(axes, Sequence) and not isinstance(axes, str) else (axes,)
        picked = tuple(operator.index(axis) for axis in given)
    except TypeError:
        raise ShapeError(
            "an axis is a whole number", where=repr(x), given=repr(axes)[:80]
        ) from None
    for axis in picked:
        if not -x.rank <= axis < x.rank:
            raise ShapeError(
                "no such axis",
                where=repr(x),
                allowed=f"{-x.rank} to {x.rank - 1}",
                given=str(axis),
            )
    return tuple(sorted({axis % x.rank for axis in picked}))


def _reduced(op: Op, x: Tensor, axes: int | Sequence[int] | None, keepdims: bool) -> Tensor:
    over = _axes(x, axes)
    if not over:
        return x
    y = make(op, x, axes=over)
    if keepdims:
        return y
    return reshape(y, [dim for axis, dim in enumerate(y.shape) if axis not in over])


def sum(x: Tensor, axes: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """The sum over some axes, or over all."""
    return _reduced(Op.SUM, x, axes, keepdims)


def max(x: Tensor, axes: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """The largest over some axes, or over all; ties share the derivative."""
    return _reduced(Op.MAX, x, axes, keepdims)


def mean(x: Tensor, axes: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """The mean over some axes, or over all; the rows axis counts the rows of the call."""
    over = _axes(x, axes)
    total = _reduced(Op.SUM, x, over, keepdims)
    size = 1
    rows = False
    for axis in over:
        dim = x.shape[axis]
        rows = rows or dim is None
        size *= dim or 1
    if rows:
        return total / (row_count(x.dtype) * float(size))
    return total * (1.0 / size) if size > 1 else total


def concat(parts: Sequence[Tensor], axis: int = -1) -> Tensor:
    """Tensors side by side along an axis, which cannot be the rows axis."""
    if len(parts) == 1:
        return parts[0]
    return make(Op.CONCAT, *parts, axis=axis % builtins.max(parts[0].rank, 1))


def pad(x: Tensor, before: Sequence[int], after: Sequence[int]) -> Tensor:
    """Zeros put round, one pair of counts an axis."""
    return make(Op.PAD, x, before=tuple(before), after=tuple(after))


def transpose(x: Tensor, axes: Sequence[int]) -> Tensor:
    """The axes in another order; rows stay first."""
    return make(Op.TRANSPOSE, x, axes=tuple(axes))


def gather(table: Tensor, index: Tensor) -> Tensor:
    """Rows of a table [levels, width] picked by int32 numbers [n].

    Numbers outside the table are taken as the nearest row.
    """
    return make(Op.GATHER, table, index)


def uniform(
    shape: Shape, stream: str, seed: Tensor, step: Tensor, dtype: DType | str = DType.float32
) -> Tensor:
    """Random numbers in [0, 1), the same for the same stream name, seed, step and place.

    Parameters
    ----------
    stream : str
        Different names give independent numbers.
    seed, step : Tensor
        int32 scalars.
    """
    return make(Op.UNIFORM, seed, step, shape=tuple(shape), stream=stream, dtype=as_dtype(dtype))
