"""Resilient propagation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quickprop.errors import SettingError
from quickprop.foundation.settings import number, setting
from quickprop.graph import Tensor, variable
from quickprop.ops.elementary import where
from quickprop.ops.sign_and_clip import clip, sign
from quickprop.optim.optimizer import OPTIMIZERS, RATE, Optimizer, Updates, scalar, state


@OPTIMIZERS.register()
@dataclass(frozen=True)
class Rprop(Optimizer):
    """Every weight has a step of its own size; only the sign of the gradient counts.

    The size grows by `growth` while the gradient keeps its sign and shrinks by `shrink` when it
    changes; after a change the weight rests for a step (Riedmiller and Braun 1993, in the form
    that Igel and Huesken 2000 call Rprop-). Made for full batches: in mini-batches signs change
    by chance.

    Parameters
    ----------
    learning_rate : float
        The first size. A schedule multiplies all sizes by what it makes of the base rate, over
        the base rate.
    shrink, growth : float
        Below 1 and at least 1.
    smallest, largest : float
        The ends of the sizes.

    Examples
    --------
    >>> from quickprop import Dense, MeanSquaredError, Network, Rprop
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = Rprop(0.1)
    >>> history = fit(network, x, y, loss=MeanSquaredError(), optimizer=rule, epochs=300)
    >>> history.best_loss < 1e-3
    True
    """

    learning_rate: float = setting(RATE, 0.01)
    shrink: float = setting(number(0.0, 1.0, low_open=True, high_open=True), 0.5)
    growth: float = setting(number(1.0), 1.2)
    smallest: float = setting(number(0.0), 1e-6)
    largest: float = setting(number(0.0, low_open=True), 50.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.smallest > self.largest:
            raise SettingError(
                "the smallest step is above the largest",
                where="Rprop.smallest",
                allowed=f"at most {self.largest:g}",
                given=self.smallest,
            )

    def updates(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        learning_rate: Tensor,
        step: Tensor,
    ) -> Updates:
        """The last gradient and the size of the step, for each parameter."""
        shrink = scalar(self.shrink, learning_rate, "rprop.shrink")
        growth = scalar(self.growth, learning_rate, "rprop.growth")
        smallest = scalar(self.smallest, learning_rate, "rprop.smallest")
        largest = scalar(self.largest, learning_rate, "rprop.largest")
        scheduled = learning_rate / scalar(self.learning_rate, learning_rate, "rprop.base")
        made: Updates = []
        for parameter, gradient in zip(parameters, gradients, strict=True):
            before = state(parameter, "gradient")
            size = _first_sizes(parameter, self.learning_rate)
            # Of signs, not of numbers: the product of two small gradients would be zero.
            agreement = sign(gradient) * sign(before)
            factor = where(agreement > 0.0, growth, where(agreement < 0.0, shrink, 1.0))
            now = clip(size * factor, smallest, largest)
            heeded = where(agreement < 0.0, 0.0, gradient)
            made += [
                (before, heeded),
                (size, now),
                (parameter, parameter - sign(heeded) * now * scheduled),
            ]
        return made


def _first_sizes(parameter: Tensor, rate: float) -> Tensor:
    start = np.full_like(parameter.value, rate)
    return variable(start, parameter.dtype, f"{parameter.name}.size")
