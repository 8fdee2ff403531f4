"""Shape and number type of every primitive: one rule each, the whole table on one page.

A shape is a tuple of lengths; ``ROWS`` (None) as the first one is the number of rows, known only
when the function is called. A rule takes the inputs' shapes and types and the attributes, and
returns the result's shape and type or raises the error that says what does not fit.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from quickprop.config import DType
from quickprop.errors import DTypeError, ShapeError
from quickprop.graph.primitives import BINARY, FLOAT_ONLY, REDUCTIONS, UNARY, Op

ROWS: Final = None
Dim = int | None
Shape = tuple[Dim, ...]
Typed = tuple[Shape, DType]
Rule = Callable[[Op, tuple[Typed, ...], Mapping[str, Any]], Typed]


def show_shape(shape: Shape) -> str:
    """``[rows, 16]``."""
    return "[" + ", ".join("rows" if dim is None else str(dim) for dim in shape) + "]"


def check_shape(shape: Iterable[Dim], where: str) -> Shape:
    """The shape as a tuple, if its lengths are allowed."""
    given: tuple[Any, ...] = ()
    try:
        given = tuple(shape)
        checked: Shape = tuple(None if dim is None else operator.index(dim) for dim in given)
    except TypeError:
        given, checked = (0,), (0,)
    for axis, dim in enumerate(checked):
        if dim is None:
            if axis != 0:
                raise ShapeError(
                    "only the first axis may be rows", where=where, given=show_shape(checked)
                )
        elif isinstance(given[axis], bool) or dim < 1:
            raise ShapeError(
                "a length must be a whole number of at least 1, or None for rows",
                where=where,
                given=repr(shape)[:80],
            )
    return checked


def broadcast_shapes(a: Shape, b: Shape) -> Shape:
    """The common shape by NumPy's rule; rows meets rows or 1."""
    rank = max(len(a), len(b))
    long_a: Shape = (1,) * (rank - len(a)) + a
    long_b: Shape = (1,) * (rank - len(b)) + b
    out = []
    for p, q in zip(long_a, long_b, strict=True):
        if p != q and p != 1 and q != 1:
            raise ShapeError(
                "shapes cannot be broadcast together",
                allowed="equal lengths or 1, from the last axis backwards",
                given=f"{show_shape(a)} and {show_shape(b)}",
            )
        out.append(q if p == 1 else p)
    return tuple(out)


def _mismatch(op: Op, inputs: tuple[Typed, ...], allowed: str) -> ShapeError:
    given = " and ".join(show_shape(shape) for shape, _ in inputs)
    return ShapeError("shapes do not fit", where=op.value, allowed=allowed, given=given)


def _same_type(op: Op, inputs: tuple[Typed, ...]) -> DType:
    kinds = {dtype for _, dtype in inputs}
    if len(kinds) != 1:
        raise DTypeError(
            "inputs have different number types",
            where=op.value,
            allowed="one type for all",
            given=", ".join(dtype.value for _, dtype in inputs),
            # A cast brings back no digits that were rounded away when the tensor was made.
            hint="make all of one type with cast(); constant(x, 'float64') and "
            "variable(x, 'float64') keep the digits of an array, which is float32 by default"
            if all(dtype.is_float for dtype in kinds)
            else "use cast(x, dtype) on one of them",
        )
    (dtype,) = kinds
    if op in FLOAT_ONLY and not dtype.is_float:
        raise DTypeError(
            "needs floating-point numbers",
            where=op.value,
            allowed="float32, float64",
            given=dtype.value,
            hint="use cast(x, 'float32')",
        )
    return dtype


def elementwise(op: Op, inputs: tuple[Typed, ...], attributes: Mapping[str, Any]) -> Typed:
    """All inputs have one shape, which the result has too."""
    dtype = _same_type(op, inputs)
    shape = inputs[0][0]
    if any(other != shape for other, _ in inputs):
        raise _mismatch(op, inputs, "one shape for all")
    return shape, dtype


