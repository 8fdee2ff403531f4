"""The affine layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quickprop.foundation.settings import boolean, component, integer, optional, setting
from quickprop.graph import Tensor
from quickprop.nn.initializers import INITIALIZERS, Initializer, Zeros
from quickprop.nn.layers.activated import ACTIVATION, ActivatedLayer
from quickprop.nn.layers.layer import LAYERS, Context, ParameterSpec, RowShape, vector

_INITIALIZER = optional(component(INITIALIZERS, Initializer))


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

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """A weight (inputs, width) and, unless switched off, a bias (width,)."""
        inputs = vector(input_shape, "Dense")
        weight = ParameterSpec("weight", (inputs, self.width), self.initializer)
        if not self.bias:
            return (weight,)
        return weight, ParameterSpec("bias", (self.width,), Zeros(), penalised=False)

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """One number a neuron."""
        return (self.width,)

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """The product, and the bias added to every row."""
        y = x @ parameters["weight"]
        return y + parameters["bias"] if self.bias else y
