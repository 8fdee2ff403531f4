"""Values for the variables of a network: every name there, every shape the right one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from quickprop.errors import SettingError, ShapeError
from quickprop.graph import show_shape


def checked_weights(
    weights: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, np.ndarray]:
    """The values as arrays, in the order of the shapes.

    Parameters
    ----------
    weights : mapping of str to array
    shapes : mapping of str to tuple of int
        The shape of each variable by its full name.

    Raises
    ------
    ShapeError, SettingError
        When a name is missing or unknown, a shape is another one, or something is no number.
    """
    if not isinstance(weights, Mapping):
        raise SettingError(
            "not a mapping of names to arrays", where="weights", given=type(weights).__name__
        )
    for name in weights:
        if name not in shapes:
            raise SettingError("no such parameter", where="weights", given=repr(name)[:80])
    arrays = {}
    for name, shape in shapes.items():
        if name not in weights:
            raise SettingError("a parameter is missing", where="weights", allowed=name)
        array = _as_array(weights[name], name)
        if array.shape != shape:
            raise ShapeError(
                "a parameter has another shape",
                where=name,
                allowed=show_shape(shape),
                given=show_shape(array.shape),
            )
        arrays[name] = array
    return arrays


def _as_array(given: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(given)
    except (ValueError, TypeError, OverflowError):
        array = np.empty(0, object)
    if array.dtype.kind not in "biuf":
        raise SettingError("a parameter does not hold numbers", where=name, given=str(array.dtype))
    return array
