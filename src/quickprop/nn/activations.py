"""The activation functions by name: one row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quickprop.graph import Tensor
from quickprop.nn.initializers import GlorotUniform, HeUniform, Initializer
from quickprop.ops.activations import elu, gelu, leaky_relu, relu, silu, softmax, softplus
from quickprop.ops.elementary import sigmoid, tanh


@dataclass(frozen=True)
class ActivationFunction:
    """A function of a tensor, and the initializer for the weights of a layer in front of it."""

    function: Callable[[Tensor], Tensor]
    initializer: Initializer


def identity(x: Tensor) -> Tensor:
    """X as it is."""
    return x


_HE = HeUniform()
_GLOROT = GlorotUniform()

ACTIVATIONS: dict[str, ActivationFunction] = {
    "relu": ActivationFunction(relu, _HE),
    "leaky_relu": ActivationFunction(leaky_relu, _HE),
    "elu": ActivationFunction(elu, _HE),
    "gelu": ActivationFunction(gelu, _HE),
    "silu": ActivationFunction(silu, _HE),
    "softplus": ActivationFunction(softplus, _HE),
    "tanh": ActivationFunction(tanh, _GLOROT),
    "sigmoid": ActivationFunction(sigmoid, _GLOROT),
    "softmax": ActivationFunction(softmax, _GLOROT),
    "identity": ActivationFunction(identity, _GLOROT),
}
