"""Losses of numbers that are predicted as such."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

from quickprop.foundation.settings import number, setting
from quickprop.graph import Tensor, variable
from quickprop.losses.loss import SINGLE_LOSSES
from quickprop.losses.numbers import NumberLoss
from quickprop.losses.targets import Domain
from quickprop.ops.elementary import abs, exp, log, minimum

_NOT_ZERO = Domain(
    "a target of 0 has no percentage error",
    "numbers other than 0",
    lambda array: array != 0,
    "use MeanAbsoluteError(), or leave these rows out",
)


@dataclass(frozen=True)
class PointLoss(NumberLoss):
    """A loss that compares each output with one number."""

    @property
    @final
    def outputs_per_target(self) -> int:
        """One."""
        return 1

    @final
    def prediction(self, output: Tensor) -> Tensor:
        """The outputs as they are."""
        return output


@SINGLE_LOSSES.register("mse", "l2", "squared_error")
@dataclass(frozen=True)
class MeanSquaredError(PointLoss):
    """The mean of (f - y)**2 over rows and outputs; least where f is the mean of y given x.

    Legendre 1805; Gauss 1809.

    Examples
    --------
    >>> from quickprop import MeanSquaredError, function, placeholder
    >>> output, target = placeholder((None, 1)), placeholder((None, 1))
    >>> loss = function([output, target], MeanSquaredError()(output, target))
    >>> float(loss([[3.0], [0.0]], [[1.0], [0.0]]))
    2.0
    """

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """(f - y)**2."""
        difference = output - target
        return difference * difference


@SINGLE_LOSSES.register("mae", "l1", "absolute_error")
@dataclass(frozen=True)
class MeanAbsoluteError(PointLoss):
    """The mean of abs(f - y) over rows and outputs; least where f is the median of y given x.

    Laplace 1774. Its gradient at f = y is taken as 0.

    Examples
    --------
    >>> from quickprop import MeanAbsoluteError, function, placeholder
    >>> output, target = placeholder((None, 1)), placeholder((None, 1))
    >>> loss = function([output, target], MeanAbsoluteError()(output, target))
    >>> float(loss([[3.0], [0.0]], [[1.0], [0.0]]))
    1.0
    """

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """abs(f - y)."""
        return abs(output - target)


@SINGLE_LOSSES.register()
@dataclass(frozen=True)
class Huber(PointLoss):
    """d**2 / 2 where d = abs(f - y) is at most `delta`, else delta (d - delta / 2).

    Huber 1964, "Robust estimation of a location parameter".

    Examples
    --------
    >>> from quickprop import Huber, function, placeholder
    >>> output, target = placeholder((None, 1)), placeholder((None, 1))
    >>> loss = function([output, target], Huber(delta=1.0)(output, target))
    >>> float(loss([[3.0]], [[0.0]]))
    2.5
    """

    delta: float = setting(number(0.0, low_open=True), 1.0)

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """m (d - m / 2) with m = min(d, delta), which is both branches without a square of d."""
        # A variable and not a constant: another width then runs the same compiled code.
        delta = variable(self.delta, output.dtype, "huber.delta")
        d = abs(output - target)
        m = minimum(d, delta)
        return m * (d - m * 0.5)


@SINGLE_LOSSES.register()
@dataclass(frozen=True)
class LogCosh(PointLoss):
    """ln(cosh(f - y)): half the square for small differences, abs(f - y) - ln 2 for large ones.

    Written as d + ln(1 + exp(-2d)) - ln 2 with d = abs(f - y), which cannot overflow.
    Green 1990, "Bayesian reconstructions from emission tomography data".

    Examples
    --------
    >>> from quickprop import LogCosh, function, placeholder
    >>> output, target = placeholder((None, 1)), placeholder((None, 1))
    >>> loss = function([output, target], LogCosh()(output, target))
    >>> round(float(loss([[3.0]], [[0.0]])), 4)
    2.3093
    """

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """ln(cosh(f - y))."""
        d = abs(output - target)
        return d + log(exp(d * -2.0) + 1.0) - math.log(2.0)


@SINGLE_LOSSES.register("mape")
@dataclass(frozen=True)
class MeanAbsolutePercentageError(PointLoss):
    """The mean of abs(f - y) / abs(y), as a fraction: 0.05 is five percent.

    De Myttenaere, Golden, Le Grand and Rossi 2016. A target of 0 is refused.

    Examples
    --------
    >>> from quickprop import MeanAbsolutePercentageError, function, placeholder
    >>> output, target = placeholder((None, 1)), placeholder((None, 1))
    >>> loss = function([output, target], MeanAbsolutePercentageError()(output, target))
    >>> float(loss([[3.0]], [[4.0]]))
    0.25
    """

    domain: ClassVar[Domain] = _NOT_ZERO
    filler: ClassVar[float] = 1.0

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """abs(f - y) / abs(y)."""
        return abs(output - target) / abs(target)
