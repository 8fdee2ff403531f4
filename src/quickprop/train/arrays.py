"""The arrays of a fit, checked before anything is compiled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.errors import DataError, QuickpropError, ShapeError
from quickprop.execution.checks import as_inputs
from quickprop.graph import ROWS, placeholder
from quickprop.nn import Loss, Network


@dataclass(frozen=True)
class Part:
    """Rows to learn from, or to look at.

    Parameters
    ----------
    inputs : tuple of array
        One for each input of the network.
    target : array
    weights : array or None
        Factors of the rows, of mean 1.
    """

    inputs: tuple[np.ndarray, ...]
    target: np.ndarray
    weights: np.ndarray | None

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(self.target)


def checked_part(
    network: Network, loss: Loss, inputs: Any, target: Any, weights: Any, where: str
) -> Part:
    """The arrays as the graph takes them.

    Parameters
    ----------
    where : str
        "training" or "validation", for error messages.

    Raises
    ------
    ShapeError, DTypeError, DataError
        When an array does not fit the network or the loss, or holds NaN or infinity.
    """
    given: Sequence[Any]
    given = inputs if isinstance(inputs, tuple | list) and not _is_rows(inputs) else (inputs,)
    expected = loss.check_target(target, network.width, f"{where} target")
    leaves = [*network.inputs, loss.target_placeholder(network.width, network.dtype)]
    values = [*given, expected]
    if weights is not None:
        leaves.append(placeholder((ROWS,), network.dtype, "weights"))
        values.append(weights)
    count = len(network.inputs)
    if network.categories and len(given) == count:
        # Before a conversion to int32 could make a wrong code a right one.
        network.check_categories(*given)
    try:
        with np.errstate(over="ignore"):  # What overflows is found below.
            arrays = as_inputs(leaves, values)
    except QuickpropError as error:
        raise type(error)(
            error.what,
            where=f"{where} {error.where or 'inputs'}",
            allowed=error.allowed,
            given=error.given,
            mend=error.mend,
        ) from None
    for leaf, array in zip(leaves, arrays, strict=True):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DataError(
                f"NaN, infinity or too large for {array.dtype}",
                where=f"{where} {leaf.name}",
                given=f"first in row {int(np.argwhere(~np.isfinite(array))[0][0])}",
                mend="fill or leave out such cells first",
            )
    return Part(
        tuple(arrays[:count]),
        arrays[count],
        None if weights is None else _of_mean_one(arrays[-1], where),
    )


def _is_rows(inputs: Sequence[Any]) -> bool:
    """Whether a list is a matrix written as rows and not a sequence of matrices."""
    try:
        return bool(inputs) and np.ndim(inputs[0]) == 1
    except ValueError:
        return False


def _of_mean_one(weights: np.ndarray, where: str) -> np.ndarray:
    if weights.min() < 0 or not weights.any():
        raise DataError(
            "row weights must not be negative, nor all zero",
            where=f"{where} weights",
            given=f"{weights.min():g} to {weights.max():g}",
        )
    if not len(weights):
        raise ShapeError("no rows", where=f"{where} weights")
    return weights / weights.mean(dtype=np.float64).astype(weights.dtype)
