"""Scaling, missing cells and categories, learned on the training rows when asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

# By the name of the room: its parts are loaded when a table comes, and not with the estimators.
from quickprop import data


@dataclass(frozen=True)
class TargetScale:
    """Numbers brought to mean 0 and deviation 1, column by column."""

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, y: np.ndarray, weights: np.ndarray | None = None) -> TargetScale:
        """Learned from the training rows; a column that does not vary is only moved."""
        numbers = y.astype(np.float64)
        mean = np.average(numbers, axis=0, weights=weights)
        scale = np.sqrt(np.average((numbers - mean) ** 2, axis=0, weights=weights))
        # What is left of a constant by rounding is no deviation.
        varies = scale > 1e-12 * np.abs(mean)
        return cls(mean, np.where(varies, scale, 1.0))

    def encode(self, y: np.ndarray) -> np.ndarray:
        """As the network learns them."""
        return (y - self.mean) / self.scale

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """In the unit of the target; blocks of columns one after the other are told apart."""
        blocks = outputs.reshape(len(outputs), -1, len(self.mean))
        return (blocks * self.scale + self.mean).reshape(outputs.shape)


@dataclass(frozen=True)
class Preparation(ABC):
    """What was learned of the columns, and of the target when it is numbers."""

    target: TargetScale | None

    @property
    @abstractmethod
    def features(self) -> int:
        """How many numeric inputs the network has."""

    @property
    @abstractmethod
    def levels(self) -> tuple[int, ...]:
        """The levels of each input that is a category."""

    @abstractmethod
    def matrices(self, X: Any, kind: str) -> tuple[np.ndarray, ...]:
        """The inputs of the network."""


@dataclass(frozen=True)
class StandardColumns(Preparation):
    """Columns of numbers brought to mean 0 and deviation 1."""

    inputs: TargetScale

    @property
    def features(self) -> int:
        """As many as columns."""
        return len(self.inputs.mean)

    @property
    def levels(self) -> tuple[int, ...]:
        """None."""
        return ()

    def matrices(self, X: Any, kind: str) -> tuple[np.ndarray, ...]:
        """One matrix."""
        return (np.ascontiguousarray(self.inputs.encode(X), kind),)


@dataclass(frozen=True)
class TableColumns(Preparation):
    """Columns of any kind: scaled, filled, encoded."""

    columns: data.Preprocessor

    @classmethod
    def of(cls, X: Any, target: TargetScale | None = None) -> TableColumns:
        """Learned from the rows of the fit, a table."""
        return cls(target, data.Preprocessor.fit(X))

    @property
    def features(self) -> int:
        """Those that the columns become."""
        return len(self.columns.numeric_names)

    @property
    def levels(self) -> tuple[int, ...]:
        """Of the columns with many levels, which get an embedding."""
        return self.columns.category_levels

    def matrices(self, X: Any, kind: str) -> tuple[np.ndarray, ...]:
        """The inputs of the network."""
        made = self.columns.transform(data.as_table(X, where="X"))
        parts = []
        if made.numeric.shape[1]:
            parts.append(np.ascontiguousarray(made.numeric, kind))
        if made.categories.shape[1]:
            parts.append(made.categories)
        return tuple(parts)
