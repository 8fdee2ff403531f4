"""Adagrad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quickprop.foundation.settings import setting
from quickprop.graph import Tensor
from quickprop.ops.elementary import sqrt
from quickprop.optim.optimizer import EPSILON, OPTIMIZERS, RATE, Optimizer, Updates, scalar, state


@OPTIMIZERS.register()
@dataclass(frozen=True)
class Adagrad(Optimizer):
    """``total += gradient**2``, ``w -= rate * gradient / (sqrt(total) + epsilon)``.

    Steps shrink where gradients were large; what is seldom touched keeps large steps (Duchi, Hazan
    and Singer 2011).

    Parameters
    ----------
    learning_rate : float
    epsilon : float

    Examples
    --------
    >>> from quickprop import Adagrad, Dense, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = Adagrad(0.5)
    >>> history = fit(network, x, y, loss=MeanSquaredError(), optimizer=rule, epochs=300)
    >>> history.best_loss < 1e-3
    True
    """

    learning_rate: float = setting(RATE, 0.01)
    epsilon: float = setting(EPSILON, 1e-10)

    def updates(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        learning_rate: Tensor,
        step: Tensor,
    ) -> Updates:
        """One running sum a parameter."""
        epsilon = scalar(self.epsilon, learning_rate, "adagrad.epsilon")
        made: Updates = []
        for parameter, gradient in zip(parameters, gradients, strict=True):
            total = state(parameter, "total")
            now = total + gradient * gradient
            move = gradient * learning_rate / (sqrt(now) + epsilon)
            made += [(total, now), (parameter, parameter - move)]
        return made
