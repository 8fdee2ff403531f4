"""The Laplace distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quickprop.distributions.distribution import Distribution


@dataclass(frozen=True)
class Laplace(Distribution):
    """The Laplace distribution, with density exp(-abs(y - location) / scale) / (2 scale).

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop.distributions import Laplace
    >>> target = Laplace(np.array([[0.0]]), np.array([[1.0]]))
    >>> target.quantile(0.9).round(3).tolist()
    [[1.609]]
    """

    location: np.ndarray
    scale: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """The location."""
        return self.location

    @property
    def variance(self) -> np.ndarray:
        """2 scale**2."""
        return 2.0 * self.scale**2

    def at_most(self, y: np.ndarray) -> np.ndarray:
        """exp(z) / 2 below the location, 1 - exp(-z) / 2 above."""
        z = (y - self.location) / self.scale
        half = 0.5 * np.exp(-np.abs(z))
        found: np.ndarray = np.where(z < 0.0, half, 1.0 - half)
        return found

    def log_density(self, y: np.ndarray) -> np.ndarray:
        """-abs(z) - ln(2 scale)."""
        found: np.ndarray = -np.abs(y - self.location) / self.scale - np.log(2.0 * self.scale)
        return found

    def inverse(self, q: np.ndarray) -> np.ndarray:
        """location + scale ln(2q) below the half, and mirrored above."""
        tail = np.minimum(q, 1.0 - q)
        found: np.ndarray = self.location + self.scale * np.sign(q - 0.5) * -np.log(2.0 * tail)
        return found

    def draw(self, generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
        """Laplace numbers."""
        return generator.laplace(self.location, self.scale, size)
