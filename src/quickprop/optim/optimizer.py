"""What every optimizer is: settings, and an update rule written as graph."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quickprop.foundation.registry import Registry
from quickprop.foundation.settings import Component, number, setting
from quickprop.graph import Tensor, variable

Updates = list[tuple[Tensor, Tensor]]

#: Learning rates: any above zero.
RATE = number(0.0, low_open=True)
#: Decay factors of running means.
DECAY = number(0.0, 1.0, high_open=True)
#: Small numbers that keep a divisor from zero.
EPSILON = number(0.0, low_open=True)


@dataclass(frozen=True)
class Optimizer(Component, ABC):
    """An update rule.

    Parameters
    ----------
    learning_rate : float
        The base rate; a schedule may change it from step to step.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from quickprop import Dense, MeanSquaredError, Network, Optimizer
    >>> from quickprop.train import fit
    >>> @dataclass(frozen=True)
    ... class Descent(Optimizer):
    ...     def updates(self, parameters, gradients, learning_rate, step):
    ...         return [(w, w - learning_rate * g) for w, g in zip(parameters, gradients)]
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = Descent(0.3)
    >>> history = fit(network, x, y, loss=MeanSquaredError(), optimizer=rule, epochs=100)
    >>> history.best_loss < 1e-3
    True
    """

    learning_rate: float = setting(RATE, 0.01)

    @abstractmethod
    def updates(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        learning_rate: Tensor,
        step: Tensor,
    ) -> Updates:
        """New values for the parameters and for the optimizer's own variables.

        Parameters
        ----------
        parameters, gradients : sequence of Tensor
            Variables, and the derivative of the loss by each.
        learning_rate : Tensor
            Scalar: the rate of this step.
        step : Tensor
            int32 scalar: how many steps were made before this one.
        """


#: All that trains a network, by its name: optimizers, and methods that take all rows at a step.
TRAINING_METHODS: Registry[type[Component]] = Registry()
#: Every optimizer by its name.
OPTIMIZERS: Registry[type[Component]] = Registry(within=TRAINING_METHODS)


def state(parameter: Tensor, name: str) -> Tensor:
    """A variable of zeros beside a parameter."""
    return variable(np.zeros_like(parameter.value), parameter.dtype, f"{parameter.name}.{name}")


def scalar(value: float, like: Tensor, name: str) -> Tensor:
    """A setting in the graph: a variable, so that another value runs the same compiled code."""
    return variable(value, like.dtype, name)
