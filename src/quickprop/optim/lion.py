"""Lion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quickprop.foundation.settings import number, setting
from quickprop.graph import Tensor
from quickprop.ops.sign_and_clip import sign
from quickprop.optim.optimizer import DECAY, OPTIMIZERS, RATE, Optimizer, Updates, scalar, state


@OPTIMIZERS.register()
@dataclass(frozen=True)
class Lion(Optimizer):
    """Every weight moves by the learning rate; only the sign of the momentum counts.

    ``w -= rate * (sign(beta1 * m + (1 - beta1) * gradient) + weight_decay * w)``, then
    ``m = beta2 * m + (1 - beta2) * gradient`` (Chen et al. 2023, algorithm 2). Its rate is usually
    3 to 10 times smaller than Adam's.

    Parameters
    ----------
    learning_rate : float
    beta1, beta2 : float
        Weight of the mean in a step, and decay factor of the mean itself.
    weight_decay : float
        Decoupled: it does not go through the sign.

    Examples
    --------
    >>> from quickprop import Dense, Lion, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = Lion(0.02)
    >>> history = fit(network, x, y, loss=MeanSquaredError(), optimizer=rule, epochs=500)
    >>> history.best_loss < 1e-3
    True
    """

    learning_rate: float = setting(RATE, 1e-4)
    beta1: float = setting(DECAY, 0.9)
    beta2: float = setting(DECAY, 0.99)
    weight_decay: float = setting(number(0.0), 0.0)

    def updates(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        learning_rate: Tensor,
        step: Tensor,
    ) -> Updates:
        """One running mean a parameter."""
        old1 = scalar(self.beta1, learning_rate, "lion.beta1")
        old2 = scalar(self.beta2, learning_rate, "lion.beta2")
        new1 = scalar(1.0 - self.beta1, learning_rate, "lion.rest1")
        new2 = scalar(1.0 - self.beta2, learning_rate, "lion.rest2")
        keep = 1.0 - learning_rate * scalar(self.weight_decay, learning_rate, "lion.weight_decay")
        made: Updates = []
        for parameter, gradient in zip(parameters, gradients, strict=True):
            mean = state(parameter, "mean")
            direction = sign(mean * old1 + gradient * new1)
            made += [
                (mean, mean * old2 + gradient * new2),
                (parameter, parameter * keep - direction * learning_rate),
            ]
        return made
