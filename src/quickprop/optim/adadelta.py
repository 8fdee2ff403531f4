"""Adadelta."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quickprop.foundation.settings import setting
from quickprop.graph import Tensor
from quickprop.ops.elementary import sqrt
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
class Adadelta(Optimizer):
    """Steps in the units of the weights: recent steps over recent gradients, root mean squares.

    ``square = decay * square + (1 - decay) * gradient**2``,
    ``move = gradient * sqrt(moved + epsilon) / sqrt(square + epsilon)``,
    ``moved = decay * moved + (1 - decay) * move**2``, ``w -= rate * move`` (Zeiler 2012).

    Parameters
    ----------
    learning_rate : float
        The paper has none, which is 1.
    decay : float
        Of both running means; the paper's rho.
    epsilon : float
        The first steps are about its square root.

    Examples
    --------
    >>> from quickprop import Adadelta, Dense, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = Adadelta(10.0)
    >>> history = fit(network, x, y, loss=MeanSquaredError(), optimizer=rule, epochs=300)
    >>> history.best_loss < 1e-3
    True
    """

    learning_rate: float = setting(RATE, 1.0)
    decay: float = setting(DECAY, 0.9)
    epsilon: float = setting(EPSILON, 1e-6)

    def updates(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        learning_rate: Tensor,
        step: Tensor,
    ) -> Updates:
        """Two running means a parameter."""
        old = scalar(self.decay, learning_rate, "adadelta.decay")
        new = scalar(1.0 - self.decay, learning_rate, "adadelta.rest")
        epsilon = scalar(self.epsilon, learning_rate, "adadelta.epsilon")
        made: Updates = []
        for parameter, gradient in zip(parameters, gradients, strict=True):
            square, moved = state(parameter, "square"), state(parameter, "moved")
            v = square * old + gradient * gradient * new
            move = gradient * sqrt(moved + epsilon) / sqrt(v + epsilon)
            made += [
                (square, v),
                (moved, moved * old + move * move * new),
                (parameter, parameter - move * learning_rate),
            ]
        return made
