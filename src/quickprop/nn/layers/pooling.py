"""Pooling: a window becomes its largest number or its mean, channel by channel."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from quickprop.foundation.settings import optional, setting
from quickprop.graph import Tensor
from quickprop.nn.layers.convolution import windows_that_fit
from quickprop.nn.layers.layer import LAYERS, Context, ParameterSpec, RowShape, UnaryLayer
from quickprop.nn.layers.windows import image_lengths, padding, per_axis
from quickprop.ops.sliding_windows import Lengths, Padding, average_pool, max_pool, pooling_windows


class _Pooling(ABC):
    """The function that poolings over any number of axes share."""

    axes: ClassVar[int]
    pool: ClassVar[Callable[..., Tensor]]
    size: Lengths
    stride: Lengths | None
    padding: Padding

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """A number for each window and each channel."""
        lengths = image_lengths(input_shape, self.axes, type(self).__name__)
        windows = pooling_windows(lengths, self.size, self.stride, self.padding, 1)
        return (*windows_that_fit(windows.counts(lengths), lengths), input_shape[-1])

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """The windows of the rows."""
        return type(self).pool(x, self.size, self.stride, self.padding)


@LAYERS.register()
@dataclass(frozen=True)
class MaxPool1D(_Pooling, UnaryLayer):
    """The largest number of every window along rows (length, channels).

    Parameters
    ----------
    size : int
    stride : int, optional
        By default windows stand side by side.
    padding : {"valid", "same"} or int
        Places beyond the ends never are the largest.

    Examples
    --------
    >>> from quickprop import MaxPool1D, Network
    >>> network = Network([MaxPool1D(2)], features=(4, 1))
    >>> network.predict([[[1.0], [2.0], [6.0], [5.0]]]).ravel().tolist()
    [2.0, 6.0]
    """

    axes: ClassVar[int] = 1
    pool: ClassVar[Callable[..., Tensor]] = staticmethod(max_pool)
    size: Lengths = setting(per_axis(1), 2)
    stride: Lengths | None = setting(optional(per_axis(1)), None)
    padding: Padding = setting(padding(1), "valid")


@LAYERS.register()
@dataclass(frozen=True)
class MaxPool2D(_Pooling, UnaryLayer):
    """The largest number of every window over rows (height, width, channels).

    Parameters
    ----------
    size : int or pair of int
    stride : int or pair of int, optional
        By default windows stand side by side.
    padding : {"valid", "same"}, int or pair of int
        Places beyond the ends never are the largest.

    Examples
    --------
    >>> from quickprop import MaxPool2D, Network
    >>> Network([MaxPool2D(2)], features=(28, 28, 8)).layers[0].output_shape
    (14, 14, 8)
    """

    axes: ClassVar[int] = 2
    pool: ClassVar[Callable[..., Tensor]] = staticmethod(max_pool)
    size: Lengths = setting(per_axis(2), 2)
    stride: Lengths | None = setting(optional(per_axis(2)), None)
    padding: Padding = setting(padding(2), "valid")


@LAYERS.register()
@dataclass(frozen=True)
class AveragePool1D(_Pooling, UnaryLayer):
    """The mean of every window along rows (length, channels).

    Parameters
    ----------
    size : int
    stride : int, optional
        By default windows stand side by side.
    padding : {"valid", "same"} or int
        Places beyond the ends count as zero.

    Examples
    --------
    >>> from quickprop import AveragePool1D, Network
    >>> network = Network([AveragePool1D(2)], features=(4, 1))
    >>> network.predict([[[1.0], [2.0], [6.0], [5.0]]]).ravel().tolist()
    [1.5, 5.5]
    """

    axes: ClassVar[int] = 1
    pool: ClassVar[Callable[..., Tensor]] = staticmethod(average_pool)
    size: Lengths = setting(per_axis(1), 2)
    stride: Lengths | None = setting(optional(per_axis(1)), None)
    padding: Padding = setting(padding(1), "valid")


@LAYERS.register()
@dataclass(frozen=True)
class AveragePool2D(_Pooling, UnaryLayer):
    """The mean of every window over rows (height, width, channels).

    Parameters
    ----------
    size : int or pair of int
    stride : int or pair of int, optional
        By default windows stand side by side.
    padding : {"valid", "same"}, int or pair of int
        Places beyond the ends count as zero.

    Examples
    --------
    >>> from quickprop import AveragePool2D, Network
    >>> Network([AveragePool2D(2)], features=(28, 28, 8)).layers[0].output_shape
    (14, 14, 8)
    """

    axes: ClassVar[int] = 2
    pool: ClassVar[Callable[..., Tensor]] = staticmethod(average_pool)
    size: Lengths = setting(per_axis(2), 2)
    stride: Lengths | None = setting(optional(per_axis(2)), None)
    padding: Padding = setting(padding(2), "valid")
