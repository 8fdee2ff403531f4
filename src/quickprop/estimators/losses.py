"""Losses that scikit-learn's estimators have and `quickprop.nn` has under no such name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.config import DType
from quickprop.graph import ROWS, Tensor, placeholder
from quickprop.nn import Loss
from quickprop.ops.elementary import exp, log, sum, where


@dataclass(frozen=True)
class HalfPoissonDeviance(Loss):
    """Half the Poisson deviance with logarithmic link, summed over the outputs.

    ``exp(f) - y f + y ln(y) - y`` for an output f and a count y (McCullagh and Nelder 1989).
    """

    def of_rows(self, output: Tensor, target: Tensor) -> Tensor:
        """The sum over the outputs of a row."""
        some = target > 0.0
        one = target * 0.0 + 1.0
        least = where(some, target * log(where(some, target, one)), target * 0.0) - target
        return sum(exp(output) - target * output + least, 1)

    def target_placeholder(self, width: int, dtype: DType = DType.float32) -> Tensor:
        """Numbers of at least 0 (rows, width)."""
        return placeholder((ROWS, width), dtype, "target")

    def check_target(self, target: Any, width: int, where: str) -> np.ndarray:
        """The numbers as they are: the estimator has checked them."""
        return np.asarray(target)
