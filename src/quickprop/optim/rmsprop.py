"""RMSprop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quickprop.foundation.settings import boolean, setting
from quickprop.graph import Tensor
from quickprop.ops.elementary import maximum, sqrt
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
class RMSprop(Optimizer):
    """``square = decay * square + (1 - decay) * gradient**2``.

    ``w -= rate * gradient / (sqrt(square) + epsilon)`` (Tieleman and Hinton 2012, lecture 6.5).
    Centered, the square of the running mean of the gradient is taken off under the root, which
    leaves its variance (Graves 2013). With momentum,
    ``velocity = momentum * velocity + gradient / (sqrt(square) + epsilon)`` and
    ``w -= rate * velocity``.

    Parameters
    ----------
    learning_rate : float
    decay : float
        Of the running means.
    momentum : float
    centered : bool
    epsilon : float

    Examples
    --------
    >>> from quickprop import Dense, MeanSquaredError, Network, RMSprop
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = RMSprop(0.03)
    >>> history = fit(network, x, y, loss=MeanSquaredError(), optimizer=rule, epochs=300)
    >>> history.best_loss < 1e-3
    True
    """

    learning_rate: float = setting(RATE, 0.01)
    decay: float = setting(DECAY, 0.99)
    momentum: float = setting(DECAY, 0.0)
    centered: bool = setting(boolean(), False)
    epsilon: float = setting(EPSILON, 1e-8)

    def updates(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        learning_rate: Tensor,
        step: Tensor,
    ) -> Updates:
        """One to three variables a parameter."""
        old = scalar(self.decay, learning_rate, "rmsprop.decay")
        new = scalar(1.0 - self.decay, learning_rate, "rmsprop.rest")
        momentum = scalar(self.momentum, learning_rate, "rmsprop.momentum")
        epsilon = scalar(self.epsilon, learning_rate, "rmsprop.epsilon")
        made: Updates = []
        for parameter, gradient in zip(parameters, gradients, strict=True):
            square = state(parameter, "square")
            v = square * old + gradient * gradient * new
            made.append((square, v))
            if self.centered:
                mean = state(parameter, "mean")
                m = mean * old + gradient * new
                made.append((mean, m))
                # Rounding may put the variance of equal gradients below zero.
                v = maximum(v - m * m, 0.0)
            move = gradient / (sqrt(v) + epsilon)
            if self.momentum:
                velocity = state(parameter, "velocity")
                move = velocity * momentum + move
                made.append((velocity, move))
            made.append((parameter, parameter - move * learning_rate))
        return made
