"""Scaling, missing cells and categories, learned on the training rows when asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

# By the name of the room: its parts are loaded when a table comes, and not with the estimators.
from quickprop import data
from quickprop.data.standardizer import Standardizer
from quickprop.errors import SettingError


@dataclass(frozen=True)
class Preparation(ABC):
    """What was learned of the columns, and of the target when it is numbers."""

    target: Standardizer | None

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

    inputs: Standardizer

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
    def of(cls, X: Any, target: Standardizer | None = None) -> TableColumns:
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


def check_table(preparation: Preparation | None) -> None:
    """Raise `SettingError` for one that does not take tables."""
    if isinstance(preparation, StandardColumns):
        raise SettingError("not columns of a table", where="preparation")
