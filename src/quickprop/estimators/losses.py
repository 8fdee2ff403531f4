"""Losses that scikit-learn's estimators have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from quickprop.graph import Tensor
from quickprop.nn.losses.numbers import NumberLoss
from quickprop.nn.losses.targets import Domain
from quickprop.ops.elementary import exp, log, where

_COUNTS = Domain(
    "a negative number has no Poisson deviance",
    "numbers of at least 0",
    lambda array: array >= 0,
    "use loss='squared_error'",
)


@dataclass(frozen=True)
class HalfPoissonDeviance(NumberLoss):
    """Half the Poisson deviance with logarithmic link.

    ``exp(f) - y f + y ln(y) - y`` for an output f and a count y (McCullagh and Nelder 1989).
    """

    domain: ClassVar[Domain] = _COUNTS

    @property
    def per_target(self) -> int:
        """One."""
        return 1

    def of_targets(self, output: Tensor, target: Tensor) -> Tensor:
        """The deviance of each number."""
        some = target > 0.0
        least = where(some, target * log(where(some, target, 1.0)), 0.0) - target
        return exp(output) - target * output + least

    def prediction(self, output: Tensor) -> Tensor:
        """The mean."""
        return exp(output)
