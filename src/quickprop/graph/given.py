"""What comes from outside into a graph: numbers, shapes and names, checked."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from quickprop.config import DType, as_dtype
from quickprop.errors import DTypeError, GraphError, SettingError, ShapeError

Numbers = np.ndarray[Any, np.dtype[Any]]
#: What NumPy, or the object itself, raises where something cannot be made an array.
NOT_AN_ARRAY = (ValueError, TypeError, OverflowError, RecursionError)


def real_numbers(value: Any, where: str, hint: str | None = None) -> Numbers:
    """An array of whole or other real numbers, as they came; no copy without need.

    Raises
    ------
    ShapeError, DTypeError
        When it is not an array, or not one of numbers.
    """
    try:
        array = np.asarray(value)
    except NOT_AN_ARRAY as error:
        raise ShapeError("not an array", where=where, given=str(error)[:80]) from None
    if array.dtype.kind not in "biuf":
        raise DTypeError(
            "not numbers",
            where=where,
            allowed="a tensor, or an array of real numbers",
            given=f"{type(value).__name__} of type {array.dtype}",
            hint=hint,
        )
    return array


def own_numbers(value: Any, dtype: DType | str | None, where: str) -> tuple[Numbers, DType]:
    """A copy of its own, and its type: int32 or float32 where none is asked for."""
    array = real_numbers(value, where)
    if dtype is None:
        kind = DType.int32 if array.dtype.kind in "iub" else DType.float32
    else:
        kind = as_dtype(dtype)
    return in_type(array, kind, where), kind


def in_type(array: Numbers, kind: DType, where: str) -> Numbers:
    """A copy in a type of ours.

    Raises
    ------
    DTypeError
        A number that int32 cannot hold. Fractions are cut off there, and rounded elsewhere.
    """
    if kind is DType.int32 and array.dtype != np.int32 and array.size:
        limits = np.iinfo(np.int32)
        low, high = array.min(), array.max()
        # Written so that NaN, of which every comparison is false, is refused too.
        if not (limits.min <= low and high <= limits.max):
            raise DTypeError(
                "a number that int32 cannot hold",
                where=where,
                allowed=f"{limits.min} to {limits.max}",
                given=f"{low} to {high}",
                hint="give it the type float64",
            )
    return np.array(array, kind.value, order="C")


def checked_name(name: Any, where: str) -> str | None:
    """The name of a node: text that can be written down, or none."""
    if name is None:
        return None
    if not isinstance(name, str):
        raise GraphError(
            "a name is text", where=where, allowed="str or None", given=type(name).__name__
        )
    try:
        name.encode()
    except UnicodeEncodeError:
        raise GraphError(
            "half a character cannot be written down",
            where=f"{where}, name",
            given=ascii(name)[:80],
            hint="use whole characters",
        ) from None
    return name


def listed(value: Any) -> list[Any] | None:
    """What a sequence holds; None for what is none, among them text."""
    if isinstance(value, str | bytes):
        return None
    try:
        return list(value)
    except TypeError:
        return None


def whole_numbers(value: Any, where: str) -> tuple[int, ...]:
    """Several whole numbers, such as axes.

    Raises
    ------
    ShapeError
        It is not a sequence of them.
    """
    given = listed(value)
    try:
        if given is not None:
            return tuple(operator.index(one) for one in given)
    except TypeError:
        pass
    raise ShapeError(
        "whole numbers are needed", where=where, allowed="such as (0, 1)", given=repr(value)[:80]
    )


def flag(value: Any, where: str) -> bool:
    """True or False."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise SettingError(
        "not a choice of two", where=where, allowed="True or False", given=repr(value)[:80]
    )
