"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quickprop.graph import Tensor
from quickprop.nn.component import setting
from quickprop.optim.optimizer import DECAY, RATE, Optimizer, Updates, scalar, state


@dataclass(frozen=True)
class SGD(Optimizer):
    """``velocity = momentum * velocity + gradient``, ``w = w - rate * velocity``.

    Parameters
    ----------
    learning_rate : float
    momentum : float
        0, the default, is plain gradient descent and keeps no velocity.
    """

    learning_rate: float = setting(RATE, 0.01)
    momentum: float = setting(DECAY, 0.0)

    def updates(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        learning_rate: Tensor,
        step: Tensor,
    ) -> Updates:
        """One multiply-add a parameter, two with momentum."""
        made: Updates = []
        momentum = scalar(self.momentum, learning_rate, "sgd.momentum")
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if self.momentum:
                velocity = state(parameter, "velocity")
                gradient = velocity * momentum + gradient
                made.append((velocity, gradient))
            made.append((parameter, parameter - gradient * learning_rate))
        return made
