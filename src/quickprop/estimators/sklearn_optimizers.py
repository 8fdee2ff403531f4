"""Update rules exactly as scikit-learn's solvers compute them, so that equal seeds learn alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quickprop.foundation.settings import boolean, number, setting
from quickprop.graph import Tensor
from quickprop.ops.elementary import sqrt
from quickprop.optim import Optimizer
from quickprop.optim.optimizer import DECAY, Updates, scalar, state


@dataclass(frozen=True)
class MomentumSteps(Optimizer):
    """``v = momentum * v - rate * gradient``, ``w += v``, the rate inside the velocity.

    With `nesterov` the step looks ahead: ``w += momentum * v - rate * gradient`` with the new v
    (Sutskever et al. 2013).

    Parameters
    ----------
    momentum : float
        0 to 1, both included.
    nesterov : bool
    """

    momentum: float = setting(number(0.0, 1.0), 0.9)
    nesterov: bool = setting(boolean(), True)

    def updates(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        learning_rate: Tensor,
        step: Tensor,
    ) -> Updates:
        """A velocity beside every parameter."""
        momentum = scalar(self.momentum, learning_rate, "sgd.momentum")
        made: Updates = []
        for parameter, gradient in zip(parameters, gradients, strict=True):
            velocity = state(parameter, "velocity")
            pull = gradient * learning_rate
            new = velocity * momentum - pull
            move = new * momentum - pull if self.nesterov else new
            made += [(velocity, new), (parameter, parameter + move)]
        return made


@dataclass(frozen=True)
class AdamSteps(Optimizer):
    """Adam with epsilon beside the running mean before its bias is taken out.

    ``w -= rate * sqrt(1 - beta2**t) / (1 - beta1**t) * m / (sqrt(v) + epsilon)``, the order of
    computation that Kingma and Ba (2015) give at the end of their section 2. `optim.Adam` has
    epsilon beside the corrected mean.

    Parameters
    ----------
    beta1, beta2, epsilon : float
    """

    beta1: float = setting(DECAY, 0.9)
    beta2: float = setting(DECAY, 0.999)
    epsilon: float = setting(number(0.0, low_open=True), 1e-8)

    def updates(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        learning_rate: Tensor,
        step: Tensor,
    ) -> Updates:
        """Two running means a parameter, and two scalars."""
        old1 = scalar(self.beta1, learning_rate, "adam.beta1")
        old2 = scalar(self.beta2, learning_rate, "adam.beta2")
        new1 = scalar(1.0 - self.beta1, learning_rate, "adam.rest1")
        new2 = scalar(1.0 - self.beta2, learning_rate, "adam.rest2")
        epsilon = scalar(self.epsilon, learning_rate, "adam.epsilon")
        # 1 - beta**t as the running mean of ones: no power, no cancellation while t is small.
        seen1 = scalar(0.0, learning_rate, "adam.seen1")
        seen2 = scalar(0.0, learning_rate, "adam.seen2")
        now1, now2 = seen1 * old1 + new1, seen2 * old2 + new2
        rate = learning_rate * sqrt(now2) / now1
        made: Updates = [(seen1, now1), (seen2, now2)]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            mean, square = state(parameter, "mean"), state(parameter, "square")
            m = mean * old1 + gradient * new1
            v = square * old2 + gradient * gradient * new2
            made += [
                (mean, m),
                (square, v),
                (parameter, parameter - m * rate / (sqrt(v) + epsilon)),
            ]
        return made
