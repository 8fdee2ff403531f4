"""What a loss is: the loss of each target column of each row, and how it is averaged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from quickprop.config import DType
from quickprop.foundation.registry import Registry
from quickprop.foundation.settings import Component
from quickprop.graph import ROWS, Graph, Tensor, placeholder, reshape
from quickprop.losses.targets import raw_matrix
from quickprop.ops.elementary import mean
from quickprop.ops.reference import evaluate


@dataclass(frozen=True)
class Loss(Component, ABC):
    """What training makes small: a mean over rows, and over the target columns of a row.

    Parts of a target may be missing: NaN stands for a missing number, and class codes of which
    some are missing are whole floats and NaN. What is missing does not count.

    Attributes
    ----------
    output_activation : str or None
        The activation that the loss contains. A network that ends in that activation is trained
        on what comes before it, the raw outputs.

    Examples
    --------
    >>> from quickprop import Huber, Loss
    >>> isinstance(Huber(), Loss), Huber().output_width(3)
    (True, 3)
    """

    output_activation: ClassVar[str | None] = None

    @final
    def __call__(self, output: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
        """The scalar loss.

        Parameters
        ----------
        output : Tensor
            Raw outputs (rows, k).
        target : Tensor
            As `target_placeholder` gives it.
        weights : Tensor, optional
            Factors of mean 1, (rows,) or as `per_target` (rows, columns).
        """
        if weights is None or weights.rank == 1:
            losses = self.per_row(output, target)
            return mean(losses if weights is None else losses * weights)
        return mean(mean(self.per_target(output, target) * weights, 1))

    @final
    def per_row(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss of each row (rows,): the mean over its columns."""
        losses = self.per_target(output, target)
        # A column alone needs no mean.
        return reshape(losses, (ROWS,)) if losses.shape[1] == 1 else mean(losses, 1)

    @final
    def predict(self, raw: Any) -> np.ndarray:
        """What raw outputs (rows, k) say, in float64: see `prediction`.

        Raises
        ------
        ShapeError, DataError
            When they are not a matrix of numbers.
        """
        found: np.ndarray = evaluated(self.prediction, raw, type(self).__name__)
        return found

    @abstractmethod
    def output_width(self, targets: int) -> int:
        """The raw outputs needed for so many target columns, or classes."""

    @abstractmethod
    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss of each part of a target that may be missing by itself (rows, columns)."""

    @abstractmethod
    def prediction(self, output: Tensor) -> Tensor:
        """What the raw outputs say: numbers, probabilities, the mean of a distribution."""

    @abstractmethod
    def target_placeholder(self, width: int, dtype: DType = DType.float32) -> Tensor:
        """The placeholder for the target of a network with `width` raw outputs."""

    @abstractmethod
    def check_target(self, target: Any, width: int, where: str) -> np.ndarray:
        """The target as an array that fits the placeholder, or the error that says why not.

        Where something is missing the array holds NaN, also in place of class codes.
        """

    @abstractmethod
    def without_missing(self, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A checked target with harmless numbers in place of what is missing.

        With it come the columns of `per_target` that it has: booleans (rows, columns).
        """


@dataclass(frozen=True)
class RowLoss(Loss):
    """A loss that takes the target of a row as a whole."""

    @final
    def without_missing(self, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A row counts when nothing of its target is missing."""
        missing = np.isnan(target)
        present = ~missing.reshape(len(target), -1).any(axis=1, keepdims=True)
        return np.where(missing, 0.0, target), present


def evaluated(function: Any, raw: Any, where: str) -> Any:
    """The array(s) that a function of tensors makes of raw outputs, in float64."""
    array = raw_matrix(raw, where)
    x = placeholder((ROWS, array.shape[1]), DType.float64, "raw")
    made = function(x)
    with np.errstate(all="ignore"):  # Diverged networks give infinities.
        arrays, _ = evaluate(Graph((x,), made if isinstance(made, tuple) else (made,)), {x: array})
    return tuple(arrays) if isinstance(made, tuple) else arrays[0]


#: The kinds of losses by name, and those of them that stand for themselves.
LOSSES: Registry[type[Component]] = Registry()
SINGLE_LOSSES: Registry[type[Component]] = Registry(within=LOSSES)
