"""Columns of numbers brought to mean 0 and deviation 1, and what counts as a constant column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: A spread below this part of the middle is what rounding makes of a constant: 45 times the
#: distance of two neighbouring float64 numbers.
_RESOLUTION = 1e-14
#: A spread below this cannot be divided by.
_SMALLEST = 1e-290


def varies(spread: np.ndarray | float, middle: np.ndarray | float) -> np.ndarray | np.bool_:
    """Whether a spread is more than the rounding noise of numbers around `middle`."""
    return np.isfinite(spread) & (spread > np.maximum(np.abs(middle) * _RESOLUTION, _SMALLEST))


@dataclass(frozen=True, eq=False)
class Standardizer:
    """Mean and deviation of each column.

    Attributes
    ----------
    mean, scale : float64, shape (columns,)
        The scale of a column that does not vary is 1: it is only moved.
    constant : bool, shape (columns,)
        Which columns do not vary.
    """

    mean: np.ndarray
    scale: np.ndarray
    constant: np.ndarray

    @classmethod
    def fit(cls, rows: np.ndarray, weights: np.ndarray | None = None) -> Standardizer:
        """Learn from rows.

        Parameters
        ----------
        rows : array, shape (n, columns) or (n,)
            Finite numbers, at least one row.
        weights : array, shape (n,), optional
            How much each row counts.
        """
        numbers = rows.astype(np.float64)
        counted = numbers if weights is None else numbers[np.asarray(weights) > 0]
        if not len(counted):
            counted = numbers
        low, high = counted.min(axis=0), counted.max(axis=0)
        # In units of a power of two no square overflows, and all other bits stay the same.
        _, exponent = np.frexp(np.maximum(np.abs(low), np.abs(high)))
        unit = np.ldexp(1.0, np.clip(exponent, -1000, 1000))
        numbers /= unit
        mean = np.average(numbers, axis=0, weights=weights)
        scale = np.sqrt(np.average((numbers - mean) ** 2, axis=0, weights=weights)) * unit
        mean = mean * unit
        constant = (low == high) | ~varies(scale, mean)
        return cls(mean, np.where(constant, 1.0, scale), constant)

    @classmethod
    def identity(cls, columns: int) -> Standardizer:
        """One that changes nothing."""
        return cls(np.zeros(columns), np.ones(columns), np.zeros(columns, bool))

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """As a network learns them, float64."""
        return np.asarray((rows - self.mean) / self.scale)

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """In their own unit; blocks of columns that stand one after the other are told apart."""
        blocks = outputs.reshape(len(outputs), -1, len(self.mean))
        return np.asarray((blocks * self.scale + self.mean).reshape(outputs.shape))
