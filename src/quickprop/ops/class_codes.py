"""Classes as numbers from 0 on, and as one-hot rows."""

from __future__ import annotations

from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike

from quickprop.config import DType, as_dtype
from quickprop.errors import DataError, SettingError, ShapeError
from quickprop.graph import Tensor, binary, constant
from quickprop.graph.given import flag, real_numbers
from quickprop.graph.primitives import Op
from quickprop.graph.tensor import reshape
from quickprop.ops.elementary import cast, max, where

#: More classes than this are a slip.
LARGEST = 2**24


@overload
def one_hot(labels: Tensor, classes: int, dtype: DType | str = DType.float32) -> Tensor: ...
@overload
def one_hot(
    labels: ArrayLike, classes: int | None = None, dtype: DType | str = DType.float32
) -> np.ndarray: ...
def one_hot(
    labels: Tensor | ArrayLike, classes: int | None = None, dtype: DType | str = DType.float32
) -> Tensor | np.ndarray:
    """Class codes [n] to rows [n, classes]: 1 in the column of the code, else 0.

    Parameters
    ----------
    labels : Tensor or array_like
        Whole numbers from 0 on. A tensor (int32) gives a tensor, numbers give an array.
    classes : int, optional
        How many columns; needed for a tensor. For numbers by default one more than the largest.
    dtype : {"float32", "float64", "int32"}, optional

    Raises
    ------
    DataError
        When a label is negative, not a whole number, or not below `classes`. In a tensor, whose
        numbers are not known yet, such a label gives a row of zeros.

    Examples
    --------
    >>> from quickprop import one_hot
    >>> one_hot([0, 2]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    if classes is not None:
        _check_classes(classes)
    if not isinstance(labels, Tensor):
        return _rows_of_codes(labels, classes, as_dtype(dtype))
    if classes is None:
        raise SettingError(
            "the number of classes must be given",
            where="one_hot.classes",
            allowed=f"1 to {LARGEST}",
            hint="a tensor has no numbers yet in which they could be counted",
        )
    column = reshape(labels, (*labels.shape, 1))
    numbers = constant(np.arange(classes, dtype=np.int32).reshape(1, classes))
    return cast(binary(Op.EQUAL, column, numbers), dtype)


@overload
def from_one_hot(matrix: Tensor, probabilities: bool = False) -> Tensor: ...
@overload
def from_one_hot(matrix: ArrayLike, probabilities: bool = False) -> np.ndarray: ...
def from_one_hot(matrix: Tensor | ArrayLike, probabilities: bool = False) -> Tensor | np.ndarray:
    """Rows [n, classes] back to class codes, int32 [n].

    Parameters
    ----------
    matrix : Tensor or array_like
        One-hot rows along the last axis. A tensor gives a tensor, numbers give an array.
    probabilities : bool
        Take rows of any numbers and give the place of the largest, the first of equals.

    Raises
    ------
    DataError
        When a row is not one-hot; with `probabilities`, when it holds something missing. The rows
        of a tensor are not known yet and always give the place of the largest.

    Examples
    --------
    >>> from quickprop import from_one_hot
    >>> from_one_hot([[0.1, 0.9], [0.8, 0.2]], probabilities=True).tolist()
    [1, 0]
    """
    probabilities = flag(probabilities, "from_one_hot.probabilities")
    if not isinstance(matrix, Tensor):
        return _codes_of_rows(matrix, probabilities)
    classes = matrix.shape[-1] if matrix.rank else None
    if classes is None:
        raise _no_columns("[rows]" if matrix.rank else "a single number")
    x = matrix if matrix.dtype.is_float else cast(matrix, DType.float32)
    backwards = constant(np.arange(classes, 0, -1), x.dtype)
    at_largest = binary(Op.EQUAL, x, max(x, -1, keepdims=True))
    # The largest of the numbers that count down is the first place.
    return cast(float(classes) - max(where(at_largest, backwards, 0.0), -1), DType.int32)


def _check_classes(classes: Any) -> None:
    whole = isinstance(classes, int | np.integer) and not isinstance(classes, bool)
    if not whole or not 1 <= classes <= LARGEST:
        raise SettingError(
            "not a number of classes",
            where="one_hot.classes",
            allowed=f"1 to {LARGEST}",
            given=repr(classes)[:80],
        )


def _rows_of_codes(labels: Any, classes: int | None, dtype: DType) -> np.ndarray:
    codes = real_numbers(
        labels, "one_hot", "turn names into codes: numpy.unique(labels, return_inverse=True)[1]"
    )
    if codes.size == 0:
        if classes is None:
            raise DataError(
                "no labels from which the classes could be counted",
                where="one_hot",
                hint="give the number of classes",
            )
        return np.zeros((*codes.shape, classes), dtype.value)
    if codes.dtype.kind == "f":
        raise DataError(
            "labels must be whole numbers",
            where="one_hot",
            given=f"type {codes.dtype}",
            hint="convert with .astype('int32')",
        )
    highest = int(codes.max())
    if classes is None:
        classes = highest + 1
        if classes > LARGEST:
            raise DataError(
                "a label too large for a column of its own",
                where=f"one_hot, {_place(codes == highest)}",
                allowed=f"0 to {LARGEST - 1}",
                given=highest,
                hint="count the labels: numpy.unique(labels, return_inverse=True)[1]",
            )
    outside = (codes < 0) | (codes >= classes)
    if outside.any():
        raise DataError(
            "a label outside the classes",
            where=f"one_hot, {_place(outside)}",
            allowed=f"0 to {classes - 1}" if classes > 0 else "0 or more",
            given=codes[outside][0],
        )
    try:
        rows = np.zeros((*codes.shape, classes), dtype.value)
    except (MemoryError, ValueError):
        raise DataError(
            "the rows do not fit into memory",
            where="one_hot",
            given=f"{codes.size:,} labels and {classes:,} classes",
        ) from None
    np.put_along_axis(rows, codes[..., np.newaxis].astype(np.int64), 1, axis=-1)
    return rows


def _codes_of_rows(matrix: Any, probabilities: bool) -> np.ndarray:
    rows = real_numbers(matrix, "from_one_hot")
    if rows.ndim == 0 or rows.shape[-1] == 0:
        raise _no_columns(str(rows.shape) if rows.ndim else "a single number")
    if probabilities:
        wrong = np.isnan(rows).any(axis=-1)
    else:
        wrong = ((rows != 0) & (rows != 1)).any(axis=-1) | (np.count_nonzero(rows, axis=-1) != 1)
    if wrong.any():
        given = np.array2string(rows[wrong][0], threshold=10, precision=4, separator=", ")
        raise DataError(
            "a row with missing numbers" if probabilities else "a row that is not one-hot",
            where=f"from_one_hot, {_place(wrong)}",
            allowed="numbers" if probabilities else "a single 1, and 0 everywhere else",
            given=given[:80],
            hint=None if probabilities else "for probabilities: from_one_hot(..., True)",
        )
    return np.asarray(rows.argmax(axis=-1), np.int32)


def _no_columns(given: str) -> ShapeError:
    return ShapeError(
        "no axis of classes", where="from_one_hot", allowed="[rows, classes]", given=given
    )


def _place(wrong: Any) -> str:
    """The first place that is marked, in words."""
    first = [int(k) for k in np.argwhere(wrong)[0]]
    return f"row {', '.join(map(str, first))}" if first else "the only row"
