"""Predictions that are distributions: one for each row and target column."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from scipy.special import (
    betainc,
    gammaln,
    logsumexp,
    ndtr,
    ndtri,
    pdtr,
    stdtr,
    stdtrit,
    xlog1py,
    xlogy,
)

from quickprop.errors import SettingError, ShapeError
from quickprop.foundation.random_streams import SEED, stream
from quickprop.foundation.settings import integer, number
from quickprop.graph import show_shape
from quickprop.graph.given import real_numbers

_LEVEL = number(0.0, 1.0, low_open=True, high_open=True)
#: The most events that a random count is drawn for.
_LARGEST_RATE = 1e18
_LOG_2_PI = float(np.log(2.0 * np.pi))


@dataclass(frozen=True)
class Distribution(ABC):
    """Distributions of the targets of some rows, as many as `shape` says: (rows, columns)."""

    @property
    @abstractmethod
    def mean(self) -> np.ndarray:
        """The mean of each."""

    @property
    @abstractmethod
    def variance(self) -> np.ndarray:
        """The variance of each; infinite where there is none."""

    @abstractmethod
    def at_most(self, y: np.ndarray) -> np.ndarray:
        """The probability of at most y, which is broadcast against `shape`."""

    @abstractmethod
    def log_density(self, y: np.ndarray) -> np.ndarray:
        """The logarithm of the density at y, or of the probability of a count or code y."""

    @abstractmethod
    def inverse(self, q: np.ndarray) -> np.ndarray:
        """The least y with a probability `at_most` of q or more; q is broadcast against `shape`."""

    @abstractmethod
    def draw(self, generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
        """Random numbers of that size, whose last axes are `shape`."""

    @property
    @final
    def shape(self) -> tuple[int, ...]:
        """(rows, columns), or (rows,) for class codes."""
        return self.mean.shape

    @property
    @final
    def std(self) -> np.ndarray:
        """The standard deviation of each."""
        return np.sqrt(self.variance)

    @final
    def quantile(self, q: Any) -> np.ndarray:
        """The q-quantile of each, of `shape`; for several q an axis of them in front.

        Raises
        ------
        SettingError
            When a q is not between 0 and 1.
        """
        try:
            levels = np.asarray(q)
        except ValueError:
            levels = np.empty(0, object)
        if levels.dtype.kind not in "iuf":
            raise SettingError(
                "not a number", where="quantile.q", allowed=_LEVEL.allowed, given=repr(q)[:80]
            )
        for level in levels.flat:
            _LEVEL.checked(float(level), "quantile.q")
        return self.inverse(levels.reshape(levels.shape + (1,) * len(self.shape)))

    @final
    def interval(self, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """The two ends between which that part of each distribution lies, as much left out below
        as above.
        """
        part = _LEVEL.checked(level, "interval.level")
        return self.quantile((1.0 - part) / 2.0), self.quantile((1.0 + part) / 2.0)

    @final
    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        """`n` random draws of each: (n, rows, columns)."""
        count = integer(1).checked(n, "sample.n")
        generator = stream(SEED.checked(seed, "sample.seed"), "sample")
        return self.draw(generator, (count, *self.shape))

    @final
    def log_likelihood(self, y: Any) -> np.ndarray:
        """The logarithm of the density or probability of each y, which has the shape `shape`.

        Raises
        ------
        DTypeError, ShapeError
            When y are not numbers of that shape; one column may be given flat. NaN stays NaN.
        """
        array = self._numbers(y, "log_likelihood.y")
        with np.errstate(all="ignore"):  # What cannot be has the logarithm -inf.
            return np.where(np.isnan(array), np.nan, self.log_density(array))

    @final
    def cdf(self, y: Any) -> np.ndarray:
        """The probability of at most y: a number for all, or one for each, of `shape`.

        Raises
        ------
        DTypeError, ShapeError
            When y are not numbers of that shape; one column may be given flat.
        """
        array = self._numbers(y, "cdf.y", or_one=True)
        with np.errstate(all="ignore"):  # NaN stays NaN.
            return np.where(np.isnan(array), np.nan, self.at_most(array))

    def _numbers(self, y: Any, where: str, or_one: bool = False) -> np.ndarray:
        """The numbers in float64, in the shape of the distributions."""
        array = real_numbers(y, where).astype(np.float64)
        if array.ndim == 1 and self.shape == (*array.shape, 1):
            array = array[:, np.newaxis]
        if or_one and array.ndim == 0:
            array = np.broadcast_to(array, self.shape)
        if array.shape != self.shape:
            raise ShapeError(
                "the target does not fit the predictions",
                where=where,
                allowed=show_shape(self.shape),
                given=show_shape(array.shape),
            )
        return array


@dataclass(frozen=True)
class Normal(Distribution):
    """The normal distribution."""

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
        return ndtr((y - self.location) / self.scale)

    def log_density(self, y: np.ndarray) -> np.ndarray:
        """-z**2 / 2 - ln(scale) - ln(2 pi) / 2."""
        z = (y - self.location) / self.scale
        return -0.5 * (z * z + _LOG_2_PI) - np.log(self.scale)

    def inverse(self, q: np.ndarray) -> np.ndarray:
        """By the inverse of the normal distribution function."""
        return self.location + self.scale * ndtri(q)

    def draw(self, generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
        """Normal numbers."""
        return generator.normal(self.location, self.scale, size)


@dataclass(frozen=True)
class Laplace(Distribution):
    """The Laplace distribution, with density exp(-abs(y - location) / scale) / (2 scale)."""

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
        return np.where(z < 0.0, half, 1.0 - half)

    def log_density(self, y: np.ndarray) -> np.ndarray:
        """-abs(z) - ln(2 scale)."""
        return -np.abs(y - self.location) / self.scale - np.log(2.0 * self.scale)

    def inverse(self, q: np.ndarray) -> np.ndarray:
        """location + scale ln(2q) below the half, and mirrored above."""
        tail = np.minimum(q, 1.0 - q)
        return self.location + self.scale * np.sign(q - 0.5) * -np.log(2.0 * tail)

    def draw(self, generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
        """Laplace numbers."""
        return generator.laplace(self.location, self.scale, size)


@dataclass(frozen=True)
class StudentT(Distribution):
    """Student's t, moved and stretched, with `freedom` degrees of freedom."""

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
        return self.scale**2 * self.freedom / (self.freedom - 2.0)

    def at_most(self, y: np.ndarray) -> np.ndarray:
        """Student's distribution function."""
        return stdtr(self.freedom, (y - self.location) / self.scale)

    def log_density(self, y: np.ndarray) -> np.ndarray:
        """-(n + 1) / 2 ln(1 + z**2 / n), less the logarithm of the norm."""
        z, n = (y - self.location) / self.scale, self.freedom
        norm = gammaln(n / 2.0) - gammaln((n + 1.0) / 2.0) + 0.5 * np.log(n * np.pi)
        return -0.5 * (n + 1.0) * np.log1p(z * z / n) - norm - np.log(self.scale)

    def inverse(self, q: np.ndarray) -> np.ndarray:
        """By the inverse of Student's distribution function."""
        return self.location + self.scale * stdtrit(self.freedom, q)

    def draw(self, generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
        """Student's t numbers."""
        return self.location + self.scale * generator.standard_t(self.freedom, size)


@dataclass(frozen=True)
class Poisson(Distribution):
    """The Poisson distribution of counts."""

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
        return np.where(y < 0, 0.0, pdtr(np.maximum(np.floor(y), 0.0), self.rate))

    def log_density(self, y: np.ndarray) -> np.ndarray:
        """Y ln(rate) - rate - ln y!."""
        return np.where(_counts(y), xlogy(y, self.rate) - self.rate - gammaln(y + 1.0), -np.inf)

    def inverse(self, q: np.ndarray) -> np.ndarray:
        """By bisection."""
        return _least_count(self.at_most, q, self.shape)

    def draw(self, generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
        """Counts."""
        return generator.poisson(np.minimum(self.rate, _LARGEST_RATE), size)


@dataclass(frozen=True)
class NegativeBinomial(Distribution):
    """Counts with the given mean and the variance mean + mean**2 / size."""

    average: np.ndarray
    size: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """The mean."""
        return self.average

    @property
    def variance(self) -> np.ndarray:
        """Mean + mean**2 / size."""
        return self.average + self.average**2 / self.size

    @property
    def _success(self) -> np.ndarray:
        return self.size / (self.size + self.average)

    def at_most(self, y: np.ndarray) -> np.ndarray:
        """The regularised incomplete beta function."""
        count = np.maximum(np.floor(y), 0.0)
        return np.where(y < 0, 0.0, betainc(self.size, count + 1.0, self._success))

    def log_density(self, y: np.ndarray) -> np.ndarray:
        """ln of gamma(y + r) / (gamma(r) y!) p**r (1 - p)**y, with p = r / (r + mean)."""
        r, p = self.size, self._success
        value = gammaln(y + r) - gammaln(r) - gammaln(y + 1.0) + xlogy(r, p) + xlog1py(y, -p)
        return np.where(_counts(y), value, -np.inf)

    def inverse(self, q: np.ndarray) -> np.ndarray:
        """By bisection."""
        return _least_count(self.at_most, q, self.shape)

    def draw(self, generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
        """Poisson counts whose rate is a gamma number."""
        rate = generator.gamma(self.size, self.average / self.size, size)
        return generator.poisson(np.minimum(rate, _LARGEST_RATE))


@dataclass(frozen=True)
class NormalMixture(Distribution):
    """A mixture of normal distributions; the components are the last axis of each field."""

    weights: np.ndarray
    locations: np.ndarray
    scales: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """The weighted mean of the locations."""
        return np.sum(self.weights * self.locations, axis=-1)

    @property
    def variance(self) -> np.ndarray:
        """The mean variance and the variance of the means."""
        away = self.locations - self.mean[..., np.newaxis]
        return np.sum(self.weights * (self.scales**2 + away**2), axis=-1)

    def at_most(self, y: np.ndarray) -> np.ndarray:
        """The weighted mean of those of the components."""
        z = (y[..., np.newaxis] - self.locations) / self.scales
        return np.sum(self.weights * ndtr(z), axis=-1)

    def log_density(self, y: np.ndarray) -> np.ndarray:
        """ln of the weighted mean of the densities."""
        each = Normal(self.locations, self.scales).log_density(y[..., np.newaxis])
        return logsumexp(each, axis=-1, b=self.weights)

    def inverse(self, q: np.ndarray) -> np.ndarray:
        """By bisection, between the least and the largest quantile of the components."""
        each = self.locations + self.scales * ndtri(q[..., np.newaxis])
        low, high = each.min(axis=-1), each.max(axis=-1)
        for _ in range(100):  # Halved until two neighbouring numbers are left.
            middle = low + (high - low) / 2.0
            above = self.at_most(middle) >= q
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return high

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


@dataclass(frozen=True)
class Categorical(Distribution):
    """Class codes 0, 1, ...; their probabilities are the last axis."""

    probabilities: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """The mean code, which says something where classes have an order."""
        return self.probabilities @ np.arange(self.probabilities.shape[-1])

    @property
    def variance(self) -> np.ndarray:
        """The variance of the code."""
        codes = np.arange(self.probabilities.shape[-1])
        return np.sum(self.probabilities * (codes - self.mean[..., np.newaxis]) ** 2, axis=-1)

    def at_most(self, y: np.ndarray) -> np.ndarray:
        """The probability of a code of at most y."""
        codes = np.arange(self.probabilities.shape[-1])
        return np.sum(self.probabilities * (codes <= y[..., np.newaxis]), axis=-1)

    def log_density(self, y: np.ndarray) -> np.ndarray:
        """ln of the probability of that code."""
        codes = np.arange(self.probabilities.shape[-1])
        return np.log(np.sum(self.probabilities * (codes == y[..., np.newaxis]), axis=-1))

    def inverse(self, q: np.ndarray) -> np.ndarray:
        """The first code at which the sum of probabilities reaches q."""
        so_far = np.cumsum(self.probabilities, axis=-1)
        last = self.probabilities.shape[-1] - 1
        return np.minimum(np.sum(so_far < q[..., np.newaxis], axis=-1), last)

    def draw(self, generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
        """Codes."""
        return self.inverse(generator.random(size))


def _counts(y: np.ndarray) -> np.ndarray:
    return (y >= 0) & (y == np.floor(y)) & np.isfinite(y)


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
