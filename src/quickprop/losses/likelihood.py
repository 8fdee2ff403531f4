"""Losses that are minus the logarithm of the likelihood of the target."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, final

from quickprop.distributions import Distribution
from quickprop.graph import Tensor
from quickprop.losses.loss import evaluated
from quickprop.losses.numbers import NumberLoss
from quickprop.ops.activations import softplus

#: The least scale that a head can give, so that a row that is met exactly has a finite loss.
SMALLEST_SCALE = 1e-6


@dataclass(frozen=True)
class Likelihood(NumberLoss):
    """The network gives the parameters of a distribution of the target: -ln(likelihood).

    The loss is exact, constants included, so that its values can be compared between kinds.

    Attributes
    ----------
    family : type of Distribution
        What is made of the parameters.

    Examples
    --------
    >>> from quickprop import GaussianLikelihood, Likelihood
    >>> isinstance(GaussianLikelihood(), Likelihood), GaussianLikelihood().output_width(2)
    (True, 4)
    """

    family: ClassVar[type[Distribution]]

    @abstractmethod
    def parameters(self, output: Tensor) -> tuple[Tensor, ...]:
        """The parameters of the family, as graph of the raw outputs."""

    @final
    def distribution(self, raw: Any) -> Distribution:
        """The predicted distributions (rows, columns) for raw outputs (rows, k).

        Raises
        ------
        ShapeError, DataError
            When they are not a matrix of numbers, or not of a width that the head has.
        """
        return self.family(*evaluated(self.parameters, raw, type(self).__name__))


def positive(output: Tensor) -> Tensor:
    """Softplus, and a little more: a scale of any raw output."""
    return softplus(output) + SMALLEST_SCALE