def where(op: Op, inputs: tuple[Typed, ...], attributes: Mapping[str, Any]) -> Typed:
    """The condition may have another number type than the two branches."""
    shape = inputs[0][0]
    if any(other != shape for other, _ in inputs):
        raise _mismatch(op, inputs, "one shape for all")
    return shape, _same_type(op, inputs[1:])


def cast(op: Op, inputs: tuple[Typed, ...], attributes: Mapping[str, Any]) -> Typed:
    """The shape stays."""
    return inputs[0][0], attributes["to"]


def reduction(op: Op, inputs: tuple[Typed, ...], attributes: Mapping[str, Any]) -> Typed:
    """The reduced axes stay with length 1."""
    shape, dtype = inputs[0]
    axes = attributes["axes"]
    if not axes or list(axes) != sorted(set(axes)) or axes[0] < 0 or axes[-1] >= len(shape):
        raise ShapeError(
            "no such axes",
            where=op.value,
            allowed=f"ascending, 0 to {len(shape) - 1}",
            given=str(axes),
        )
    return tuple(1 if axis in axes else dim for axis, dim in enumerate(shape)), dtype


def matmul(op: Op, inputs: tuple[Typed, ...], attributes: Mapping[str, Any]) -> Typed:
    """[m, k] by [k, n] gives [m, n], either input read as its transpose on request.

    Instead of m there may be several axes: [..., k] by [k, n] gives [..., n], and with a read as
    its transpose [..., m] and [..., n] give [m, n], summed over all the others.
    """
    dtype = _same_type(op, inputs)
    (a, _), (b, _) = inputs
    over_lines = attributes["transpose_a"] and not attributes["transpose_b"]
    if len(a) < 2 or len(b) != (len(a) if over_lines else 2):
        raise _mismatch(op, inputs, "two matrices, or several axes in the place of the first")
    if over_lines:
        if a[:-1] != b[:-1]:
            raise _mismatch(op, inputs, "[..., m] and [..., n] that agree in all other axes")
        m, n = a[-1], b[-1]
        if m is None or n is None:
            raise _mismatch(op, inputs, "rows only as the first axis of the result")
        return (m, n), dtype
    if attributes["transpose_a"] and len(a) != 2:
        raise _mismatch(op, inputs, "two matrices")
    *outer, k = reversed(a) if attributes["transpose_a"] else a
    k2, n = reversed(b) if attributes["transpose_b"] else b
    if k != k2:
        raise _mismatch(op, inputs, "[m, k] and [k, n] with the same k")
    if n is None:
        raise _mismatch(op, inputs, "rows only as the first axis of the result")
    return (*outer, n), dtype


def batch_matmul(op: Op, inputs: tuple[Typed, ...], attributes: Mapping[str, Any]) -> Typed:
    """[batch..., m, k] by [batch..., k, n] gives [batch..., m, n], either last pair turned."""
    dtype = _same_type(op, inputs)
    (a, _), (b, _) = inputs
    if len(a) < 3 or len(a) != len(b) or a[:-2] != b[:-2]:
        raise _mismatch(op, inputs, "[batch..., m, k] and [batch..., k, n] with the same batch")
    m, k = reversed(a[-2:]) if attributes["transpose_a"] else a[-2:]
    k2, n = reversed(b[-2:]) if attributes["transpose_b"] else b[-2:]
    if k != k2:
        raise _mismatch(op, inputs, "[batch..., m, k] and [batch..., k, n] with the same k")
    return (*a[:-2], m, n), dtype


