"""The bias as a neuron: one more input that is always 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quickprop.graph import Tensor, broadcast_to, constant
from quickprop.nn.layers.layer import LAYERS, Context, ParameterSpec, RowShape, UnaryLayer, vector
from quickprop.ops.elementary import concat


@LAYERS.register()
@dataclass(frozen=True)
class ConstantNeuron(UnaryLayer):
    """Puts one neuron with ``h(a) = 1`` behind the others, whatever comes in.

    The weights of its synapses are then the biases of the next layer: ``[ConstantNeuron(),
    Dense(3, bias=False)]`` is the same function as ``[Dense(3)]``, the last row of its weight in
    the place of the bias. What differs is how it is seen and treated: as a weight it starts at a
    random value, and an L2 penalty counts it.

    Examples
    --------
    >>> from quickprop import ConstantNeuron, Network
    >>> Network([ConstantNeuron()], features=2).predict([[3.0, 4.0]]).tolist()
    [[3.0, 4.0, 1.0]]
    """

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """One number more."""
        return (vector(input_shape, "ConstantNeuron") + 1,)

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """The row as it came, and a 1 behind it."""
        return concat([x, broadcast_to(constant(1.0, x.dtype), (x.shape[0], 1))])
