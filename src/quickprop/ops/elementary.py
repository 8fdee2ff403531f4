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
    """The exponential.

    Examples
    --------
    >>> from quickprop import exp
    >>> exp([-1.0, 0.0, 2.0]).round(3).tolist()
    [0.368, 1.0, 7.389]
    """
    return make(Op.EXP, x)


@takes_array
def log(x: Tensor) -> Tensor:
    """The natural logarithm.

    Examples
    --------
    >>> from quickprop import log
    >>> log([1.0, 10.0]).round(3).tolist()
    [0.0, 2.303]
    """
    return make(Op.LOG, x)


@takes_array
def sqrt(x: Tensor) -> Tensor:
    """The square root.

    Examples
    --------
    >>> from quickprop import sqrt
    >>> sqrt([4.0, 9.0]).tolist()
    [2.0, 3.0]
    """
    return make(Op.SQRT, x)


@takes_array
def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent.

    Examples
    --------
    >>> from quickprop import tanh
    >>> tanh([-1.0, 0.0, 2.0]).round(3).tolist()
    [-0.762, 0.0, 0.964]
    """
    return make(Op.TANH, x)


@takes_array
def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x)).

    Examples
    --------
    >>> from quickprop import sigmoid
    >>> sigmoid([-1.0, 0.0, 2.0]).round(3).tolist()
    [0.269, 0.5, 0.881]
    """
    return make(Op.SIGMOID, x)


@takes_array
def erf(x: Tensor) -> Tensor:
    """The error function.

    Examples
    --------
    >>> from quickprop import erf
    >>> erf([-1.0, 0.0, 2.0]).round(3).tolist()
    [-0.843, 0.0, 0.995]
    """
    return make(Op.ERF, x)


@takes_array
def sin(x: Tensor) -> Tensor:
    """The sine.

    Examples
    --------
    >>> from quickprop import sin
    >>> sin([-1.0, 0.0, 2.0]).round(3).tolist()
    [-0.841, 0.0, 0.909]
    """
    return make(Op.SIN, x)


@takes_array
def cos(x: Tensor) -> Tensor:
    """The cosine.

    Examples
    --------
    >>> from quickprop import cos
    >>> cos([-1.0, 0.0, 2.0]).round(3).tolist()
    [0.54, 1.0, -0.416]
    """
    return make(Op.COS, x)


@takes_array
def abs(x: Tensor) -> Tensor:
    """The absolute value; its derivative at 0 is 0.

    Examples
    --------
    >>> from quickprop import abs
    >>> abs([-1.0, 0.0, 2.0]).tolist()
    [1.0, 0.0, 2.0]
    """
    return make(Op.ABS, x)


@takes_array
def square(x: Tensor) -> Tensor:
    """x times x.

    Examples
    --------
    >>> from quickprop import square
    >>> square([-1.0, 0.0, 2.0]).tolist()
    [1.0, 0.0, 4.0]
    """
    return binary(Op.MUL, x, x)


@takes_array
def stop_gradient(x: Tensor) -> Tensor:
    """`x` itself, taken as a constant by the chain rule.

    Examples
    --------
    >>> from quickprop import function, gradients, stop_gradient, variable
    >>> w = variable(3.0)
    >>> (gradient,) = gradients(w * stop_gradient(w), [w])
    >>> float(function([], gradient)())
    3.0
    """
    return make(Op.STOP_GRADIENT, x)


@takes_array
def cast(x: Tensor, dtype: DType | str) -> Tensor:
    """The same numbers as another type; fractions are cut off towards zero.

    Examples
    --------
    >>> from quickprop import cast
    >>> cast([1.7, -1.7], "int32").tolist()
    [1, -1]
    """
    kind = as_dtype(dtype)
    if isinstance(x, Tensor) and x.dtype is kind:
        return x
    return make(Op.CAST, x, to=kind)


