"""Checks of the arrays that come in, against the placeholders they are meant for."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from quickprop.config import DType
from quickprop.errors import DataError, DTypeError, GraphError, ShapeError
from quickprop.graph import Tensor, show_shape
from quickprop.native import CsrMatrix, Rows, as_dense

#: NumPy keeps one object for each of its own types in native byte order.
_NUMPY = {kind: np.dtype(kind.value) for kind in DType}


def is_sparse(value: Any) -> bool:
    """Whether a value is one of SciPy's sparse arrays or matrices."""
    # It cannot be one when nobody has imported what they are of.
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and sparse.issparse(value)


def as_input(leaf: Tensor, value: Any, position: int) -> np.ndarray:
    """The value as an array of the placeholder's type, its shape checked apart from the rows."""
    if type(value) is np.ndarray and value.dtype is _NUMPY[leaf.dtype]:
        array = value
    else:
        array = _converted(leaf, value, position)
    shape, given = leaf.shape, array.shape
    # The rows axis aside, the common case is one comparison of two tuples.
    fits = given == shape or (
        len(given) == len(shape) > 0 and shape[0] is None and given[1:] == shape[1:]
    )
    if not fits:
        raise _shape_error(leaf, given, position)
    return array


def as_rows(leaf: Tensor, value: Any, position: int) -> Rows:
    """As `as_input`, but sparse rows stay so."""
    takes_lists = leaf.rank == 2 and leaf.shape[0] is None and leaf.dtype.is_float
    if not takes_lists or not (is_sparse(value) or isinstance(value, CsrMatrix)):
        return as_input(leaf, value, position)
    rows = value if isinstance(value, CsrMatrix) else _listed(value)
    if rows.width != leaf.shape[1]:
        raise _shape_error(leaf, rows.shape, position)
    if rows.dtype is _NUMPY[leaf.dtype]:
        return rows
    data = _converted(leaf, rows.data, position, rows.row_of)
    return dataclasses.replace(rows, data=data)


def _listed(value: Any) -> CsrMatrix:
    """The lists of one of SciPy's sparse arrays."""
    rows = value.tocsr()
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    return CsrMatrix(
        np.ascontiguousarray(rows.indptr, np.int64),
        np.ascontiguousarray(rows.indices, np.int32),
        np.ascontiguousarray(rows.data),
        rows.shape[1],
    )


def _shape_error(leaf: Tensor, given: Sequence[int], position: int) -> ShapeError:
    return ShapeError(
        "an array has the wrong shape",
        where=_label(leaf, position),
        allowed=show_shape(leaf.shape),
        given=show_shape(tuple(given)),
    )


def _converted(
    leaf: Tensor, value: Any, position: int, row_of: Callable[[int], int] = int
) -> np.ndarray:
    try:
        array = _whole_array(value)
    except (ValueError, TypeError, ArithmeticError, LookupError) as error:
        raise ShapeError("not an array", where=_label(leaf, position), given=str(error)) from error
    if array.dtype.kind not in "biuf":
        raise DTypeError(
            "an array does not hold numbers",
            where=_label(leaf, position),
            allowed=leaf.dtype.value,
            given=str(array.dtype),
        )
    if leaf.dtype is DType.int32 and array.dtype.kind == "f":
        raise DTypeError(
            "whole numbers are needed",
            where=_label(leaf, position),
            allowed="int32",
            given=str(array.dtype),
            hint="convert with .astype('int32')",
        )
    if np.ma.is_masked(value):
        raise DataError(
            "an array with masked numbers",
            where=_label(leaf, position),
            hint="put numbers in their place with .filled(...), or leave these rows out",
        )
    if leaf.dtype is DType.int32:
        return _whole(leaf, array, position)
    return _cast(leaf, array, position, row_of)


def _whole_array(value: Any) -> np.ndarray:
    return value.toarray() if is_sparse(value) else np.asarray(as_dense(value))


def _cast(
    leaf: Tensor, array: np.ndarray, position: int, row_of: Callable[[int], int]
) -> np.ndarray:
    try:
        with np.errstate(over="raise"):
            return array.astype(leaf.dtype.value)
    except FloatingPointError:
        with np.errstate(over="ignore"):
            became_infinite = np.isinf(array.astype(leaf.dtype.value)) & np.isfinite(array)
        first = tuple(np.argwhere(became_infinite)[0])
        raise DataError(
            f"a number too large for {leaf.dtype.value}",
            where=_label(leaf, position),
            given=f"{array[first]:g}" + (f" in row {row_of(first[0])}" if first else ""),
            hint="scale such columns first, or compute in float64",
        ) from None


def _whole(leaf: Tensor, array: np.ndarray, position: int) -> np.ndarray:
    whole = array.astype(leaf.dtype.value)
    if array.dtype.itemsize >= 4 and (whole != array).any():
        raise DataError(
            "a whole number outside int32",
            where=_label(leaf, position),
            allowed="-2147483648 to 2147483647",
            given=str(array[tuple(np.argwhere(whole != array)[0])]),
        )
    return whole


def _label(leaf: Tensor, position: int) -> str:
    return f"input {leaf.name!r}" if leaf.name else f"input {position}"


def as_inputs(
    leaves: Sequence[Tensor],
    values: Sequence[Any],
    checked: Callable[[Tensor, Any, int], Any] = as_input,
) -> list[np.ndarray]:
    """All inputs of a call, their rows equal in number."""
    if len(values) != len(leaves):
        names = ", ".join(leaf.name or "unnamed" for leaf in leaves)
        raise ShapeError(
            "wrong number of inputs", allowed=f"{len(leaves)} ({names})", given=str(len(values))
        )
    if len(values) == 1:
        # Most calls: a network of one input.
        arrays = [checked(leaves[0], values[0], 0)]
        if arrays[0].size:
            return arrays
    else:
        arrays = [checked(leaf, value, k) for k, (leaf, value) in enumerate(zip(leaves, values))]
    rows: int | None = None
    for k, (leaf, array) in enumerate(zip(leaves, arrays)):
        if leaf.shape and leaf.shape[0] is None:
            if rows is None:
                rows = len(array)
            if len(array) != rows or not rows:
                raise ShapeError(
                    "inputs differ in rows" if rows else "no rows",
                    where=_label(leaf, k),
                    allowed=f"{rows or 'at least 1'}",
                    given=str(len(array)),
                )
    return arrays


def as_mapping(value: Any, where: str, inputs: Sequence[Tensor]) -> Mapping[Tensor, Any]:
    """A mapping from some of the inputs of a graph."""
    if not isinstance(value, Mapping):
        raise GraphError(
            "not a mapping", where=where, allowed="{input: its numbers}", given=_short(value)
        )
    for leaf in value:
        if leaf not in inputs:
            raise GraphError(
                "not an input of the graph",
                where=where,
                allowed=", ".join(map(repr, inputs)),
                given=_short(leaf),
            )
    return value


def _short(value: Any) -> str:
    """How a value looks, in one line; some cannot even be shown."""
    try:
        return repr(value)[:80]
    except Exception:
        return f"an object of type {type(value).__name__}"


def as_all_rows(leaves: Sequence[Tensor], values: Sequence[Any]) -> list[Rows]:
    """As `as_inputs`, but sparse rows stay so."""
    return [*as_inputs(leaves, values, as_rows)]
