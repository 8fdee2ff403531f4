"""Fahlman's Quickprop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quickprop.foundation.settings import number, setting
from quickprop.graph import Tensor
from quickprop.ops.elementary import where
from quickprop.ops.sign_and_clip import sign
from quickprop.optim.optimizer import OPTIMIZERS, RATE, Optimizer, Updates, scalar, state


@OPTIMIZERS.register()
@dataclass(frozen=True)
class Quickprop(Optimizer):
    """To the bottom of the parabola through the last two gradients, for each weight by itself.

    ``move = gradient / (gradient before - gradient) * move before`` (Fahlman 1988, who calls the
    gradient a slope), with the special cases of the paper:

    - A move is at most `growth` times the one before; so it is too where the parabola has no
      bottom ahead, because the gradient did not become smaller.
    - ``-rate * gradient`` is added unless the gradient has changed its sign: that begins a descent
      and begins it again after a move of zero.

    Made for full batches: the two gradients must be those of one and the same loss. The paper keeps
    weights small by a little of each weight in its gradient; that is the `l2` of a fit.

    Parameters
    ----------
    learning_rate : float
        The paper's epsilon.
    growth : float
        The paper's mu.

    Examples
    --------
    >>> from quickprop import Dense, MeanSquaredError, Network, Quickprop
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = Quickprop(0.1)
    >>> history = fit(network, x, y, loss=MeanSquaredError(), optimizer=rule, epochs=300)
    >>> history.best_loss < 1e-3
    True
    """

    learning_rate: float = setting(RATE, 0.01)
    growth: float = setting(number(0.0, low_open=True), 1.75)

    def updates(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        learning_rate: Tensor,
        step: Tensor,
    ) -> Updates:
        """The last gradient and the last move, for each parameter."""
        growth = scalar(self.growth, learning_rate, "quickprop.growth")
        # Where the gradient is more than this part of the one before, the parabola asks for more
        # than the largest move: s / (p - s) = growth at s = growth / (1 + growth) p.
        part = scalar(self.growth / (1.0 + self.growth), learning_rate, "quickprop.part")
        made: Updates = []
        for parameter, gradient in zip(parameters, gradients, strict=True):
            before, move = state(parameter, "gradient"), state(parameter, "move")
            way = sign(move)
            # A move always went against the gradient before it, so along `way` that gradient was
            # below zero, and the difference in the divisor is not zero where this is true.
            bottom_is_near = way * (gradient - before * part) > 0.0
            difference = where(bottom_is_near, before - gradient, 1.0)
            to_bottom = where(bottom_is_near, move * gradient / difference, move * growth)
            passed = way * gradient > 0.0
            now = to_bottom - where(passed, 0.0, gradient * learning_rate)
            made += [(before, gradient), (move, now), (parameter, parameter + now)]
        return made
