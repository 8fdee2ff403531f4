"""A function applied to every number, or (softmax) to every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quickprop.graph import Tensor
from quickprop.nn.activations import ACTIVATIONS
from quickprop.nn.component import choice, setting
from quickprop.nn.layers.layer import Context, Layer, ParameterSpec, RowShape


@dataclass(frozen=True)
class Activation(Layer):
    """A function by name.

    Parameters
    ----------
    name : str
        relu, tanh, sigmoid, identity, gelu, silu, leaky_relu, elu, softplus or softmax.
    """

    name: str = setting(choice(ACTIVATIONS))

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """As it came."""
        return input_shape

    def apply(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """The function of that name."""
        return ACTIVATIONS[self.name].function(x)
