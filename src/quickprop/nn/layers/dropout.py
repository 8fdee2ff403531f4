"""Dropout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quickprop.errors import GraphError
from quickprop.foundation.settings import number, setting
from quickprop.graph import Tensor, variable
from quickprop.nn.layers.layer import LAYERS, Context, ParameterSpec, RowShape, UnaryLayer
from quickprop.ops.elementary import uniform, where


@LAYERS.register()
@dataclass(frozen=True)
class Dropout(UnaryLayer):
    """In training each number is dropped with probability `rate` and the others grow to match.

    Outside training it is the identity (Srivastava et al. 2014, in its inverted form).

    Examples
    --------
    >>> from quickprop import Dropout, Network
    >>> Network([Dropout(0.5)], features=2).predict([[1.0, 2.0]]).tolist()  # nothing is dropped
    [[1.0, 2.0]]
    """

    rate: float = setting(number(0.0, 1.0, high_open=True), 0.5)

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """As it came."""
        return input_shape

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """x / (1 - rate) where u >= rate, else 0, with u uniform and new at every step."""
        return dropped(x, self.rate, context)


def dropped(x: Tensor, rate: float, context: Context) -> Tensor:
    """In training x / (1 - rate), or 0 with that rate; else x itself."""
    if not context.training or rate == 0.0:
        return x
    if context.seed is None or context.step is None:
        raise GraphError("dropout in training needs the seed and the step", where=context.name)
    # Variables and not constants: another rate then runs the same compiled code.
    level = variable(rate, x.dtype, f"{context.name}.rate")
    growth = variable(1.0 / (1.0 - rate), x.dtype, f"{context.name}.growth")
    u = uniform(x.shape, context.name, context.seed, context.step, x.dtype)
    return where(u < level, 0.0, x * growth)
