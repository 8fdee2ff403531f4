"""How much each class counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from quickprop.errors import ShapeError
from quickprop.foundation.settings import Rule, number, optional, sequence_of
from quickprop.graph import Tensor, variable
from quickprop.ops.elementary import sum

_FACTORS = sequence_of(number(0.0), 2)


def _not_all_zero(value: Any) -> tuple[float, ...]:
    factors: tuple[float, ...] = _FACTORS.accept(value)
    if not any(factors):
        raise ValueError
    found: tuple[float, ...] = factors
    return found


#: A factor for each class, or None. They are taken as they are, not scaled to a mean of 1.
CLASS_WEIGHT = optional(Rule(_FACTORS.allowed + ", not all 0", _not_all_zero))


def check_class_weight(factors: tuple[float, ...] | None, classes: int, where: str) -> None:
    """Raise `ShapeError` when there is not one factor for each class."""
    if factors is not None and len(factors) != classes:
        raise ShapeError(
            "class weights need a factor for each class",
            where=where,
            allowed=f"{classes} factors",
            given=len(factors),
        )


def row_of(factors: tuple[float, ...], like: Tensor, name: str) -> Tensor:
    """The factors (1, classes). A variable: other factors then run the same compiled code."""
    return variable(np.asarray(factors)[np.newaxis], like.dtype, name)


def weighed(losses: Tensor, factors: tuple[float, ...] | None, hot: Tensor, name: str) -> Tensor:
    """The losses (rows, 1) times the factors of the true classes, given as one-hot rows."""
    if factors is None:
        return losses
    return losses * sum(hot * row_of(factors, hot, name), 1, keepdims=True)
