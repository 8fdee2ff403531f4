"""The normal distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quickprop.distributions.distribution import Distribution
from quickprop.distributions.special_functions import special

_LOG_2_PI = float(np.log(2.0 * np.pi))


@dataclass(frozen=True)
class Normal(Distribution):
    """The normal distribution.

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop.distributions import Normal
    >>> target = Normal(np.array([[10.0]]), np.array([[2.0]]))
    >>> low, high = target.interval(0.9)
    >>> low.round(2).tolist(), high.round(2).tolist()
    ([[6.71]], [[13.29]])
    """

    location: np.ndarray
    scale: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """The location."""
        return self.location

    @property
    def variance(self) -> np.ndarray:
        """scale**2."""
        return self.scale**2

    def at_most(self, y: np.ndarray) -> np.ndarray:
        """The normal distribution function."""
        below: np.ndarray = special.ndtr((y - self.location) / self.scale)
        return below

    def log_density(self, y: np.ndarray) -> np.ndarray:
        """-z**2 / 2 - ln(scale) - ln(2 pi) / 2."""
        z = (y - self.location) / self.scale
        found: np.ndarray = -0.5 * (z * z + _LOG_2_PI) - np.log(self.scale)
        return found

    def inverse(self, q: np.ndarray) -> np.ndarray:
        """By the inverse of the normal distribution function."""
        found: np.ndarray = self.location + self.scale * special.ndtri(q)
        return found

    def draw(self, generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
        """Normal numbers."""
        return generator.normal(self.location, self.scale, size)
