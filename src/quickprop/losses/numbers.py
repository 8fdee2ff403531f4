"""Losses of targets that are a matrix of numbers, column by column."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from quickprop.config import DType
from quickprop.errors import ShapeError
from quickprop.graph import ROWS, Tensor, placeholder
from quickprop.losses.loss import Loss
from quickprop.losses.targets import NUMBERS, Domain, number_matrix


@dataclass(frozen=True)
class NumberLoss(Loss):
    """A loss of numbers (rows, t), each of which may be missing by itself.

    Where a target column needs more than one raw output, the outputs come in blocks: the first of
    every column, then the second of every column, and so on.

    Attributes
    ----------
    domain : Domain
        Which numbers the target may hold.
    filler : float
        A number that may stand in place of a missing one.
    """

    domain: ClassVar[Domain] = NUMBERS
    filler: ClassVar[float] = 0.0

    @property
    @abstractmethod
    def outputs_per_target(self) -> int:
        """How many raw outputs each target column needs."""

    @final
    def output_width(self, targets: int) -> int:
        """`outputs_per_target` for each column."""
        return targets * self.outputs_per_target

    @final
    def target_placeholder(self, width: int, dtype: DType = DType.float32) -> Tensor:
        """Numbers (rows, width / outputs_per_target)."""
        return placeholder((ROWS, width // self.outputs_per_target), dtype, "target")

    @final
    def check_target(self, target: Any, width: int, where: str) -> np.ndarray:
        """Numbers (rows, width / outputs_per_target), or (rows,) for one column; NaN: missing."""
        return number_matrix(target, width, where, self.domain, self.outputs_per_target)

    @final
    def without_missing(self, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Every number counts by itself."""
        missing = np.isnan(target)
        return np.where(missing, self.filler, target), ~missing


def column_count(output: Tensor, outputs_per_target: int) -> int:
    """The target columns of raw outputs, of which each needs so many.

    Raises
    ------
    ShapeError
        When the outputs are not a whole number of columns.
    """
    width = output.shape[1] or 0
    if width % outputs_per_target:
        raise ShapeError(
            f"the loss needs {outputs_per_target} outputs for each target column",
            where="network",
            allowed=f"{outputs_per_target}, {2 * outputs_per_target}, ... outputs",
            given=width,
            hint=f"give the last Dense layer a width of {outputs_per_target} times the "
            "target columns",
        )
    return width // outputs_per_target


def blocks(output: Tensor, count: int) -> list[Tensor]:
    """Raw outputs cut into so many blocks of equally many columns."""
    width = column_count(output, count)
    return [output[:, k * width : (k + 1) * width] for k in range(count)]
