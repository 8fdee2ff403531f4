"""The same numbers in another shape."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from quickprop.errors import ShapeError
from quickprop.foundation.settings import integer, sequence_of, setting
from quickprop.graph import Tensor
from quickprop.graph.tensor import reshape
from quickprop.nn.layers.layer import LAYERS, Context, ParameterSpec, RowShape, UnaryLayer


@LAYERS.register()
@dataclass(frozen=True)
class Flatten(UnaryLayer):
    """Rows of any shape as vectors, the last axis running fastest.

    Examples
    --------
    >>> from quickprop import Flatten, Network
    >>> Network([Flatten()], features=(2, 2, 3)).layers[0].output_shape
    (12,)
    """

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """One axis."""
        return (math.prod(input_shape),)

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """The numbers in the same order."""
        return reshape(x, (x.shape[0], math.prod(dim or 1 for dim in x.shape[1:])))


@LAYERS.register()
@dataclass(frozen=True)
class Reshape(UnaryLayer):
    """Rows in another shape, the last axis running fastest.

    Parameters
    ----------
    shape : tuple of int
        Of a row, such as ``(28, 28, 1)``.

    Examples
    --------
    >>> from quickprop import Network, Reshape
    >>> Network([Reshape((3, 4))], features=12).layers[0].output_shape
    (3, 4)
    """

    shape: tuple[int, ...] = setting(sequence_of(integer(1)))

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """As asked for."""
        if math.prod(input_shape) != math.prod(self.shape):
            raise ShapeError(
                "the number of elements changes",
                allowed=f"shapes of {math.prod(input_shape)} numbers, as {input_shape} has",
                given=str(self.shape),
            )
        return self.shape

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """The numbers in the same order."""
        return reshape(x, (x.shape[0], *self.shape))
