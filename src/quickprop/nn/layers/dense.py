"""The affine layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from quickprop.foundation.settings import boolean, choice, component, integer, optional, setting
from quickprop.graph import Tensor
from quickprop.nn.initializers import INITIALIZERS, Initializer, Normal, Zeros
from quickprop.nn.layers.activated import ACTIVATION, ActivatedLayer
from quickprop.nn.layers.layer import LAYERS, Context, ParameterSpec, RowShape, vector

_INITIALIZER = optional(component(INITIALIZERS, Initializer))
#: Where the 1 / sqrt(inputs) stands: in the starting weights, or in the function.
_PARAMETRIZATIONS = {"standard": None, "ntp": None}


@LAYERS.register()
@dataclass(frozen=True)
class Dense(ActivatedLayer):
    """``y = x @ weight + bias``, every neuron connected to every input.

    Parameters
    ----------
    width : int
        Number of neurons.
    bias : bool
    initializer : Initializer, optional
        For the weight (inputs, width). By default He before the relu family, else Glorot; biases
        begin at zero.
    parametrization : {"standard", "ntp"}
        "ntp", the neural tangent parametrization, is ``x @ weight / sqrt(inputs) + bias`` with
        standard normal weights: a learning rate then suits layers of any number of inputs (Jacot,
        Gabriel and Hongler 2018).
    bias_initializer : Initializer, optional
        For the bias; by default zeros.
    activation : str, optional
        What follows: ``Dense(8, activation="relu")`` is short for a `Dense` and an `Activation`.

    Examples
    --------
    >>> from quickprop import Activation, Dense, Network
    >>> Network([Dense(16), Activation("relu"), Dense(3)], features=4).parameter_count
    131
    >>> Network([Dense(16, activation="relu"), Dense(3)], features=4).parameter_count  # the same
    131
    """

    width: int = setting(integer(1, 2**20))
    bias: bool = setting(boolean(), True)
    initializer: Initializer | None = setting(_INITIALIZER, None)
    activation: str | None = setting(ACTIVATION, None, later=True)
    parametrization: str = setting(choice(_PARAMETRIZATIONS), "standard", later=True)
    bias_initializer: Initializer | None = setting(_INITIALIZER, None, later=True)

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """A weight (inputs, width) and, unless switched off, a bias (width,)."""
        inputs = vector(input_shape, "Dense")
        start = self.initializer
        if start is None and self.parametrization == "ntp":
            start = Normal(0.0, 1.0)
        weight = ParameterSpec("weight", (inputs, self.width), start)
        if not self.bias:
            return (weight,)
        begins = self.bias_initializer or Zeros()
        return weight, ParameterSpec("bias", (self.width,), begins, penalised=False)

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """One number a neuron."""
        return (self.width,)

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """The product, over the root of the inputs if so asked, and the bias added to every row."""
        weight = parameters["weight"]
        y = x @ weight
        if self.parametrization == "ntp":
            inputs = weight.shape[0]
            assert inputs is not None
            y = y * (1.0 / math.sqrt(inputs))
        return y + parameters["bias"] if self.bias else y
