"""Rows that an estimator learns from or looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Rows:
    """The network's inputs, the target as the loss takes it, factors.

    An input may be sparse. Factors have any scale, unlike those of `quickprop.train`: scikit-learn
    divides by the weight of each batch.
    """

    inputs: tuple[Any, ...]
    target: np.ndarray
    weights: np.ndarray | None

    def __len__(self) -> int:
        return len(self.target)

    def taken(self, index: np.ndarray | slice) -> Rows:
        """Some of the rows."""
        weights = None if self.weights is None else self.weights[index]
        return Rows(tuple(part[index] for part in self.inputs), self.target[index], weights)

    def arrays(self) -> list[Any]:
        """What there is of inputs, target and weights."""
        return [a for a in (*self.inputs, self.target, self.weights) if a is not None]
