"""What is done to the mean of several predictions before anybody sees it, and as a layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from quickprop.nn import MeanProbability, WeightedMean
from quickprop.nn.layers.layer import Layer

#: Fewer rows tell no temperature.
_FEWEST_ROWS = 100
#: How sure one is beforehand that the temperature is 1: rows that would speak for it.
_PRIOR_ROWS = 20.0
_SMALLEST = 1e-12


class Calibration(ABC):
    """The last step of an ensemble, learned from rows that its members did not learn from."""

    @abstractmethod
    def apply(self, predicted: np.ndarray) -> np.ndarray:
        """Predictions as scores take them, calibrated."""

    @abstractmethod
    def layer(self, weights: Sequence[float]) -> Layer:
        """The layer that makes calibrated outputs of the outputs of members with these weights."""


@dataclass(frozen=True)
class Bounds(Calibration):
    """Numbers are held within what was seen in training.

    Attributes
    ----------
    low, high : float
        In the unit of the target.
    mean, scale : float
        Of the target, by which networks give it.
    """

    low: float
    high: float
    mean: float
    scale: float

    def apply(self, predicted: np.ndarray) -> np.ndarray:
        """Clipped."""
        return np.asarray(np.clip(predicted, self.low, self.high))

    def layer(self, weights: Sequence[float]) -> Layer:
        """A mean between bounds, in the network's unit."""
        low, high = ((end - self.mean) / self.scale for end in (self.low, self.high))
        return WeightedMean(tuple(weights), float(low), float(high))


@dataclass(frozen=True)
class Temperature(Calibration):
    """Probabilities are mixed with even shares by a small part, and sharpened or softened.

    Attributes
    ----------
    factor : float
        Of their logarithms.
    mixed : float
        The part of even shares (Laplace): after n rows, 1 of n + 1.
    """

    factor: float = 1.0
    mixed: float = 1e-6

    @classmethod
    def fit(cls, truth: np.ndarray, predicted: np.ndarray) -> Temperature:
        """The factor with the lowest log-loss, found by golden section on its logarithm.

        A few rows that never were count for 1, so that little evidence changes little.

        Parameters
        ----------
        truth : int array, shape (rows,)
        predicted : array, shape (rows, classes)
        """
        rows = len(truth)
        mixed = 1.0 / (rows + 1.0)
        if rows < _FEWEST_ROWS:
            return cls(1.0, mixed)
        logs = np.log(_with_even(predicted.astype(np.float64), mixed))
        of_truth = logs[np.arange(rows), truth]

        def cost(log_factor: float) -> float:
            factor = float(np.exp(log_factor))
            scaled = factor * logs
            top = scaled.max(axis=1)
            total = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
            return float(np.sum(total - factor * of_truth)) + _PRIOR_ROWS * log_factor**2

        return cls(float(np.exp(_golden_section(cost, -1.5, 1.5))), mixed)

    def apply(self, predicted: np.ndarray) -> np.ndarray:
        """Calibrated probabilities."""
        powers = _with_even(predicted, self.mixed) ** self.factor
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def layer(self, weights: Sequence[float]) -> Layer:
        """A mean of probabilities, as logits."""
        return MeanProbability(tuple(weights), self.factor, self.mixed)


def _with_even(predicted: np.ndarray, part: float) -> np.ndarray:
    mixed = predicted * (1.0 - part) + part / predicted.shape[1]
    return np.asarray(np.maximum(mixed, _SMALLEST))


def _golden_section(cost: Callable[[float], float], low: float, high: float) -> float:
    """Where a function of one valley is lowest, to a thousandth of the width."""
    part = (5.0**0.5 - 1.0) / 2.0
    left, right = high - part * (high - low), low + part * (high - low)
    at_left, at_right = cost(left), cost(right)
    for _ in range(15):
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - part * (high - low)
            at_left = cost(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + part * (high - low)
            at_right = cost(right)
    return (low + high) / 2.0
