"""A function applied to every number, or (softmax, log_softmax) to every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quickprop.errors import GraphError
from quickprop.foundation.settings import choice, setting
from quickprop.graph import Tensor
from quickprop.nn.activations import ACTIVATIONS
from quickprop.nn.layers.layer import LAYERS, Context, ParameterSpec, RowShape, UnaryLayer


@LAYERS.register()
@dataclass(frozen=True)
class Activation(UnaryLayer):
    """A function by name.

    Parameters
    ----------
    name : str
        Of each number: identity, step, sigmoid, hard_sigmoid, tanh, relu, relu6, leaky_relu, elu,
        selu, celu, gelu, gelu_tanh, silu (also called swish), hard_swish, mish, softplus, softsign,
        exponential, sine. Of the whole vector, along the last axis: softmax, log_softmax. The step
        can be computed but not trained through: its gradient is zero everywhere.

    Examples
    --------
    >>> from quickprop import Activation, Network
    >>> Network([Activation("relu")], features=3).predict([[-1.0, 0.0, 2.0]]).tolist()
    [[0.0, 0.0, 2.0]]
    """

    name: str = setting(choice(ACTIVATIONS))

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """As it came."""
        return input_shape

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """The function of that name."""
        activation = ACTIVATIONS[self.name]
        if context.training and not activation.trainable:
            raise GraphError(
                f"gradient descent cannot train through {self.name!r}: "
                "its gradient is zero everywhere, so no weight before it would ever change",
                where=context.name,
                hint="use 'sigmoid', its smooth form, or the Perceptron's learning rule",
            )
        return activation.function(x)
