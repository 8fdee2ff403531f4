"""Noise added in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quickprop.errors import GraphError
from quickprop.foundation.settings import number, setting
from quickprop.graph import Tensor, variable
from quickprop.nn.layers.layer import LAYERS, Context, ParameterSpec, RowShape, UnaryLayer
from quickprop.ops.normal_numbers import normal


@LAYERS.register()
@dataclass(frozen=True)
class GaussianNoise(UnaryLayer):
    """In training each number gets a normal random number of that standard deviation added.

    Outside training it is the identity. On the inputs of a network a little noise acts as a
    penalty on steep functions (Bishop 1995).

    Examples
    --------
    >>> from quickprop import GaussianNoise, Network
    >>> Network([GaussianNoise(0.1)], features=2).predict([[1.0, 2.0]]).tolist()  # only in training
    [[1.0, 2.0]]
    """

    deviation: float = setting(number(0.0), 0.1)

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """As it came."""
        return input_shape

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """X + deviation n, with n normal and new at every step."""
        if not context.training or self.deviation == 0.0:
            return x
        if context.seed is None or context.step is None:
            raise GraphError("noise in training needs the seed and the step", where=context.name)
        # A variable and not a constant: another deviation then runs the same compiled code.
        deviation = variable(self.deviation, x.dtype, f"{context.name}.deviation")
        return x + normal(x.shape, context.name, context.seed, context.step, x.dtype) * deviation
