"""Checks of the targets that come in; NaN is a missing number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.errors import DataError, ShapeError
from quickprop.graph import NOT_AN_ARRAY, show_shape


@dataclass(frozen=True)
class Domain:
    """Which numbers a target may hold.

    Parameters
    ----------
    what : str
        What a number outside is.
    allowed : str
    holds : callable
        Whether each number of an array is allowed.
    mend : str, optional
    """

    what: str
    allowed: str
    holds: Callable[[np.ndarray], np.ndarray]
    hint: str | None = None

    def check(self, array: np.ndarray, where: str) -> None:
        """Raise `DataError` when a number that is there is not allowed."""
        with np.errstate(invalid="ignore"):
            wrong = ~(self.holds(array) | np.isnan(array))
        if wrong.any():
            place = np.argwhere(wrong)[0]
            raise DataError(
                self.what,
                where=where,
                allowed=self.allowed,
                given=f"{array[tuple(place)]} in row {place[0]}",
                hint=self.hint,
            )


#: Probabilities may have been rounded to three digits.
_SUM_TOLERANCE = 1e-3

NUMBERS = Domain(
    "the target has infinite numbers", "finite numbers, NaN where missing", np.isfinite
)
PROBABILITIES = Domain(
    "a target that is not a probability", "0 to 1", lambda array: (array >= 0) & (array <= 1)
)
LABELS = Domain("a target that is not a label", "0 or 1", lambda array: (array == 0) | (array == 1))
COUNTS = Domain(
    "a target that is not a count",
    "0, 1, 2, ...",
    lambda array: (array >= 0) & (array == np.floor(array)) & np.isfinite(array),
)


def numbers(target: Any, where: str) -> np.ndarray:
    """The target as an array of numbers."""
    try:
        array = np.asarray(target)
    except NOT_AN_ARRAY as error:
        raise ShapeError("the target is not an array", where=where, given=str(error)[:80]) from None
    if array.dtype.kind not in "biuf":
        raise DataError(
            "the target does not hold numbers",
            where=where,
            given=f"type {array.dtype}",
            hint="turn names of classes into codes: numpy.unique(names, return_inverse=True)[1]"
            if array.dtype.kind in "OUS" and array.ndim
            else None,
        )
    if np.ma.is_masked(target):
        # What is masked is missing.
        return np.where(np.ma.getmaskarray(target), np.nan, array.astype(np.float64))
    return array


def number_matrix(
    target: Any, width: int, where: str, domain: Domain = NUMBERS, outputs_per_target: int = 1
) -> np.ndarray:
    """Numbers (rows, columns), or (rows,) for one column, of a network with `width` outputs.

    Parameters
    ----------
    outputs_per_target : int
        Outputs that each column needs.
    """
    array = numbers(target, where)
    flat = array.ndim == 1
    if flat:
        array = array.reshape(-1, 1)
    if (
        array.ndim == 2
        and array.shape[1] * outputs_per_target != width
        and width % outputs_per_target
    ):
        raise ShapeError(
            f"the loss needs {outputs_per_target} outputs for each target column",
            where="network",
            allowed=f"{outputs_per_target} times the columns of the target",
            given=f"{width} outputs, {array.shape[1]} target columns",
            hint=f"give the last Dense layer a width of {outputs_per_target * array.shape[1]}",
        )
    if array.ndim != 2 or array.shape[1] * outputs_per_target != width:
        hint = None
        if array.ndim == 2:
            hint = f"give the last Dense layer a width of {array.shape[1] * outputs_per_target}"
            if flat and array.dtype.kind in "biu":
                hint += ", or use CrossEntropy() when these are class codes"
        raise ShapeError(
            "the target does not fit the outputs of the network",
            where=where,
            allowed=f"[rows, {width // outputs_per_target}]",
            given=show_shape(array.shape[:1] if flat else array.shape),
            hint=hint,
        )
    NUMBERS.check(array, where)
    if domain is not NUMBERS:
        domain.check(array, where)
    return array


def class_codes(target: Any, classes: int, where: str, outputs: int = 0) -> np.ndarray:
    """Whole numbers (rows,) from 0 to the number of classes less one.

    int32; or float64, with NaN, when some are missing.

    Parameters
    ----------
    outputs : int
        How many outputs more than classes the loss needs (may be negative), for the hint.
    """
    array = numbers(target, where)
    if array.ndim != 1:
        raise ShapeError(
            "the target must be one class code a row",
            where=where,
            allowed="[rows]",
            given=show_shape(array.shape),
            hint="turn a single column into codes with .ravel()"
            if array.ndim == 2 and array.shape[1] == 1
            else "turn one-hot rows into codes with .argmax(axis=1)",
        )
    missing = np.isnan(array)
    present = array[~missing] if missing.any() else array
    whole = np.isfinite(present) & (present == np.floor(present))
    if array.dtype.kind == "f" and (present is array or not whole.all()):
        # Floats are taken only where NaN must be among them: others are rarely meant as classes.
        raise DataError(
            "class codes must be whole numbers",
            where=where,
            given=f"type {array.dtype}",
            hint="convert with .astype('int32')",
        )
    if len(present) and not (present.min() >= 0 and present.max() < classes):
        hint: str | None = "count classes from 0; a missing class is NaN"
        if present.min() >= 0:
            needed = int(present.max()) + 1 + outputs
            # A huge code is a slip, not a class.
            hint = f"give the last Dense layer a width of {needed}" if needed < 2**24 else None
        raise DataError(
            "a class code outside the outputs of the network",
            where=where,
            allowed=f"0 to {classes - 1}",
            given=f"{present.min()} to {present.max()}",
            hint=hint,
        )
    return array.astype(np.int32 if present is array else np.float64)


def probability_rows(target: Any, width: int, where: str) -> np.ndarray:
    """Rows of probabilities that sum to 1 (rows, width); NaN where missing."""
    array = number_matrix(target, width, where, PROBABILITIES)
    sums = array.sum(axis=1)
    wrong = np.abs(sums - 1.0) > _SUM_TOLERANCE
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            "the probabilities of a row do not sum to 1",
            where=where,
            given=f"{sums[row]:g} in row {row}",
            hint="divide each row by its sum",
        )
    return array


def raw_matrix(raw: Any, where: str) -> np.ndarray:
    """Raw outputs (rows, k) in float64."""
    try:
        array = np.asarray(raw)
    except NOT_AN_ARRAY as error:
        raise ShapeError("not an array", where=where, given=str(error)[:80]) from None
    if array.dtype.kind not in "biuf":
        raise DataError("outputs are numbers", where=where, given=f"type {array.dtype}")
    if array.ndim != 2 or not array.size:
        raise ShapeError(
            "not the raw outputs of a network",
            where=where,
            allowed="[rows, outputs]",
            given=show_shape(array.shape),
        )
    return array.astype(np.float64)
