"""Pooling over all places at once, or over those that a mask says are real."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quickprop.errors import ShapeError
from quickprop.graph import Tensor, constant
from quickprop.graph.tensor import reshape
from quickprop.nn.layers.layer import LAYERS, Context, Layer, ParameterSpec, RowShape
from quickprop.nn.layers.masks import check_mask, split_mask
from quickprop.ops.elementary import equal, max, maximum, mean, sum, where


def _ones(mask: Tensor, like: Tensor) -> Tensor:
    """1 where a mask is not 0, else 0."""
    return where(mask, constant(1.0, like.dtype), 0.0)


class _OverAll(ABC):
    """What poolings over all places share: a source, and perhaps a mask of its places."""

    def parameter_specs(self, shapes: Sequence[RowShape]) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def result_shape(self, shapes: Sequence[RowShape]) -> RowShape:
        """A number for each channel."""
        name = type(self).__name__
        shape, mask = split_mask(shapes, name)
        if len(shape) < 2:
            raise ShapeError(
                f"{name} needs other rows",
                allowed="(lengths..., channels)",
                given=str(shape),
                hint="leave it out: a vector has no places",
            )
        check_mask(mask, shape[:-1], name)
        return (shape[-1],)

    def apply(
        self, sources: Sequence[Tensor], parameters: Mapping[str, Tensor], context: Context
    ) -> Tensor:
        """Over all axes between rows and channels."""
        x, mask = split_mask(sources, type(self).__name__)
        axes = tuple(range(1, x.rank - 1))
        if mask is None:
            return self.pool(x, axes)
        return self.pool_real(x, reshape(mask, (*mask.shape, 1)), axes)

    @abstractmethod
    def pool(self, x: Tensor, axes: tuple[int, ...]) -> Tensor:
        """Over all places."""

    @abstractmethod
    def pool_real(self, x: Tensor, mask: Tensor, axes: tuple[int, ...]) -> Tensor:
        """Over the places where the mask (rows, lengths..., 1) is not 0; 0 where none is."""


@LAYERS.register()
@dataclass(frozen=True)
class GlobalMaxPool(_OverAll, Layer):
    """The largest number of every channel, over all places: rows (channels,).

    ``GlobalMaxPool()(x, mask)`` looks at the places alone where the mask, rows (lengths...,), is
    not 0; where none is it gives 0.

    Examples
    --------
    >>> from quickprop import GlobalMaxPool, Network
    >>> Network([GlobalMaxPool()], features=(3, 1)).predict([[[1.0], [2.0], [6.0]]]).tolist()
    [[6.0]]
    """

    def pool(self, x: Tensor, axes: tuple[int, ...]) -> Tensor:
        """The largest."""
        return max(x, axes)

    def pool_real(self, x: Tensor, mask: Tensor, axes: tuple[int, ...]) -> Tensor:
        """The largest of those that are real."""
        largest = max(where(mask, x, float("-inf")), axes)
        return where(max(_ones(mask, x), axes), largest, 0.0)


@LAYERS.register()
@dataclass(frozen=True)
class GlobalAveragePool(_OverAll, Layer):
    """The mean of every channel over all places: rows (channels,) (Lin, Chen and Yan 2013).

    ``GlobalAveragePool()(x, mask)`` takes it over the places alone where the mask, rows
    (lengths...,), is not 0; where none is it gives 0.

    Examples
    --------
    >>> from quickprop import GlobalAveragePool, Network
    >>> Network([GlobalAveragePool()], features=(3, 1)).predict([[[1.0], [2.0], [6.0]]]).tolist()
    [[3.0]]
    """

    def pool(self, x: Tensor, axes: tuple[int, ...]) -> Tensor:
        """The mean."""
        return mean(x, axes)

    def pool_real(self, x: Tensor, mask: Tensor, axes: tuple[int, ...]) -> Tensor:
        """The sum of those that are real, by how many there are."""
        count = sum(_ones(mask, x), axes)
        return sum(where(mask, x, 0.0), axes) / maximum(count, 1.0)


@LAYERS.register()
@dataclass(frozen=True)
class LastStep(Layer):
    """The last step of a sequence: rows (steps, features) become (features,).

    ``LastStep()(x, mask)`` gives the last one where the mask, rows (steps,), is not 0; where none
    is it gives 0.

    Examples
    --------
    >>> from quickprop import LastStep, Network
    >>> Network([LastStep()], features=(3, 1)).predict([[[1.0], [2.0], [6.0]]]).tolist()
    [[6.0]]
    """

    def parameter_specs(self, shapes: Sequence[RowShape]) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def result_shape(self, shapes: Sequence[RowShape]) -> RowShape:
        """A number for each feature."""
        shape, mask = split_mask(shapes, "LastStep")
        if len(shape) != 2:
            raise ShapeError(
                "LastStep needs other rows", allowed="(steps, features)", given=str(shape)
            )
        check_mask(mask, shape[:1], "LastStep")
        return (shape[1],)

    def apply(
        self, sources: Sequence[Tensor], parameters: Mapping[str, Tensor], context: Context
    ) -> Tensor:
        """A product with a row that is 1 at the last step and 0 at the others."""
        x, mask = split_mask(sources, "LastStep")
        if mask is None:
            return x[:, -1]
        numbered = constant(np.arange(1, (x.shape[1] or 1) + 1)[None], x.dtype)
        place = where(mask, numbered, 0.0)
        last = where(place > 0.0, equal(place, max(place, -1, keepdims=True)), 0.0)
        picked = reshape(last, (x.shape[0], 1, x.shape[1])) @ x
        return reshape(picked, (x.shape[0], x.shape[2]))
