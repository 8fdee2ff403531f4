"""Gradient descent, with momentum and with Nesterov's look ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quickprop.errors import SettingError
from quickprop.foundation.settings import boolean, setting
from quickprop.graph import Tensor
from quickprop.optim.optimizer import DECAY, OPTIMIZERS, RATE, Optimizer, Updates, scalar, state


@OPTIMIZERS.register("gradient_descent")
@dataclass(frozen=True)
class SGD(Optimizer):
    """``velocity = momentum * velocity + gradient``, ``w -= rate * velocity``.

    A fit with ``batch_size=1`` makes it stochastic gradient descent (Robbins and Monro 1951), one
    with a batch of all rows full-batch gradient descent (Cauchy 1847); sizes between are
    mini-batches. Momentum is Polyak's heavy ball (1964). With `nesterov` the weights move by
    ``rate * (gradient + momentum * velocity)``, the gradient met one step of momentum ahead
    (Nesterov 1983, in the form of Sutskever, Martens, Dahl and Hinton 2013).

    The `l2` of a fit is the weight decay of plain gradient descent.

    Parameters
    ----------
    learning_rate : float
    momentum : float
        0, the default, is plain gradient descent and keeps no velocity.
    nesterov : bool
        Needs a momentum above 0.

    Examples
    --------
    >>> from quickprop import SGD, Dense, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = SGD(0.3, momentum=0.5)
    >>> history = fit(network, x, y, loss=MeanSquaredError(), optimizer=rule, epochs=300)
    >>> history.best_loss < 1e-3
    True
    """

    learning_rate: float = setting(RATE, 0.01)
    momentum: float = setting(DECAY, 0.0)
    nesterov: bool = setting(boolean(), False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not self.momentum:
            raise SettingError(
                "without momentum there is nothing to look ahead by",
                where="SGD.nesterov",
                allowed="True with a momentum above 0",
                given="momentum=0",
                hint="set momentum, such as 0.9",
            )

    def updates(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        learning_rate: Tensor,
        step: Tensor,
    ) -> Updates:
        """One multiply-add a parameter, two with momentum, three with Nesterov's."""
        made: Updates = []
        momentum = scalar(self.momentum, learning_rate, "sgd.momentum")
        for parameter, gradient in zip(parameters, gradients, strict=True):
            move = gradient
            if self.momentum:
                velocity = state(parameter, "velocity")
                now = velocity * momentum + gradient
                made.append((velocity, now))
                move = now * momentum + gradient if self.nesterov else now
            made.append((parameter, parameter - move * learning_rate))
        return made