def reshape(op: Op, inputs: tuple[Typed, ...], attributes: Mapping[str, Any]) -> Typed:
    """The same numbers in the same order; rows stay the first axis."""
    (shape, dtype), new = inputs[0], attributes["shape"]
    check_shape(new, op.value)
    rows_kept = (ROWS in shape) == (ROWS in new)
    if not rows_kept or _size(shape) != _size(new):
        raise ShapeError(
            "number of elements changes",
            where=op.value,
            allowed=f"shapes with as many elements as {show_shape(shape)}",
            given=show_shape(new),
        )
    return new, dtype


def _size(shape: Shape) -> int:
    return math.prod(dim for dim in shape if dim is not None)


def transpose(op: Op, inputs: tuple[Typed, ...], attributes: Mapping[str, Any]) -> Typed:
    """Axes in another order; rows stay first."""
    (shape, dtype), axes = inputs[0], attributes["axes"]
    if sorted(axes) != list(range(len(shape))):
        raise ShapeError(
            "not an order of the axes",
            where=op.value,
            allowed=f"a permutation of 0 to {len(shape) - 1}",
            given=str(axes),
        )
    return check_shape(tuple(shape[axis] for axis in axes), op.value), dtype


def broadcast(op: Op, inputs: tuple[Typed, ...], attributes: Mapping[str, Any]) -> Typed:
    """Axes of length 1 may become any length; the rank stays."""
    (shape, dtype), new = inputs[0], attributes["shape"]
    check_shape(new, op.value)
    if len(new) != len(shape) or any(
        old not in (1, dim) for old, dim in zip(shape, new, strict=False)
    ):
        raise ShapeError(
            "cannot repeat to this shape",
            where=op.value,
            allowed=f"{show_shape(shape)} with axes of length 1 enlarged",
            given=show_shape(new),
        )
    return new, dtype


def slice_(op: Op, inputs: tuple[Typed, ...], attributes: Mapping[str, Any]) -> Typed:
    """A block from start (included) to stop (excluded); the rows axis is taken whole."""
    shape, dtype = inputs[0]
    start, stop = attributes["start"], attributes["stop"]
    new: list[Dim] = []
    for axis, dim in enumerate(shape):
        low, high = start[axis], stop[axis]
        if dim is None:
            if (low, high) != (0, ROWS):
                raise ShapeError("the rows axis cannot be cut", where=op.value)
            new.append(ROWS)
            continue
        if not 0 <= low < high <= dim:
            raise ShapeError(
                f"no such range on axis {axis}",
                where=op.value,
                allowed=f"0 to {dim}",
                given=f"{low} to {high}",
            )
        new.append(high - low)
    return tuple(new), dtype


def pad(op: Op, inputs: tuple[Typed, ...], attributes: Mapping[str, Any]) -> Typed:
    """Zeros are put before and after; the rows axis cannot grow."""
    shape, dtype = inputs[0]
    before, after = attributes["before"], attributes["after"]
    if len(before) != len(shape) or len(after) != len(shape) or min(before + after, default=0) < 0:
        raise ShapeError("one pair of counts an axis is needed", where=op.value)
    new: list[Dim] = []
    for dim, low, high in zip(shape, before, after, strict=True):
        if dim is None and (low or high):
            raise ShapeError("the rows axis cannot be padded", where=op.value)
        new.append(ROWS if dim is None else dim + low + high)
    return tuple(new), dtype


def concat(op: Op, inputs: tuple[Typed, ...], attributes: Mapping[str, Any]) -> Typed:
    """All axes but one agree."""
    dtype, axis = _same_type(op, inputs), attributes["axis"]
    first = inputs[0][0]
    total = 0
    for shape, _ in inputs:
        fits = len(shape) == len(first) and 0 <= axis < len(shape) and shape[axis] is not None
        if not fits or shape[:axis] + shape[axis + 1 :] != first[:axis] + first[axis + 1 :]:
            raise _mismatch(op, inputs, f"shapes that differ only on axis {axis}, not rows")
        total += shape[axis] or 0
    return (*first[:axis], total, *first[axis + 1 :]), dtype


