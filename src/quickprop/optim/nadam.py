"""Adam with Nesterov's momentum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from quickprop.foundation.settings import number, setting
from quickprop.graph import Tensor
from quickprop.ops.elementary import cast, exp, sqrt
from quickprop.optim.optimizer import (
    DECAY,
    EPSILON,
    OPTIMIZERS,
    RATE,
    Optimizer,
    Updates,
    scalar,
    state,
)


@OPTIMIZERS.register()
@dataclass(frozen=True)
class NAdam(Optimizer):
    """Adam whose step already holds the momentum of the step that follows (Dozat 2016).

    With ``mu_t = beta1 * (1 - 0.96**(t * momentum_decay) / 2)`` and P_t the product of all mu up
    to t, ``w -= rate * ((1 - mu_t) / (1 - P_t) * gradient + mu_(t+1) / (1 - P_(t+1)) * m) /
    (sqrt(v / (1 - beta2**t)) + epsilon)``; m and v are Adam's.

    Parameters
    ----------
    learning_rate : float
    beta1, beta2 : float
        Decay factors of the two running means.
    epsilon : float
    momentum_decay : float
        How fast the momentum grows from half of beta1 to all of it.

    Examples
    --------
    >>> from quickprop import Dense, MeanSquaredError, NAdam, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = NAdam(0.1)
    >>> history = fit(network, x, y, loss=MeanSquaredError(), optimizer=rule, epochs=300)
    >>> history.best_loss < 1e-3
    True
    """

    learning_rate: float = setting(RATE, 2e-3)
    beta1: float = setting(DECAY, 0.9)
    beta2: float = setting(DECAY, 0.999)
    epsilon: float = setting(EPSILON, 1e-8)
    momentum_decay: float = setting(number(0.0), 4e-3)

    def updates(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        learning_rate: Tensor,
        step: Tensor,
    ) -> Updates:
        """Two running means a parameter, and two scalars."""
        old1 = scalar(self.beta1, learning_rate, "nadam.beta1")
        old2 = scalar(self.beta2, learning_rate, "nadam.beta2")
        new1 = scalar(1.0 - self.beta1, learning_rate, "nadam.rest1")
        new2 = scalar(1.0 - self.beta2, learning_rate, "nadam.rest2")
        epsilon = scalar(self.epsilon, learning_rate, "nadam.epsilon")
        slope = scalar(math.log(0.96) * self.momentum_decay, learning_rate, "nadam.slope")
        made_before = cast(step, learning_rate.dtype)
        mu = old1 * (1.0 - 0.5 * exp((made_before + 1.0) * slope))
        following = old1 * (1.0 - 0.5 * exp((made_before + 2.0) * slope))
        # 1 - P_t and 1 - beta2**t, as running means of ones: no cancellation when t is small.
        seen1 = scalar(0.0, learning_rate, "nadam.seen1")
        seen2 = scalar(0.0, learning_rate, "nadam.seen2")
        now1 = seen1 * mu + (1.0 - mu)
        now2 = seen2 * old2 + new2
        of_gradient = learning_rate * (1.0 - mu) / now1
        of_mean = learning_rate * following / (now1 * following + (1.0 - following))
        growth = 1.0 / sqrt(now2)
        made: Updates = [(seen1, now1), (seen2, now2)]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            mean, square = state(parameter, "mean"), state(parameter, "square")
            m = mean * old1 + gradient * new1
            v = square * old2 + gradient * gradient * new2
            move = (gradient * of_gradient + m * of_mean) / (sqrt(v) * growth + epsilon)
            made += [(mean, m), (square, v), (parameter, parameter - move)]
        return made
