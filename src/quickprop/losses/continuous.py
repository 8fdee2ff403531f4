"""Heads for numbers: a location and a scale that both depend on the inputs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from quickprop.distributions import Distribution, Laplace, Normal, StudentT
from quickprop.graph import Tensor
from quickprop.losses.likelihood import Likelihood, positive
from quickprop.losses.loss import SINGLE_LOSSES
from quickprop.losses.numbers import blocks
from quickprop.ops.elementary import abs, log
from quickprop.ops.gamma import log_gamma


@SINGLE_LOSSES.register("gaussian", "gaussian_nll", "normal")
@dataclass(frozen=True)
class GaussianLikelihood(Likelihood):
    """((y - m) / s)**2 / 2 + ln s + ln(2 pi) / 2, with a learned mean m and deviation s.

    Nix and Weigend 1994, "Estimating the mean and variance of the target probability
    distribution". Two raw outputs a column: the means, then those whose softplus, and 1e-6, is s.

    Examples
    --------
    >>> from quickprop import GaussianLikelihood
    >>> predicted = GaussianLikelihood().distribution([[3.0, 0.0]])  # mean 3, deviation softplus(0)
    >>> predicted.mean.tolist(), predicted.std.round(3).tolist()
    ([[3.0]], [[0.693]])
    """

    family: ClassVar[type[Distribution]] = Normal

    @property
    def outputs_per_target(self) -> int:
        """Two: mean and standard deviation."""
        return 2

    def parameters(self, output: Tensor) -> tuple[Tensor, ...]:
        """Mean and standard deviation."""
        location, scale = blocks(output, 2)
        return location, positive(scale)

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """Minus the logarithm of the density."""
        location, scale = self.parameters(output)
        z = (target - location) / scale
        return z * z * 0.5 + log(scale) + 0.5 * math.log(2.0 * math.pi)

    def prediction(self, output: Tensor) -> Tensor:
        """The means."""
        return self.parameters(output)[0]


@SINGLE_LOSSES.register("laplace")
@dataclass(frozen=True)
class LaplaceLikelihood(Likelihood):
    """abs(y - m) / b + ln(2b), with a learned median m and scale b.

    Laplace 1774. Two raw outputs a column: the medians, then those whose softplus, and 1e-6, is b.

    Examples
    --------
    >>> from quickprop import LaplaceLikelihood
    >>> predicted = LaplaceLikelihood().distribution([[3.0, 0.0]])
    >>> predicted.quantile(0.5).tolist(), predicted.std.round(3).tolist()
    ([[3.0]], [[0.98]])
    """

    family: ClassVar[type[Distribution]] = Laplace

    @property
    def outputs_per_target(self) -> int:
        """Two: median and scale."""
        return 2

    def parameters(self, output: Tensor) -> tuple[Tensor, ...]:
        """Median and scale."""
        location, scale = blocks(output, 2)
        return location, positive(scale)

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """Minus the logarithm of the density."""
        location, scale = self.parameters(output)
        return abs(target - location) / scale + log(scale) + math.log(2.0)

    def prediction(self, output: Tensor) -> Tensor:
        """The medians, which are the means too."""
        return self.parameters(output)[0]


@SINGLE_LOSSES.register("student_t")
@dataclass(frozen=True)
class StudentTLikelihood(Likelihood):
    """Minus the logarithm of Student's t, with learned location m, scale s and freedom n.

    (n + 1) / 2 ln(1 + z**2 / n) + ln s + ln(n pi) / 2 + ln gamma(n / 2) - ln gamma((n + 1) / 2),
    with z = (y - m) / s (Lange, Little and Taylor 1989, "Robust statistical modeling using the t
    distribution"). Three raw outputs a column: m, then those whose softplus, and 1e-6, is s, then
    those whose softplus, and 2, is n: the variance is always finite.

    Examples
    --------
    >>> from quickprop import StudentTLikelihood
    >>> predicted = StudentTLikelihood().distribution([[3.0, 0.0, 0.0]])
    >>> predicted.mean.tolist(), predicted.freedom.round(3).tolist()
    ([[3.0]], [[2.693]])
    """

    family: ClassVar[type[Distribution]] = StudentT

    @property
    def outputs_per_target(self) -> int:
        """Three: location, scale, degrees of freedom."""
        return 3

    def parameters(self, output: Tensor) -> tuple[Tensor, ...]:
        """Location, scale and degrees of freedom."""
        location, scale, freedom = blocks(output, 3)
        return location, positive(scale), positive(freedom) + 2.0

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """Minus the logarithm of the density."""
        location, scale, n = self.parameters(output)
        z = (target - location) / scale
        half = (n + 1.0) * 0.5
        norm = log_gamma(n * 0.5) - log_gamma(half) + log(n * math.pi) * 0.5
        return half * log(z * z / n + 1.0) + log(scale) + norm

    def prediction(self, output: Tensor) -> Tensor:
        """The locations, which are the means too."""
        return self.parameters(output)[0]
