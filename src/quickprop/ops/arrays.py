"""Functions of tensors called with plain arrays: the same graph, computed at once by NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from quickprop.errors import DTypeError, ShapeError
from quickprop.graph import Graph, Tensor, constant
from quickprop.ops.reference import evaluate


def as_numbers(value: Any, where: str, hint: str | None = None) -> np.ndarray:
    """An array of whole or other real numbers, as they came; no copy without need.

    Raises
    ------
    ShapeError, DTypeError
        When it is not an array, or not one of numbers.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ShapeError("not an array", where=where, given=str(error)[:80]) from None
    if array.dtype.kind not in "biuf":
        raise DTypeError(
            "not numbers",
            where=where,
            allowed="a tensor, or an array of numbers",
            given=f"{type(value).__name__} of type {array.dtype}",
            hint=hint,
        )
    return array


def on_array(function: Callable[[Tensor], Tensor], value: Any, where: str) -> np.ndarray:
    """`function` of a tensor that holds these numbers; its result has their shape.

    It is float32 if they are, else float64.
    """
    array = as_numbers(value, where)
    array = array.astype(np.float32 if array.dtype == np.float32 else np.float64, copy=False)
    if array.ndim == 0:
        raise ShapeError(
            "a single number is no vector", where=where, allowed="one axis or more", given=array
        )
    if array.size == 0:
        return np.zeros_like(array)
    # One formula serves tensors and arrays, so the two cannot drift apart.
    (result,), _ = evaluate(Graph((), (function(constant(array, array.dtype.name)),), ()), {})
    return result
