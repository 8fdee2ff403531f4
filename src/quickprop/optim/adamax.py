"""AdaMax."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quickprop.foundation.settings import setting
from quickprop.graph import Tensor
from quickprop.ops.elementary import abs, maximum
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
class AdaMax(Optimizer):
    """Adam with the largest gradient that is not yet forgotten in place of the mean square.

    ``m = beta1 * m + (1 - beta1) * gradient``, ``u = max(beta2 * u, |gradient| + epsilon)``,
    ``w -= rate / (1 - beta1**t) * m / u`` at step t, counted from 1 (Kingma and Ba 2015, section
    7.1).

    Parameters
    ----------
    learning_rate : float
    beta1, beta2 : float
        Decay factors of the running mean and of the largest gradient.
    epsilon : float

    Examples
    --------
    >>> from quickprop import AdaMax, Dense, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = AdaMax(0.1)
    >>> history = fit(network, x, y, loss=MeanSquaredError(), optimizer=rule, epochs=300)
    >>> history.best_loss < 1e-3
    True
    """

    learning_rate: float = setting(RATE, 2e-3)
    beta1: float = setting(DECAY, 0.9)
    beta2: float = setting(DECAY, 0.999)
    epsilon: float = setting(EPSILON, 1e-8)

    def updates(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        learning_rate: Tensor,
        step: Tensor,
    ) -> Updates:
        """Two variables a parameter, and a scalar."""
        old = scalar(self.beta1, learning_rate, "adamax.beta1")
        new = scalar(1.0 - self.beta1, learning_rate, "adamax.rest1")
        forget = scalar(self.beta2, learning_rate, "adamax.beta2")
        epsilon = scalar(self.epsilon, learning_rate, "adamax.epsilon")
        # 1 - beta1**t, as the running mean of ones.
        seen = scalar(0.0, learning_rate, "adamax.seen")
        now = seen * old + new
        rate = learning_rate / now
        made: Updates = [(seen, now)]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            mean, largest = state(parameter, "mean"), state(parameter, "largest")
            m = mean * old + gradient * new
            u = maximum(largest * forget, abs(gradient) + epsilon)
            made += [(mean, m), (largest, u), (parameter, parameter - m * rate / u)]
        return made
