"""Functions of tensors that are one primitive, or a broadcast and one."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from quickprop.config import DType, as_dtype
from quickprop.errors import GraphError, ShapeError
from quickprop.graph import (
    Op,
    Shape,
    Tensor,
    as_tensor,
    as_tensors,
    binary,
    broadcast_shapes,
    broadcast_to,
    make,
    row_count,
)
from quickprop.graph.given import checked_name, flag, listed, whole_numbers
from quickprop.graph.shape_rules import check_shape
from quickprop.graph.tensor import Number, reshape
from quickprop.ops.arrays import takes_array, takes_arrays


@takes_array
def exp(x: Tensor) -> Tensor:
    """The exponential."""
    return make(Op.EXP, x)


@takes_array
def log(x: Tensor) -> Tensor:
    """The natural logarithm."""
    return make(Op.LOG, x)


@takes_array
def sqrt(x: Tensor) -> Tensor:
    """The square root."""
    return make(Op.SQRT, x)


@takes_array
def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return make(Op.TANH, x)


@takes_array
def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return make(Op.SIGMOID, x)


@takes_array
def erf(x: Tensor) -> Tensor:
    """The error function."""
    return make(Op.ERF, x)


@takes_array
def sin(x: Tensor) -> Tensor:
    """The sine."""
    return make(Op.SIN, x)


@takes_array
def cos(x: Tensor) -> Tensor:
    """The cosine."""
    return make(Op.COS, x)


@takes_array
def abs(x: Tensor) -> Tensor:
    """The absolute value; its derivative at 0 is 0."""
    return make(Op.ABS, x)


@takes_array
def square(x: Tensor) -> Tensor:
    """x times x."""
    return binary(Op.MUL, x, x)


@takes_array
def stop_gradient(x: Tensor) -> Tensor:
    """`x` itself, taken as a constant by the chain rule."""
    return make(Op.STOP_GRADIENT, x)


@takes_array
def cast(x: Tensor, dtype: DType | str) -> Tensor:
    """The same numbers as another type; fractions are cut off towards zero."""
    kind = as_dtype(dtype)
    if isinstance(x, Tensor) and x.dtype is kind:
        return x
    return make(Op.CAST, x, to=kind)


@takes_arrays("a", "b")
def maximum(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """The larger of two, number by number; at a tie the derivative goes to `b`."""
    return binary(Op.MAXIMUM, a, b)


@takes_arrays("a", "b")
def minimum(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """The smaller of two, number by number; at a tie the derivative goes to `b`."""
    return binary(Op.MINIMUM, a, b)


@takes_arrays("a", "b")
def less(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """1 where a < b, else 0."""
    return binary(Op.LESS, a, b)


@takes_arrays("a", "b")
def equal(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """1 where two are equal, else 0."""
    return binary(Op.EQUAL, a, b)


@takes_arrays("condition", "a", "b")
def where(condition: Tensor, a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """`a` where the condition is not 0, else `b`, with broadcasting."""
    like = a if isinstance(a, Tensor) else b if isinstance(b, Tensor) else condition
    condition = as_tensor(condition, like)
    a, b = as_tensor(a, like), as_tensor(b, like)
    shape = broadcast_shapes(condition.shape, broadcast_shapes(a.shape, b.shape))
    return make(Op.WHERE, *(broadcast_to(x, shape) for x in (condition, a, b)))


def _axes(x: Tensor, axes: int | Sequence[int] | None) -> tuple[int, ...]:
    if not isinstance(x, Tensor):
        raise GraphError("not a tensor", where="axes", given=repr(x)[:80])
    if axes is None:
        return tuple(range(x.rank))
    picked = listed(axes)
    every = [axes] if picked is None else picked
    return tuple(sorted({_axis(axis, x.rank, repr(x)) for axis in every}))


def _axis(axis: Any, rank: int, where: str) -> int:
    """An axis counted from the first, given so or counted from the last."""
    try:
        number = operator.index(axis)
    except TypeError:
        raise ShapeError("an axis is a whole number", where=where, given=repr(axis)[:80]) from None
    if not rank:
        raise ShapeError("a single number is no vector: it has no axis", where=where)
    if not -rank <= number < rank:
        raise ShapeError(
            "no such axis", where=where, allowed=f"{-rank} to {rank - 1}", given=str(number)
        )
    return number % rank


def _reduced(op: Op, x: Tensor, axes: int | Sequence[int] | None, keepdims: bool) -> Tensor:
    keep = flag(keepdims, "keepdims")
    over = _axes(x, axes)
    if not over:
        return x
    y = make(op, x, axes=over)
    if keep:
        return y
    return reshape(y, [dim for axis, dim in enumerate(y.shape) if axis not in over])


@takes_array
def sum(x: Tensor, axes: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """The sum over some axes, or over all."""
    return _reduced(Op.SUM, x, axes, keepdims)


@takes_array
def max(x: Tensor, axes: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """The largest over some axes, or over all; ties share the derivative."""
    return _reduced(Op.MAX, x, axes, keepdims)


@takes_array
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


@takes_arrays("parts", several=["parts"])
def concat(parts: Sequence[Tensor], axis: int = -1) -> Tensor:
    """Tensors side by side along an axis, which cannot be the rows axis."""
    given = as_tensors(parts, "concat")
    if not given:
        raise GraphError("nothing to put side by side", where="concat")
    picked = _axis(axis, given[0].rank, "concat")
    return given[0] if len(given) == 1 else make(Op.CONCAT, *given, axis=picked)


@takes_array
def pad(x: Tensor, before: Sequence[int], after: Sequence[int]) -> Tensor:
    """Zeros put round, one pair of counts an axis."""
    low, high = whole_numbers(before, "pad"), whole_numbers(after, "pad")
    return make(Op.PAD, x, before=low, after=high)


@takes_array
def transpose(x: Tensor, axes: Sequence[int]) -> Tensor:
    """The axes in another order; rows stay first."""
    return make(Op.TRANSPOSE, x, axes=whole_numbers(axes, "transpose"))


@takes_arrays("table", "index", whole=("index",))
def gather(table: Tensor, index: Tensor) -> Tensor:
    """Rows of a table [levels, width] picked by int32 numbers [n].

    Numbers outside the table, if they are known only at the call, are taken as the nearest row.

    Raises
    ------
    ShapeError
        A constant number is outside the table.
    """
    picked = make(Op.GATHER, table, index)
    if index.op is Op.CONSTANT:
        numbers, levels = index.attribute("value"), table.shape[0] or 0
        outside = numbers[(numbers < 0) | (numbers >= levels)]
        if outside.size:
            raise ShapeError(
                "no such row of the table",
                where="gather",
                allowed=f"0 to {levels - 1}",
                given=int(outside[0]),
            )
    return picked


@takes_arrays("seed", "step", whole=("seed", "step"))
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
    return make(
        Op.UNIFORM,
        seed,
        step,
        shape=check_shape(shape, "uniform"),
        stream=checked_name(stream, "stream") or "",
        dtype=as_dtype(dtype),
    )
