"""Distributions of counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quickprop.distributions.distribution import Distribution
from quickprop.distributions.special_functions import special

#: The most events that a random count is drawn for.
_LARGEST_RATE = 1e18


@dataclass(frozen=True)
class Poisson(Distribution):
    """The Poisson distribution of counts.

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop.distributions import Poisson
    >>> target = Poisson(np.array([[3.0]]))
    >>> target.cdf([[2.0]]).round(4).tolist()
    [[0.4232]]
    """

    rate: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """The rate."""
        return self.rate

    @property
    def variance(self) -> np.ndarray:
        """The rate."""
        return self.rate

    def at_most(self, y: np.ndarray) -> np.ndarray:
        """Counts up to y."""
        return np.where(y < 0, 0.0, special.pdtr(np.maximum(np.floor(y), 0.0), self.rate))

    def log_density(self, y: np.ndarray) -> np.ndarray:
        """Y ln(rate) - rate - ln y!."""
        return np.where(
            _counts(y), special.xlogy(y, self.rate) - self.rate - special.gammaln(y + 1.0), -np.inf
        )

    def inverse(self, q: np.ndarray) -> np.ndarray:
        """By bisection."""
        return _least_count(self.at_most, q, self.shape)

    def draw(self, generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
        """Counts."""
        return generator.poisson(np.minimum(self.rate, _LARGEST_RATE), size)


@dataclass(frozen=True)
class NegativeBinomial(Distribution):
    """Counts with the given mean and the variance mean + mean**2 / size.

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop.distributions import NegativeBinomial
    >>> target = NegativeBinomial(np.array([[3.0]]), np.array([[2.0]]))
    >>> target.variance.tolist()
    [[7.5]]
    """

    average: np.ndarray
    size: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """The mean."""
        return self.average

    @property
    def variance(self) -> np.ndarray:
        """Mean + mean**2 / size."""
        found: np.ndarray = self.average + self.average**2 / self.size
        return found

    @property
    def _success(self) -> np.ndarray:
        found: np.ndarray = self.size / (self.size + self.average)
        return found

    def at_most(self, y: np.ndarray) -> np.ndarray:
        """The regularised incomplete beta function."""
        count = np.maximum(np.floor(y), 0.0)
        return np.where(y < 0, 0.0, special.betainc(self.size, count + 1.0, self._success))

    def log_density(self, y: np.ndarray) -> np.ndarray:
        """ln of gamma(y + r) / (gamma(r) y!) p**r (1 - p)**y, with p = r / (r + mean)."""
        r, p = self.size, self._success
        value = (
            special.gammaln(y + r)
            - special.gammaln(r)
            - special.gammaln(y + 1.0)
            + special.xlogy(r, p)
            + special.xlog1py(y, -p)
        )
        return np.where(_counts(y), value, -np.inf)

    def inverse(self, q: np.ndarray) -> np.ndarray:
        """By bisection."""
        return _least_count(self.at_most, q, self.shape)

    def draw(self, generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
        """Poisson counts whose rate is a gamma number."""
        rate = generator.gamma(self.size, self.average / self.size, size)
        return generator.poisson(np.minimum(rate, _LARGEST_RATE))


def _counts(y: np.ndarray) -> np.ndarray:
    found: np.ndarray = (y >= 0) & (y == np.floor(y)) & np.isfinite(y)
    return found


def _least_count(
    cdf: Callable[[np.ndarray], np.ndarray], q: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """The least count whose distribution function is at least q, by bisection."""
    full = np.broadcast_shapes(q.shape, shape)
    low, high = np.full(full, -1.0), np.ones(full)
    # Doubled until it is enough, or until counts are no longer told apart.
    while ((short := cdf(high) < q) & (high < _LARGEST_RATE)).any():
        low, high = np.where(short, high, low), np.where(short, 2.0 * high, high)
    for _ in range(64):  # The range is at most 2**60 wide; a whole number of width 1 stays.
        middle = np.floor(low + (high - low) / 2.0)
        reached = cdf(middle) >= q
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return high
