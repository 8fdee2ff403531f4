"""The arrays of a fit, checked before anything is compiled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.config import DType
from quickprop.errors import DataError, QuickpropError, ShapeError
from quickprop.execution.checks import as_all_rows
from quickprop.foundation.deadline import look_at_the_clock
from quickprop.graph import ROWS, Tensor, placeholder
from quickprop.graph.given import real_numbers
from quickprop.losses import Loss
from quickprop.native import CsrMatrix, Rows, as_dense
from quickprop.nn import Network


@dataclass(frozen=True)
class TrainingData:
    """Rows to learn from, or to look at.

    Parameters
    ----------
    inputs : tuple of array or CsrMatrix
        One for each input of the network.
    target : array
        A harmless number stands where one is missing.
    weights : array or None
        Factors of mean 1: of the rows (rows,), or of the columns of the loss (rows, columns).
        They are 0 where the target is missing.
    """

    inputs: tuple[Rows, ...]
    target: np.ndarray
    weights: np.ndarray | None

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(self.target)


def checked_part(
    network: Network, loss: Loss, inputs: Any, target: Any, weights: Any, where: str
) -> TrainingData:
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
    given = network.in_order(given)
    expected = loss.check_target(target, network.width, f"{where} target")
    leaf = loss.target_placeholder(network.width, network.dtype)
    present = None
    if expected.dtype.kind == "f" and np.isnan(expected).any():
        filled, present = loss.without_missing(expected)
        if not present.any():
            raise DataError("all of the target is missing", where=f"{where} target")
        expected = filled.astype(np.int32) if leaf.dtype is DType.int32 else filled
    leaves = [*network.inputs, leaf]
    values = [*given, expected]
    if weights is not None:
        factors_given = real_numbers(weights, f"{where} weights")
        leaves.append(_weights_leaf(network, loss, leaf, factors_given.ndim))
        values.append(weights)
    look_at_the_clock()
    count = len(network.inputs)
    if network.categories and len(given) == count:
        # Before a conversion to int32 could make a wrong code a right one.
        network.check_categories(*given)
    try:
        arrays = as_all_rows(leaves, values)
    except QuickpropError as error:
        raise type(error)(
            error.what,
            where=f"{where} {error.where or 'inputs'}",
            allowed=error.allowed,
            given=error.given,
            hint=error.hint,
        ) from None
    for leaf, array in zip(leaves, arrays, strict=True):
        look_at_the_clock()
        row = _first_not_finite(array)
        if row is not None:
            raise DataError(
                "NaN or infinity",
                where=f"{where} {leaf.name}",
                given=f"first in row {row}",
                hint="fill or leave out such cells first",
            )
    others = [as_dense(array) for array in arrays[count:]]
    factors = _factors(None if weights is None else others[-1], present)
    return TrainingData(
        tuple(arrays[:count]),
        others[0],
        None if factors is None else _of_mean_one(factors.astype(network.dtype.value), where),
    )


def _first_not_finite(array: Rows) -> int | None:
    """The first row with NaN or infinity."""
    if array.dtype.kind != "f":
        return None
    if not isinstance(array, CsrMatrix):
        finite = np.isfinite(array)
        return None if finite.all() else int(np.argwhere(~finite)[0][0])
    finite = np.isfinite(array.data)
    return None if finite.all() else array.row_of(int(np.argmin(finite)))


def _weights_leaf(network: Network, loss: Loss, target: Tensor, rank: int) -> Tensor:
    """What the weights must be: a factor for each row, or for each column of the loss."""
    shape: tuple[int | None, ...] = (ROWS,)
    if rank == 2:
        outputs = placeholder((ROWS, network.width), network.dtype)
        shape = loss.per_target(outputs, target).shape
    return placeholder(shape, network.dtype, "weights")


def _factors(weights: np.ndarray | None, present: np.ndarray | None) -> np.ndarray | None:
    """The weights, 0 where the target is missing, with no more axes than are needed."""
    if present is None:
        factors = weights
    elif weights is None:
        factors = present
    else:
        factors = present * (weights if weights.ndim == 2 else weights[:, np.newaxis])
    if factors is None or factors.ndim == 1 or factors.shape[1] > 1:
        return factors
    return factors[:, 0]


def _is_rows(inputs: Sequence[Any]) -> bool:
    """Whether a list is a matrix written as rows and not a sequence of matrices."""
    try:
        return bool(inputs) and np.ndim(inputs[0]) == 1
    except ValueError:
        return False


def _of_mean_one(weights: np.ndarray, where: str) -> np.ndarray:
    if weights.min() < 0 or not weights.any():
        raise DataError(
            "weights must not be negative, nor all zero where there is a target",
            where=f"{where} weights",
            given=f"{weights.min():g} to {weights.max():g}",
        )
    if not len(weights):
        raise ShapeError("no rows", where=f"{where} weights")
    scaled: np.ndarray = weights / weights.mean(dtype=np.float64).astype(weights.dtype)
    return scaled
