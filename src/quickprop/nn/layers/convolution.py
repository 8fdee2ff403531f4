"""Convolution over one or two axes."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from quickprop.errors import ShapeError
from quickprop.foundation.settings import boolean, component, integer, optional, setting
from quickprop.graph import Tensor
from quickprop.nn.initializers import INITIALIZERS, Initializer, Zeros
from quickprop.nn.layers.activated import ACTIVATION, ActivatedLayer
from quickprop.nn.layers.layer import LAYERS, Context, ParameterSpec, RowShape
from quickprop.nn.layers.windows import image_lengths, padding, per_axis
from quickprop.ops.sliding_windows import Lengths, Padding, convolve, each, windows_over

_INITIALIZER = optional(component(INITIALIZERS, Initializer))


class _Convolving(ABC):
    """The function that convolutions over any number of axes share."""

    axes: ClassVar[int]
    filters: int
    size: Lengths
    stride: Lengths
    padding: Padding
    dilation: Lengths
    groups: int
    bias: bool
    initializer: Initializer | None

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """A kernel (sizes..., channels / groups, filters) and, unless off, a bias (filters,)."""
        image_lengths(input_shape, self.axes, type(self).__name__)
        channels = input_shape[-1]
        if channels % self.groups or self.filters % self.groups:
            raise ShapeError(
                "the groups do not divide channels and filters",
                allowed=f"divisors of {channels} and {self.filters}",
                given=self.groups,
            )
        shape = (*each(self.size, self.axes), channels // self.groups, self.filters)
        weight = ParameterSpec("weight", shape, self.initializer)
        if not self.bias:
            return (weight,)
        return weight, ParameterSpec("bias", (self.filters,), Zeros(), penalised=False)

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """A number for each place of a window and each filter."""
        lengths = image_lengths(input_shape, self.axes, type(self).__name__)
        windows = windows_over(lengths, self.size, self.stride, self.padding, self.dilation)
        return (*windows_that_fit(windows.counts(lengths), lengths), self.filters)

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """The kernel slid over the rows, and the bias added."""
        y = convolve(x, parameters["weight"], self.stride, self.padding, self.dilation, self.groups)
        return y + parameters["bias"] if self.bias else y


def windows_that_fit(counts: RowShape, lengths: RowShape) -> RowShape:
    """The counts of windows, if there are any on each axis."""
    if min(counts) < 1:
        raise ShapeError(
            "a window is longer than what it slides over",
            given=f"lengths {lengths}",
            hint='a smaller size, or padding="same"',
        )
    return counts


@LAYERS.register()
@dataclass(frozen=True)
class Conv1D(_Convolving, ActivatedLayer):
    """A kernel slid along rows (length, channels), such as signals (LeCun et al. 1998).

    ``y[t, f] = bias[f] + sum over k, c of x[t stride + k dilation, c] weight[k, c, f]``.

    Parameters
    ----------
    filters : int
        Number of outputs at each place.
    size : int
        Length of the kernel.
    stride, dilation : int
        From a place to the next, and from a tap of the kernel to the next.
    padding : {"valid", "same"} or int
        "same" keeps the length when the stride is 1; a number is put on both sides.
    groups : int
        Channels and filters are cut into so many parts which do not see each other.
    bias : bool
    initializer : Initializer, optional
        By default He before the relu family, else Glorot.
    activation : str, optional
        What follows, in place of an `Activation` of its own.

    Examples
    --------
    >>> from quickprop import Conv1D, Network
    >>> network = Network([Conv1D(8, 5, stride=2)], features=(100, 1))
    >>> network.layers[0].output_shape, network.parameter_count
    ((48, 8), 48)
    """

    axes: ClassVar[int] = 1
    filters: int = setting(integer(1, 2**16))
    size: Lengths = setting(per_axis(1))
    stride: Lengths = setting(per_axis(1), 1)
    padding: Padding = setting(padding(1), "valid")
    dilation: Lengths = setting(per_axis(1), 1)
    groups: int = setting(integer(1, 2**16), 1)
    bias: bool = setting(boolean(), True)
    initializer: Initializer | None = setting(_INITIALIZER, None)
    activation: str | None = setting(ACTIVATION, None, later=True)


@LAYERS.register()
@dataclass(frozen=True)
class Conv2D(_Convolving, ActivatedLayer):
    """A kernel slid over rows (height, width, channels), such as images (LeCun et al. 1998).

    Parameters
    ----------
    filters : int
        Number of outputs at each place.
    size : int or pair of int
        Height and width of the kernel.
    stride, dilation : int or pair of int
        From a place to the next, and from a tap of the kernel to the next.
    padding : {"valid", "same"}, int or pair of int
        "same" keeps the lengths when the stride is 1; a number is put on both sides.
    groups : int
        Channels and filters are cut into so many parts which do not see each other.
    bias : bool
    initializer : Initializer, optional
        By default He before the relu family, else Glorot.
    activation : str, optional
        What follows, in place of an `Activation` of its own.

    Examples
    --------
    >>> from quickprop import Conv2D, Network
    >>> network = Network([Conv2D(8, 3)], features=(28, 28, 1))
    >>> network.layers[0].output_shape, network.parameter_count
    ((26, 26, 8), 80)
    """

    axes: ClassVar[int] = 2
    filters: int = setting(integer(1, 2**16))
    size: Lengths = setting(per_axis(2))
    stride: Lengths = setting(per_axis(2), 1)
    padding: Padding = setting(padding(2), "valid")
    dilation: Lengths = setting(per_axis(2), 1)
    groups: int = setting(integer(1, 2**16), 1)
    bias: bool = setting(boolean(), True)
    initializer: Initializer | None = setting(_INITIALIZER, None)
    activation: str | None = setting(ACTIVATION, None, later=True)
