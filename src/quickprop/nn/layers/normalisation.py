"""Normalisation: numbers brought to mean 0 and variance 1, or damped by their neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quickprop.foundation.settings import integer, number, setting
from quickprop.graph import Tensor, constant, matmul, row_count
from quickprop.nn.initializers import Filled, Zeros
from quickprop.nn.layers.layer import LAYERS, Context, ParameterSpec, RowShape, UnaryLayer
from quickprop.ops.elementary import exp, log, maximum, mean, minimum, sqrt, square

_EPSILON = number(0.0, low_open=True)


@LAYERS.register()
@dataclass(frozen=True)
class BatchNorm(UnaryLayer):
    """Every channel to mean 0 and variance 1 over the batch, then scaled and shifted as learned.

    ``y = weight (x - mean) / sqrt(variance + epsilon) + bias``. In training mean and variance are
    those of the mini-batch (and of all places of an image); their running averages are gathered and
    used when the network predicts (Ioffe and Szegedy 2015). A batch of a single number a channel
    has no variance: it is normalised to 0, and the running variance stays.

    Parameters
    ----------
    momentum : float
        Share of the new mini-batch in the running averages.
    epsilon : float

    Examples
    --------
    >>> from quickprop import BatchNorm, Network
    >>> network = Network([BatchNorm()], features=3)
    >>> network.parameter_count, sorted(network.weights())
    (6, ['batchnorm1.bias', 'batchnorm1.mean', 'batchnorm1.variance', 'batchnorm1.weight'])
    """

    momentum: float = setting(number(0.0, 1.0), 0.1)
    epsilon: float = setting(_EPSILON, 1e-5)

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """Scale and shift of each channel, learned; running mean and variance, gathered."""
        shape = (input_shape[-1],)
        return (
            ParameterSpec("weight", shape, Filled(1.0), penalised=False),
            ParameterSpec("bias", shape, Zeros(), penalised=False),
            ParameterSpec("mean", shape, Zeros(), penalised=False, learned=False),
            ParameterSpec("variance", shape, Filled(1.0), penalised=False, learned=False),
        )

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """As it came."""
        return input_shape

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """Normalised by the batch in training, by the running averages otherwise."""
        weight, bias = parameters["weight"], parameters["bias"]
        if not context.training:
            scale = weight / sqrt(parameters["variance"] + self.epsilon)
            return x * scale + (bias - parameters["mean"] * scale)
        axes = tuple(range(x.rank - 1))
        centre = mean(x, axes)
        away = x - centre
        variance = mean(square(away), axes)
        count = row_count(x.dtype)
        for dim in x.shape[1:-1]:
            count = count * float(dim or 1)
        # The running variance is that of the whole population, estimated from a sample.
        unbiased = variance * (count / maximum(count - 1.0, 1.0))
        # A single number says nothing about the variance, such as in a last batch of one row.
        share = minimum(count - 1.0, 1.0) * self.momentum
        for name, now, part in (
            ("mean", centre, self.momentum),
            ("variance", unbiased, share),
        ):
            old = parameters[name]
            context.updates.append((old, old * (1.0 - part) + now * part))
        return away * (weight / sqrt(variance + self.epsilon)) + bias


@LAYERS.register()
@dataclass(frozen=True)
class LayerNorm(UnaryLayer):
    """The last axis to mean 0 and variance 1, then scaled and shifted as learned.

    ``y = weight (x - mean) / sqrt(variance + epsilon) + bias``, row by row and place by place
    (Ba, Kiros and Hinton 2016).

    Parameters
    ----------
    epsilon : float

    Examples
    --------
    >>> from quickprop import LayerNorm, Network
    >>> network = Network([LayerNorm()], features=3, dtype="float64")
    >>> network.predict([[1.0, 2.0, 3.0]]).round(2).tolist()
    [[-1.22, 0.0, 1.22]]
    """

    epsilon: float = setting(_EPSILON, 1e-5)

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """Scale and shift of each number of a line."""
        shape = (input_shape[-1],)
        return (
            ParameterSpec("weight", shape, Filled(1.0), penalised=False),
            ParameterSpec("bias", shape, Zeros(), penalised=False),
        )

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """As it came."""
        return input_shape

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """Normalised along the last axis."""
        away = x - mean(x, -1, keepdims=True)
        variance = mean(square(away), -1, keepdims=True)
        normal = away / sqrt(variance + self.epsilon)
        return normal * parameters["weight"] + parameters["bias"]


@LAYERS.register()
@dataclass(frozen=True)
class LocalResponseNorm(UnaryLayer):
    """Every number damped by the squares of its neighbours among the channels.

    ``y = x / (k + alpha / size * sum of x**2 over size channels around)**beta``
    (Krizhevsky, Sutskever and Hinton 2012).

    Parameters
    ----------
    size : int
        Number of channels, this one in the middle.
    alpha, beta, k : float

    Examples
    --------
    >>> from quickprop import LocalResponseNorm, Network
    >>> layer = LocalResponseNorm(size=3, alpha=1.0)
    >>> network = Network([layer], features=(1, 1, 3), dtype="float64")
    >>> network.predict([[[[1.0, 2.0, 3.0]]]]).round(2).ravel().tolist()
    [0.48, 0.54, 0.85]
    """

    size: int = setting(integer(1, 2**16), 5)
    alpha: float = setting(number(0.0), 1e-4)
    beta: float = setting(number(0.0), 0.75)
    k: float = setting(number(0.0, low_open=True), 1.0)

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """As it came."""
        return input_shape

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """The sums over neighbours are a product with a band of ones."""
        channels = x.shape[-1] or 1
        distance = np.subtract.outer(np.arange(channels), np.arange(channels))
        near = (distance >= -(self.size // 2)) & (distance <= (self.size - 1) // 2)
        sums = matmul(square(x), constant(near, x.dtype))
        return x * exp(log(sums * (self.alpha / self.size) + self.k) * -self.beta)
