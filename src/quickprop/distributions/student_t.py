"""Student's t distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quickprop.distributions.distribution import Distribution
from quickprop.distributions.special_functions import special


@dataclass(frozen=True)
class StudentT(Distribution):
    """Student's t, moved and stretched, with `freedom` degrees of freedom.

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop.distributions import StudentT
    >>> target = StudentT(np.array([[0.0]]), np.array([[1.0]]), np.array([[5.0]]))
    >>> target.quantile(0.975).round(3).tolist()
    [[2.571]]
    """

    location: np.ndarray
    scale: np.ndarray
    freedom: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """The location."""
        return self.location

    @property
    def variance(self) -> np.ndarray:
        """scale**2 freedom / (freedom - 2)."""
        found: np.ndarray = self.scale**2 * self.freedom / (self.freedom - 2.0)
        return found

    def at_most(self, y: np.ndarray) -> np.ndarray:
        """Student's distribution function."""
        below: np.ndarray = special.stdtr(self.freedom, (y - self.location) / self.scale)
        return below

    def log_density(self, y: np.ndarray) -> np.ndarray:
        """-(n + 1) / 2 ln(1 + z**2 / n), less the logarithm of the norm."""
        z, n = (y - self.location) / self.scale, self.freedom
        norm = special.gammaln(n / 2.0) - special.gammaln((n + 1.0) / 2.0) + 0.5 * np.log(n * np.pi)
        found: np.ndarray = -0.5 * (n + 1.0) * np.log1p(z * z / n) - norm - np.log(self.scale)
        return found

    def inverse(self, q: np.ndarray) -> np.ndarray:
        """By the inverse of Student's distribution function."""
        found: np.ndarray = self.location + self.scale * special.stdtrit(self.freedom, q)
        return found

    def draw(self, generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
        """Student's t numbers."""
        return self.location + self.scale * generator.standard_t(self.freedom, size)
