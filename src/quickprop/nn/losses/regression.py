"""Losses of numbers predicted as such."""

from __future__ import annotations

from dataclasses import dataclass

from quickprop.graph import Tensor
from quickprop.nn.losses.numbers import PointLoss


@dataclass(frozen=True)
class MeanSquaredError(PointLoss):
    """The mean of (output - target)**2 over rows and outputs."""

    def of_targets(self, output: Tensor, target: Tensor) -> Tensor:
        """(f - y)**2."""
        difference = output - target
        return difference * difference

    def prediction(self, output: Tensor) -> Tensor:
        """The outputs as they are: the mean of y given x."""
        return output
