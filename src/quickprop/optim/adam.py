"""Adam, AMSGrad, and Adam with decoupled weight decay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quickprop.foundation.settings import number, setting
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
class Adam(Optimizer):
    """Steps of about the learning rate, whatever the size of the gradient.

    ``w -= rate * m / (sqrt(v) + epsilon)``, m and v the running means of the gradient and of its
    square, free of their bias to zero (Kingma and Ba 2015).

    Parameters
    ----------
    learning_rate : float
    beta1, beta2 : float
        Decay factors of the two running means.
    epsilon : float

    Examples
    --------
    >>> from quickprop import Adam, Dense, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = Adam(0.1)
    >>> history = fit(network, x, y, loss=MeanSquaredError(), optimizer=rule, epochs=300)
    >>> history.best_loss < 1e-3
    True
    """

    learning_rate: float = setting(RATE, 1e-3)
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
        """Two running means a parameter, and two scalars."""
        return _adam(self, parameters, gradients, learning_rate, None)


@OPTIMIZERS.register()
@dataclass(frozen=True)
class AMSGrad(Optimizer):
    """Adam with the largest v so far in place of v, so that steps cannot grow again.

    (Reddi, Kale and Kumar 2018; Adam's corrections of the bias are kept.)

    Parameters
    ----------
    learning_rate : float
    beta1, beta2 : float
        Decay factors of the two running means.
    epsilon : float

    Examples
    --------
    >>> from quickprop import AMSGrad, Dense, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = AMSGrad(0.1)
    >>> history = fit(network, x, y, loss=MeanSquaredError(), optimizer=rule, epochs=300)
    >>> history.best_loss < 1e-3
    True
    """

    learning_rate: float = setting(RATE, 1e-3)
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
        """As Adam, with one more variable a parameter."""
        return _adam(self, parameters, gradients, learning_rate, None, largest=True)


@OPTIMIZERS.register()
@dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam that also shrinks every parameter by ``rate * weight_decay`` of itself at each step.

    The decay does not go through the running means (Loshchilov and Hutter 2019).

    Parameters
    ----------
    learning_rate : float
    beta1, beta2 : float
        Decay factors of the two running means.
    epsilon : float
    weight_decay : float

    Examples
    --------
    >>> from quickprop import AdamW, Dense, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = AdamW(0.1, weight_decay=1e-4)
    >>> history = fit(network, x, y, loss=MeanSquaredError(), optimizer=rule, epochs=300)
    >>> history.best_loss < 1e-3
    True
    """

    learning_rate: float = setting(RATE, 1e-3)
    beta1: float = setting(DECAY, 0.9)
    beta2: float = setting(DECAY, 0.999)
    epsilon: float = setting(EPSILON, 1e-8)
    weight_decay: float = setting(number(0.0), 0.01)

    def updates(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        learning_rate: Tensor,
        step: Tensor,
    ) -> Updates:
        """As Adam, with one more factor."""
        decay = scalar(self.weight_decay, learning_rate, "adam.weight_decay")
        return _adam(self, parameters, gradients, learning_rate, 1.0 - learning_rate * decay)


def _adam(
    settings: Adam | AMSGrad | AdamW,
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    learning_rate: Tensor,
    keep: Tensor | None,
    largest: bool = False,
) -> Updates:
    beta1, beta2 = settings.beta1, settings.beta2
    old1 = scalar(beta1, learning_rate, "adam.beta1")
    old2 = scalar(beta2, learning_rate, "adam.beta2")
    # 1 - beta is rounded on its own: 1 - 0.999 loses half the digits of a float32.
    new1 = scalar(1.0 - beta1, learning_rate, "adam.rest1")
    new2 = scalar(1.0 - beta2, learning_rate, "adam.rest2")
    epsilon = scalar(settings.epsilon, learning_rate, "adam.epsilon")
    # 1 - beta**t, as the running mean of ones: no power, and no cancellation when t is small.
    seen1 = scalar(0.0, learning_rate, "adam.seen1")
    seen2 = scalar(0.0, learning_rate, "adam.seen2")
    now1 = seen1 * old1 + new1
    now2 = seen2 * old2 + new2
    # All that is the same for every element is worked out once, as scalars.
    rate = learning_rate / now1
    growth = 1.0 / sqrt(now2)
    made: Updates = [(seen1, now1), (seen2, now2)]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        mean = state(parameter, "mean")
        square = state(parameter, "square")
        m = mean * old1 + gradient * new1
        v = square * old2 + gradient * gradient * new2
        spread = v
        if largest:
            peak = state(parameter, "largest")
            spread = maximum(peak, v)
            made.append((peak, spread))
        kept = parameter if keep is None else parameter * keep
        made += [
            (mean, m),
            (square, v),
            (parameter, kept - m * rate / (sqrt(spread) * growth + epsilon)),
        ]
    return made
