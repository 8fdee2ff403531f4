"""A learned factor for every input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quickprop.foundation.settings import LARGEST, number, setting
from quickprop.graph import Tensor
from quickprop.nn.initializers import Filled
from quickprop.nn.layers.layer import LAYERS, Context, ParameterSpec, RowShape, UnaryLayer


@LAYERS.register()
@dataclass(frozen=True)
class Scale(UnaryLayer):
    """``y = x * weight``, a factor for each place along the last axis.

    In front of a network it learns how much each column counts, and can all but leave one out
    (Holzmüller, Grinsztajn and Steinwart 2024).

    Parameters
    ----------
    start : float
        The factors before training.

    Examples
    --------
    >>> from quickprop import Network, Scale
    >>> Network([Scale()], features=2).predict([[-4.0, 2.0]]).tolist()
    [[-4.0, 2.0]]
    """

    start: float = setting(number(-LARGEST), 1.0)

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """A factor for each place along the last axis."""
        return (ParameterSpec("weight", input_shape[-1:], Filled(self.start)),)

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """As it came."""
        return input_shape

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """The product, number by number."""
        return x * parameters["weight"]
