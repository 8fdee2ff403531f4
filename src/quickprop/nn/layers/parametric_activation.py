"""An activation that learns how far to bend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quickprop.foundation.settings import LARGEST, Rule, choice, number, setting
from quickprop.graph import Tensor
from quickprop.nn.activations import ACTIVATIONS
from quickprop.nn.initializers import Filled
from quickprop.nn.layers.layer import LAYERS, Context, ParameterSpec, RowShape, UnaryLayer

#: Those that gradient descent can pass, of each number alone.
_BENDING = {name: row for name, row in ACTIVATIONS.items() if row.elementwise and row.trainable}
_NAME: Rule = choice(_BENDING)


@LAYERS.register()
@dataclass(frozen=True)
class ParametricActivation(UnaryLayer):
    """``(1 - a) x + a f(x)``, the part `a` learned for each neuron.

    At 0 a neuron is linear, at 1 it has the activation; it may go beyond either (Holzmüller,
    Grinsztajn and Steinwart 2024).

    Parameters
    ----------
    name : str
        The activation f, of each number alone: mish, selu, relu, ...
    start : float
        The part before training.

    Examples
    --------
    >>> from quickprop import Network, ParametricActivation
    >>> network = Network([ParametricActivation("relu", start=0.75)], features=2)
    >>> network.predict([[-4.0, 2.0]]).tolist()
    [[-1.0, 2.0]]
    """

    name: str = setting(_NAME)
    start: float = setting(number(-LARGEST), 1.0)

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """A part for each place along the last axis."""
        return (ParameterSpec("part", input_shape[-1:], Filled(self.start)),)

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """As it came."""
        return input_shape

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """``x + a (f(x) - x)``."""
        return x + parameters["part"] * (ACTIVATIONS[self.name].function(x) - x)
