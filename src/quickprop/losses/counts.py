"""Heads for counts: the logarithm of the expected count is learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from quickprop.distributions import Distribution, NegativeBinomial, Poisson
from quickprop.graph import Tensor
from quickprop.losses.likelihood import Likelihood, positive
from quickprop.losses.loss import SINGLE_LOSSES
from quickprop.losses.numbers import blocks
from quickprop.losses.targets import COUNTS, Domain
from quickprop.ops.activations import softplus
from quickprop.ops.elementary import exp, log, maximum, minimum
from quickprop.ops.gamma import log_gamma

#: From this logarithm on (a count of 1e13) the expected count grows linearly, so that no raw
#: output makes it infinite.
_LINEAR_FROM = 30.0


def _log_rate(output: Tensor) -> Tensor:
    """The raw output; where it is large, what makes exp of it go on as its own tangent."""
    return minimum(output, _LINEAR_FROM) + log(maximum(output - _LINEAR_FROM, 0.0) + 1.0)


@SINGLE_LOSSES.register("poisson")
@dataclass(frozen=True)
class PoissonLikelihood(Likelihood):
    """exp(f) - y f + ln y!, for counts y: the rate is exp of the raw output.

    Nelder and Wedderburn 1972, "Generalized linear models". Beyond a rate of 1e13 its tangent
    takes the place of exp.

    Examples
    --------
    >>> from quickprop import PoissonLikelihood
    >>> PoissonLikelihood().predict([[0.0], [1.0]]).round(3).tolist()
    [[1.0], [2.718]]
    """

    family: ClassVar[type[Distribution]] = Poisson
    domain: ClassVar[Domain] = COUNTS

    @property
    def outputs_per_target(self) -> int:
        """One: the logarithm of the rate."""
        return 1

    def parameters(self, output: Tensor) -> tuple[Tensor, ...]:
        """The rate."""
        return (exp(_log_rate(output)),)

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """Minus the logarithm of the probability."""
        log_rate = _log_rate(output)
        return exp(log_rate) - target * log_rate + log_gamma(target + 1.0)

    def prediction(self, output: Tensor) -> Tensor:
        """The rates."""
        return self.parameters(output)[0]


@SINGLE_LOSSES.register("negative_binomial")
@dataclass(frozen=True)
class NegativeBinomialLikelihood(Likelihood):
    """Counts y whose variance m + m**2 / r is larger than their mean m.

    -ln of gamma(y + r) / (gamma(r) y!) p**r (1 - p)**y with p = r / (r + m) (Lawless 1987,
    "Negative binomial and mixed Poisson regression"). Two raw outputs a column: those whose exp is
    m, then those whose softplus, and 1e-6, is r.

    Examples
    --------
    >>> from quickprop import NegativeBinomialLikelihood
    >>> predicted = NegativeBinomialLikelihood().distribution([[1.0, 0.0]])  # mean e
    >>> predicted.mean.round(3).tolist(), predicted.variance.round(2).tolist()
    ([[2.718]], [[13.38]])
    """

    family: ClassVar[type[Distribution]] = NegativeBinomial
    domain: ClassVar[Domain] = COUNTS

    @property
    def outputs_per_target(self) -> int:
        """Two: the logarithm of the mean, and the size r."""
        return 2

    def parameters(self, output: Tensor) -> tuple[Tensor, ...]:
        """Mean and size."""
        mean, size = blocks(output, 2)
        return exp(_log_rate(mean)), positive(size)

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """Minus the logarithm of the probability, by ln p = -softplus(ln m - ln r)."""
        mean, size = blocks(output, 2)
        r = positive(size)
        logit = _log_rate(mean) - log(r)
        norm = log_gamma(r) + log_gamma(target + 1.0) - log_gamma(target + r)
        return norm + r * softplus(logit) + target * softplus(-logit)

    def prediction(self, output: Tensor) -> Tensor:
        """The means."""
        return self.parameters(output)[0]
