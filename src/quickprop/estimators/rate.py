"""The learning rate of a stochastic solver from epoch to epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

#: A rate this small brings no progress any more.
SMALLEST = 1e-6


@dataclass
class LearningRate:
    """The rate of now, and what the optimizer remembers between calls of `partial_fit`.

    Parameters
    ----------
    kind : {"constant", "invscaling", "adaptive"}
    start : float
    power : float
        Exponent of "invscaling".
    learning_rate : float
        Of now.
    state : mapping of str to array
        What an optimizer remembers, when no engine holds it.
    """

    kind: str
    start: float
    power: float
    learning_rate: float = 0.0
    state: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.learning_rate = self.learning_rate or float(self.start)

    def with_state(self, state: Mapping[str, np.ndarray]) -> LearningRate:
        """The same rate, with what the optimizer remembers, for pickles."""
        return replace(self, state=state)

    def after_epoch(self, rows_seen: int) -> None:
        """Lower the rate when it depends on the rows seen so far."""
        if self.kind == "invscaling":
            self.learning_rate = float(self.start) / (rows_seen + 1) ** self.power

    def without_progress(self) -> str | None:
        """Lower the rate and say so, or None when the fit ends."""
        if self.kind != "adaptive" or self.learning_rate <= SMALLEST:
            return None
        self.learning_rate /= 5.0
        return f"Setting learning rate to {self.learning_rate:f}"

    @property
    def reason(self) -> str:
        """What is said when the fit ends without progress."""
        return "Learning rate too small. Stopping." if self.kind == "adaptive" else "Stopping."
