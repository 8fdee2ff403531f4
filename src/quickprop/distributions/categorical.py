"""Class codes with their probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quickprop.distributions.distribution import Distribution


@dataclass(frozen=True)
class Categorical(Distribution):
    """Class codes 0, 1, ...; their probabilities are the last axis.

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop.distributions import Categorical
    >>> target = Categorical(np.array([[[0.2, 0.3, 0.5]]]))
    >>> target.quantile(0.5).tolist()
    [[1]]
    """

    probabilities: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """The mean code, which says something where classes have an order."""
        return self.probabilities @ np.arange(self.probabilities.shape[-1])

    @property
    def variance(self) -> np.ndarray:
        """The variance of the code."""
        codes = np.arange(self.probabilities.shape[-1])
        found: np.ndarray = np.sum(
            self.probabilities * (codes - self.mean[..., np.newaxis]) ** 2, axis=-1
        )
        return found

    def at_most(self, y: np.ndarray) -> np.ndarray:
        """The probability of a code of at most y."""
        codes = np.arange(self.probabilities.shape[-1])
        found: np.ndarray = np.sum(self.probabilities * (codes <= y[..., np.newaxis]), axis=-1)
        return found

    def log_density(self, y: np.ndarray) -> np.ndarray:
        """ln of the probability of that code."""
        codes = np.arange(self.probabilities.shape[-1])
        found: np.ndarray = np.log(
            np.sum(self.probabilities * (codes == y[..., np.newaxis]), axis=-1)
        )
        return found

    def inverse(self, q: np.ndarray) -> np.ndarray:
        """The first code at which the sum of probabilities reaches q."""
        so_far = np.cumsum(self.probabilities, axis=-1)
        last = self.probabilities.shape[-1] - 1
        found: np.ndarray = np.minimum(np.sum(so_far < q[..., np.newaxis], axis=-1), last)
        return found

    def draw(self, generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
        """Codes."""
        return self.inverse(generator.random(size))
