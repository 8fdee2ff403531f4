"""What every distribution knows of the targets of some rows."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from quickprop.errors import SettingError, ShapeError
from quickprop.foundation.random_streams import SEED, stream
from quickprop.foundation.settings import integer, number
from quickprop.graph import show_shape
from quickprop.graph.given import real_numbers

_LEVEL = number(0.0, 1.0, low_open=True, high_open=True)


@dataclass(frozen=True)
class Distribution(ABC):
    """Distributions of the targets of some rows, as many as `shape` says: (rows, columns).

    What they are made of may be any numbers that make arrays; they are kept as floating-point
    numbers, those of NumPy in the type that they have.

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop.distributions import Distribution, Normal
    >>> target = Normal(np.array([[0.0]]), np.array([[1.0]]))
    >>> isinstance(target, Distribution), target.cdf([[0.0]]).tolist()
    (True, [[0.5]])
    """

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            where = f"{type(self).__name__}.{item.name}"
            given = real_numbers(getattr(self, item.name), where)
            if given.dtype.kind != "f":
                given = given.astype(np.float64)
            # The class is frozen for everyone else.
            object.__setattr__(self, item.name, given)

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
        found: np.ndarray = np.sqrt(self.variance)
        return found

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
