"""Starting values of weights."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from quickprop.nn.component import Component, real, setting


@dataclass(frozen=True)
class Initializer(Component, ABC):
    """How the numbers of a parameter are drawn."""

    @abstractmethod
    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Starting values, float64 of that shape; a matrix is (inputs, outputs)."""


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    return shape[0], shape[-1]


def _uniform(limit: float, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    return (generator.random(shape) * 2.0 - 1.0) * limit


@dataclass(frozen=True)
class GlorotUniform(Initializer):
    """Uniform with variance 2 / (inputs + outputs) (Glorot and Bengio 2010)."""

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Between plus and minus sqrt(6 / (inputs + outputs))."""
        return _uniform(math.sqrt(6.0 / sum(_fans(shape))), shape, generator)


@dataclass(frozen=True)
class GlorotNormal(Initializer):
    """Normal with variance 2 / (inputs + outputs) (Glorot and Bengio 2010)."""

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Mean 0."""
        return generator.standard_normal(shape) * math.sqrt(2.0 / sum(_fans(shape)))


@dataclass(frozen=True)
class HeUniform(Initializer):
    """Uniform with variance 2 / inputs (He, Zhang, Ren and Sun 2015)."""

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Between plus and minus sqrt(6 / inputs)."""
        return _uniform(math.sqrt(6.0 / _fans(shape)[0]), shape, generator)


@dataclass(frozen=True)
class HeNormal(Initializer):
    """Normal with variance 2 / inputs (He, Zhang, Ren and Sun 2015)."""

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Mean 0."""
        return generator.standard_normal(shape) * math.sqrt(2.0 / _fans(shape)[0])


@dataclass(frozen=True)
class Normal(Initializer):
    """Normal with mean 0 and a given standard deviation."""

    deviation: float = setting(real(0.0), 0.05)

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Mean 0."""
        return generator.standard_normal(shape) * self.deviation


@dataclass(frozen=True)
class Zeros(Initializer):
    """All zero."""

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Zeros; nothing is drawn."""
        return np.zeros(shape)


INITIALIZERS: dict[str, type[Component]] = {
    kind.__name__: kind
    for kind in (GlorotUniform, GlorotNormal, HeUniform, HeNormal, Normal, Zeros)
}