def gather(op: Op, inputs: tuple[Typed, ...], attributes: Mapping[str, Any]) -> Typed:
    """[levels, width] by int32 [n] gives [n, width]."""
    (table, dtype), (index, kind) = inputs
    if len(table) != 2 or len(index) != 1 or table[0] is None:
        raise _mismatch(op, inputs, "a table [levels, width] and numbers [n]")
    if kind is not DType.int32:
        raise DTypeError("row numbers must be int32", where=op.value, given=kind.value)
    return (index[0], table[1]), dtype


def scatter_add(op: Op, inputs: tuple[Typed, ...], attributes: Mapping[str, Any]) -> Typed:
    """int32 [n] and values [n, width] give [length, width]."""
    (index, kind), (values, dtype) = inputs
    if len(values) != 2 or len(index) != 1 or index[0] != values[0]:
        raise _mismatch(op, inputs, "numbers [n] and values [n, width]")
    if kind is not DType.int32:
        raise DTypeError("row numbers must be int32", where=op.value, given=kind.value)
    return (attributes["length"], values[1]), dtype


def patches(op: Op, inputs: tuple[Typed, ...], attributes: Mapping[str, Any]) -> Typed:
    """[rows, lengths..., channels] gives [rows, counts..., places of a window, channels].

    Or, with the last two joined to one line, [rows, counts..., places * channels].
    """
    (shape, dtype), windows = inputs[0], attributes["windows"]
    if len(shape) != len(windows.size) + 2 or shape[-1] is None:
        raise _mismatch(op, inputs, f"[rows, {len(windows.size)} lengths, channels]")
    lengths = tuple(dim or 0 for dim in shape[1:-1])
    counts = windows.counts(lengths)
    if min(counts) < 1:
        raise ShapeError(
            "a window is longer than what it slides over",
            where=op.value,
            allowed=f"at most {lengths} and what is put round",
            given=str(windows.size),
        )
    places = math.prod(windows.size)
    line = (places * shape[-1],) if attributes["joined"] else (places, shape[-1])
    return (shape[0], *counts, *line), dtype


def patches_add(op: Op, inputs: tuple[Typed, ...], attributes: Mapping[str, Any]) -> Typed:
    """The way back from the patches of [rows, lengths..., channels]."""
    (shape, dtype), windows = inputs[0], attributes["windows"]
    lengths = attributes["lengths"]
    counts, places = windows.counts(lengths), math.prod(windows.size)
    joined = attributes["joined"]
    expected = counts if joined else (*counts, places)
    width = shape[-1] or 0
    if shape[1:-1] != expected or not width or (joined and width % places):
        raise _mismatch(op, inputs, f"patches of {lengths}")
    return (shape[0], *lengths, width // places if joined else width), dtype


def uniform(op: Op, inputs: tuple[Typed, ...], attributes: Mapping[str, Any]) -> Typed:
    """Seed and step are int32 scalars."""
    if any(typed != ((), DType.int32) for typed in inputs):
        raise DTypeError("seed and step must be int32 scalars", where=op.value)
    return check_shape(attributes["shape"], op.value), attributes["dtype"]


RULES: dict[Op, Rule] = {
    **dict.fromkeys(UNARY, elementwise),
    **dict.fromkeys(BINARY, elementwise),
    **dict.fromkeys(REDUCTIONS, reduction),
    Op.WHERE: where,
    Op.CAST: cast,
    Op.MATMUL: matmul,
    Op.BATCH_MATMUL: batch_matmul,
    Op.RESHAPE: reshape,
    Op.TRANSPOSE: transpose,
    Op.BROADCAST: broadcast,
    Op.SLICE: slice_,
    Op.PAD: pad,
    Op.CONCAT: concat,
    Op.GATHER: gather,
    Op.SCATTER_ADD: scatter_add,
    Op.PATCHES: patches,
    Op.PATCHES_ADD: patches_add,
    Op.UNIFORM: uniform,
}
