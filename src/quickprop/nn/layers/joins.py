"""Several parts of a network made one."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quickprop.errors import ShapeError
from quickprop.graph import Tensor
from quickprop.nn.layers.layer import LAYERS, Context, Layer, ParameterSpec, RowShape
from quickprop.ops.elementary import concat


def _one_shape(shapes: Sequence[RowShape], where: str) -> RowShape:
    if any(shape != shapes[0] for shape in shapes):
        raise ShapeError(
            f"{where} needs rows of one shape",
            allowed=str(shapes[0]),
            given=", ".join(map(str, shapes)),
            hint="bring them to one width with a Dense first",
        )
    return shapes[0]


@LAYERS.register()
@dataclass(frozen=True)
class Add(Layer):
    """The sum, number by number: ``Add()(x, y)``, as skip connections need (He et al. 2015).

    Examples
    --------
    >>> from quickprop import Activation, Add, Input, Network
    >>> x = Input(2)
    >>> Network(Add()(x, Activation("relu")(x))).predict([[-1.0, 2.0]]).tolist()
    [[-1.0, 4.0]]
    """

    def parameter_specs(self, shapes: Sequence[RowShape]) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def result_shape(self, shapes: Sequence[RowShape]) -> RowShape:
        """That of each."""
        return _one_shape(shapes, "Add")

    def apply(
        self, sources: Sequence[Tensor], parameters: Mapping[str, Tensor], context: Context
    ) -> Tensor:
        """The sum."""
        return functools.reduce(operator.add, sources)


@LAYERS.register()
@dataclass(frozen=True)
class Multiply(Layer):
    """The product, number by number: ``Multiply()(x, gate)``.

    Examples
    --------
    >>> from quickprop import Activation, Input, Multiply, Network
    >>> x = Input(2)
    >>> Network(Multiply()(x, Activation("relu")(x))).predict([[1.0, 2.0]]).tolist()
    [[1.0, 4.0]]
    """

    def parameter_specs(self, shapes: Sequence[RowShape]) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def result_shape(self, shapes: Sequence[RowShape]) -> RowShape:
        """That of each."""
        return _one_shape(shapes, "Multiply")

    def apply(
        self, sources: Sequence[Tensor], parameters: Mapping[str, Tensor], context: Context
    ) -> Tensor:
        """The product."""
        return functools.reduce(operator.mul, sources)


@LAYERS.register()
@dataclass(frozen=True)
class Concatenate(Layer):
    """Side by side along the last axis: ``Concatenate()(x, y)``.

    Examples
    --------
    >>> from quickprop import Activation, Concatenate, Input, Network
    >>> x = Input(2)
    >>> Network(Concatenate()(x, Activation("relu")(x))).predict([[-1.0, 2.0]]).tolist()
    [[-1.0, 2.0, 0.0, 2.0]]
    """

    def parameter_specs(self, shapes: Sequence[RowShape]) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def result_shape(self, shapes: Sequence[RowShape]) -> RowShape:
        """The last lengths added up; all others must agree."""
        _one_shape([shape[:-1] for shape in shapes], "Concatenate, but for the last axis,")
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))

    def apply(
        self, sources: Sequence[Tensor], parameters: Mapping[str, Tensor], context: Context
    ) -> Tensor:
        """One after the other."""
        return concat(sources)
