"""The activation functions by name: one row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quickprop.foundation.registry import Registry
from quickprop.graph import Tensor
from quickprop.nn.initializers import GlorotUniform, HeUniform, Initializer, LeCunNormal
from quickprop.ops import activations
from quickprop.ops.elementary import exp, sigmoid, sin, tanh


@dataclass(frozen=True)
class ActivationFunction:
    """A function of a tensor and what there is to know of it.

    Parameters
    ----------
    function : callable
        Tensor to tensor of the same shape.
    initializer : Initializer
        For the weights of a layer in front of it.
    elementwise : bool
        False when every result depends on the whole vector, as with softmax.
    trainable : bool
        False when its gradient is zero everywhere, so that gradient descent cannot pass it.
    """

    function: Callable[[Tensor], Tensor]
    initializer: Initializer
    elementwise: bool = True
    trainable: bool = True


_HE = HeUniform()
_GLOROT = GlorotUniform()
_SILU = ActivationFunction(activations.silu, _HE)

#: By name. The other names are those of Keras, PyTorch and scikit-learn.
ACTIVATIONS: Registry[ActivationFunction] = Registry(
    {
        "identity": ActivationFunction(activations.identity, _GLOROT),
        "step": ActivationFunction(activations.step, _GLOROT, trainable=False),
        "sigmoid": ActivationFunction(sigmoid, _GLOROT),
        "hard_sigmoid": ActivationFunction(activations.hard_sigmoid, _GLOROT),
        "tanh": ActivationFunction(tanh, _GLOROT),
        "relu": ActivationFunction(activations.relu, _HE),
        "relu6": ActivationFunction(activations.relu6, _HE),
        "leaky_relu": ActivationFunction(activations.leaky_relu, _HE),
        "elu": ActivationFunction(activations.elu, _HE),
        # Klambauer et al. derive its constants for weights of variance 1 / inputs.
        "selu": ActivationFunction(activations.selu, LeCunNormal()),
        "celu": ActivationFunction(activations.celu, _HE),
        "gelu": ActivationFunction(activations.gelu, _HE),
        "gelu_tanh": ActivationFunction(activations.gelu_tanh, _HE),
        "silu": _SILU,
        "swish": _SILU,
        "hard_swish": ActivationFunction(activations.hard_swish, _HE),
        "mish": ActivationFunction(activations.mish, _HE),
        "softplus": ActivationFunction(activations.softplus, _HE),
        "softsign": ActivationFunction(activations.softsign, _GLOROT),
        "exponential": ActivationFunction(exp, _GLOROT),
        # Sitzmann et al. 2020 draw as He's uniform does: up to sqrt(6 / inputs).
        "sine": ActivationFunction(sin, _HE),
        "softmax": ActivationFunction(activations.softmax, _GLOROT, elementwise=False),
        "log_softmax": ActivationFunction(activations.log_softmax, _GLOROT, elementwise=False),
    },
    aliases={
        "linear": "identity",
        "none": "identity",
        "heaviside": "step",
        "logistic": "sigmoid",
        "rectifier": "relu",
        "rectified_linear": "relu",
        "exp": "exponential",
        "sin": "sine",
    },
)