@takes_arrays("a", "b")
def maximum(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """The larger of two, number by number; at a tie the derivative goes to `b`.

    Examples
    --------
    >>> from quickprop import maximum
    >>> maximum([1.0, 5.0], 3.0).tolist()
    [3.0, 5.0]
    """
    return binary(Op.MAXIMUM, a, b)


@takes_arrays("a", "b")
def minimum(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """The smaller of two, number by number; at a tie the derivative goes to `b`.

    Examples
    --------
    >>> from quickprop import minimum
    >>> minimum([1.0, 5.0], 3.0).tolist()
    [1.0, 3.0]
    """
    return binary(Op.MINIMUM, a, b)


@takes_arrays("a", "b")
def less(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """1 where a < b, else 0."""
    return binary(Op.LESS, a, b)


@takes_arrays("a", "b")
def equal(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """1 where two are equal, else 0.

    Examples
    --------
    >>> from quickprop import equal
    >>> equal([1.0, 2.0], 2.0).tolist()
    [0.0, 1.0]
    """
    return binary(Op.EQUAL, a, b)


@takes_arrays("condition", "a", "b")
def where(condition: Tensor, a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """`a` where the condition is not 0, else `b`, with broadcasting.

    Examples
    --------
    >>> from quickprop import where
    >>> where([1.0, 0.0], [10.0, 20.0], -1.0).tolist()
    [10.0, -1.0]
    """
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
    """The sum over some axes, or over all.

    Examples
    --------
    >>> from quickprop import sum
    >>> float(sum([[1.0, 2.0], [3.0, 4.0]])), sum([[1.0, 2.0], [3.0, 4.0]], axes=0).tolist()
    (10.0, [4.0, 6.0])
    """
    return _reduced(Op.SUM, x, axes, keepdims)


@takes_array
def max(x: Tensor, axes: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """The largest over some axes, or over all; ties share the derivative.

    Examples
    --------
    >>> from quickprop import max
    >>> max([[1.0, 2.0], [3.0, 4.0]], axes=1).tolist()
    [2.0, 4.0]
    """
    return _reduced(Op.MAX, x, axes, keepdims)


@takes_array
def mean(x: Tensor, axes: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """The mean over some axes, or over all; the rows axis counts the rows of the call.

    Examples
    --------
    >>> from quickprop import mean
    >>> float(mean([[1.0, 2.0], [3.0, 4.0]])), mean([[1.0, 2.0], [3.0, 4.0]], axes=0).tolist()
    (2.5, [2.0, 3.0])
    """
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
    """Tensors side by side along an axis, which cannot be the rows axis.

    Examples
    --------
    >>> from quickprop import concat
    >>> concat([[[1.0], [2.0]], [[3.0], [4.0]]]).tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    given = as_tensors(parts, "concat")
    if not given:
        raise GraphError("nothing to put side by side", where="concat")
    picked = _axis(axis, given[0].rank, "concat")
    return given[0] if len(given) == 1 else make(Op.CONCAT, *given, axis=picked)


@takes_array
def pad(x: Tensor, before: Sequence[int], after: Sequence[int]) -> Tensor:
    """Zeros put round, one pair of counts an axis.

    Examples
    --------
    >>> from quickprop import pad
    >>> pad([[1.0, 2.0], [3.0, 4.0]], before=(0, 1), after=(0, 0)).tolist()
    [[0.0, 1.0, 2.0], [0.0, 3.0, 4.0]]
    """
    low, high = whole_numbers(before, "pad"), whole_numbers(after, "pad")
    return make(Op.PAD, x, before=low, after=high)


@takes_array
def transpose(x: Tensor, axes: Sequence[int]) -> Tensor:
    """The axes in another order; rows stay first.

    Examples
    --------
    >>> from quickprop import transpose
    >>> transpose([[[1.0, 2.0], [3.0, 4.0]]], (0, 2, 1)).tolist()
    [[[1.0, 3.0], [2.0, 4.0]]]
    """
    return make(Op.TRANSPOSE, x, axes=whole_numbers(axes, "transpose"))


@takes_arrays("table", "index", whole=("index",))
def gather(table: Tensor, index: Tensor) -> Tensor:
    """Rows of a table [levels, width] picked by int32 numbers [n].

    Numbers outside the table, if they are known only at the call, are taken as the nearest row.

    Raises
    ------
    ShapeError
        A constant number is outside the table.

    Examples
    --------
    >>> from quickprop import gather
    >>> gather([[1.0, 2.0], [3.0, 4.0]], [1, 1, 0]).tolist()
    [[3.0, 4.0], [3.0, 4.0], [1.0, 2.0]]
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

    Examples
    --------
    >>> from quickprop import constant, function, uniform
    >>> seed, step = constant(0, "int32"), constant(0, "int32")
    >>> drawn = function([], uniform((1000,), "noise", seed, step))()
    >>> round(float(drawn.mean()), 1)
    0.5
    """
    return make(
        Op.UNIFORM,
        seed,
        step,
        shape=check_shape(shape, "uniform"),
        stream=checked_name(stream, "stream") or "",
        dtype=as_dtype(dtype),
    )
