"""Mixtures of normal distributions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quickprop.distributions.distribution import Distribution
from quickprop.distributions.normal import Normal
from quickprop.distributions.special_functions import special


@dataclass(frozen=True)
class NormalMixture(Distribution):
    """A mixture of normal distributions; the components are the last axis of each field.

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop.distributions import NormalMixture
    >>> weights, centres = np.array([[[0.5, 0.5]]]), np.array([[[-1.0, 3.0]]])
    >>> target = NormalMixture(weights, centres, np.ones((1, 1, 2)))
    >>> target.mean.tolist(), target.variance.tolist()
    ([[1.0]], [[5.0]])
    """

    weights: np.ndarray
    locations: np.ndarray
    scales: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """The weighted mean of the locations."""
        found: np.ndarray = np.sum(self.weights * self.locations, axis=-1)
        return found

    @property
    def variance(self) -> np.ndarray:
        """The mean variance and the variance of the means."""
        away = self.locations - self.mean[..., np.newaxis]
        found: np.ndarray = np.sum(self.weights * (self.scales**2 + away**2), axis=-1)
        return found

    def at_most(self, y: np.ndarray) -> np.ndarray:
        """The weighted mean of those of the components."""
        z = (y[..., np.newaxis] - self.locations) / self.scales
        found: np.ndarray = np.sum(self.weights * special.ndtr(z), axis=-1)
        return found

    def log_density(self, y: np.ndarray) -> np.ndarray:
        """ln of the weighted mean of the densities."""
        each = Normal(self.locations, self.scales).log_density(y[..., np.newaxis])
        found: np.ndarray = special.logsumexp(each, axis=-1, b=self.weights)
        return found

    def inverse(self, q: np.ndarray) -> np.ndarray:
        """By bisection, between the least and the largest quantile of the components."""
        each = self.locations + self.scales * special.ndtri(q[..., np.newaxis])
        low, high = each.min(axis=-1), each.max(axis=-1)
        for _ in range(100):  # Halved until two neighbouring numbers are left.
            middle = low + (high - low) / 2.0
            above = self.at_most(middle) >= q
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        found: np.ndarray = high
        return found

    def draw(self, generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
        """A component by its weight, then a normal number of it."""
        u = generator.random(size)[..., np.newaxis]
        last = self.weights.shape[-1] - 1
        picked = np.minimum(np.sum(u >= np.cumsum(self.weights, axis=-1), axis=-1), last)
        picked = picked[..., np.newaxis]
        location, scale = (
            np.take_along_axis(np.broadcast_to(part, (*size, last + 1)), picked, -1)[..., 0]
            for part in (self.locations, self.scales)
        )
        return generator.normal(location, scale)
