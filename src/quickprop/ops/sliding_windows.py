"""Convolution and pooling: what slides over the middle axes of [rows, lengths..., channels]."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import SupportsIndex

from quickprop.errors import ShapeError
from quickprop.graph import Op, Tensor, as_tensors, make, matmul, show_shape
from quickprop.graph.given import whole_numbers
from quickprop.graph.tensor import reshape
from quickprop.graph.windows import Windows
from quickprop.ops.arrays import takes_array, takes_arrays
from quickprop.ops.elementary import concat, max, mean

Lengths = int | Sequence[int]
Padding = str | Lengths


def windows_over(
    lengths: Sequence[int], size: Lengths, stride: Lengths, padding: Padding, dilation: Lengths
) -> Windows:
    """Windows for axes of these lengths.

    Parameters
    ----------
    size, stride, dilation : int or sequence of int
        One number for all axes, or one each.
    padding : {"valid", "same"}, int or sequence of int
        What may lie beyond the ends: nothing; as much as gives ``ceil(length / stride)`` windows,
        the odd one behind; or so many on both sides.
    """
    axes = len(lengths)
    sizes, strides, dilations = (each(value, axes) for value in (size, stride, dilation))
    if padding == "same":
        missing = [
            builtins.max(0, (-(-n // s) - 1) * s + (k - 1) * d + 1 - n)
            for n, k, s, d in zip(lengths, sizes, strides, dilations, strict=True)
        ]
        before = tuple(m // 2 for m in missing)
        after = tuple(m - b for m, b in zip(missing, before, strict=True))
    else:
        before = after = _put_round(padding, axes)
    return Windows(sizes, strides, dilations, before, after)


def _put_round(padding: Padding, axes: int) -> tuple[int, ...]:
    if not isinstance(padding, str):
        return each(padding, axes, 0)
    if padding != "valid":
        raise ShapeError(
            "unknown padding", allowed="valid, same, or whole numbers", given=padding[:80]
        )
    return (0,) * axes


def pooling_windows(
    lengths: Sequence[int],
    size: Lengths,
    stride: Lengths | None,
    padding: Padding,
    dilation: Lengths,
) -> Windows:
    """As `windows_over`; without a stride windows stand side by side.

    Raises
    ------
    ShapeError
        A window would see nothing but what lies beyond the ends: nothing is the largest there.
    """
    step = size if stride is None else stride
    windows = windows_over(lengths, size, step, padding, dilation)
    counts = windows.counts(tuple(lengths))
    for axis, (length, count) in enumerate(zip(lengths, counts, strict=True)):
        seen = 0
        for low, high in sorted(
            windows.inside(axis, place, length, count) for place in range(windows.size[axis])
        ):
            seen = high if low <= seen < high else seen
        if seen < count:
            raise ShapeError(
                "a window of a pooling sees nothing but what lies beyond the ends",
                given=f"size {size}, padding {padding!r}, on {length} places",
                hint="less padding",
            )
    return windows


def each(value: Lengths, axes: int, least: int = 1) -> tuple[int, ...]:
    """One whole number for each axis, `least` or more."""
    one = isinstance(value, SupportsIndex)
    numbers = whole_numbers((value,) * axes if one else value, "windows")
    if len(numbers) != axes:
        raise ShapeError("not a number for each axis", allowed=f"{axes}", given=str(numbers))
    if axes and builtins.min(numbers) < least:
        raise ShapeError("too small for windows", allowed=f"{least} or more", given=str(numbers))
    return numbers


def _lengths(x: Tensor) -> tuple[int, ...]:
    as_tensors([x], "windows")
    if x.rank < 3:
        raise ShapeError(
            "windows need an axis between rows and channels",
            where=repr(x),
            allowed="[rows, lengths..., channels]",
            given=show_shape(x.shape),
        )
    return tuple(dim or 0 for dim in x.shape[1:-1])


@takes_arrays("x", "kernel")
def convolve(
    x: Tensor,
    kernel: Tensor,
    stride: Lengths = 1,
    padding: Padding = "valid",
    dilation: Lengths = 1,
    groups: int = 1,
) -> Tensor:
    """Slide a kernel over the middle axes; as in all of this field, it is not mirrored.

    Parameters
    ----------
    x : Tensor
        [rows, lengths..., channels].
    kernel : Tensor
        [sizes..., channels / groups, filters].
    stride, padding, dilation
        As `windows_over` takes them.
    groups : int
        Channels and filters are cut into so many parts which do not see each other.

    Returns
    -------
    Tensor
        [rows, counts..., filters].

    Examples
    --------
    >>> from quickprop import convolve
    >>> convolve([[[1.0], [2.0], [6.0], [5.0]]], [[[1.0]], [[-1.0]]]).ravel().tolist()
    [-1.0, -4.0, 1.0]
    """
    as_tensors((x, kernel), "convolve")
    lengths, (groups,) = _lengths(x), each(groups, 1)
    sizes = tuple(dim or 0 for dim in kernel.shape[:-2])
    depth, filters = (dim or 0 for dim in (1, 1, *kernel.shape)[-2:])
    if x.rank != kernel.rank or x.shape[-1] != depth * groups or filters % groups:
        raise ShapeError(
            "the kernel does not fit what it slides over",
            where="convolve",
            allowed="[rows, lengths..., channels] and [sizes..., channels / groups, filters]",
            given=f"{show_shape(x.shape)} and {show_shape(kernel.shape)}, {groups} groups",
        )
    windows = windows_over(lengths, sizes, stride, padding, dilation)
    places, share = math.prod(sizes), filters // groups
    rest = (slice(None),) * (x.rank - 1)
    parts = []
    for group in range(groups):
        some, own = x, kernel
        if groups > 1:
            some = x[(*rest, slice(group * depth, (group + 1) * depth))]
            own = kernel[(*rest, slice(group * share, (group + 1) * share))]
        seen = make(Op.PATCHES, some, windows=windows, joined=True, fill=0.0)
        parts.append(matmul(seen, reshape(own, (places * depth, share))))
    return concat(parts)


def _patches(
    x: Tensor,
    size: Lengths,
    stride: Lengths | None,
    padding: Padding,
    dilation: Lengths,
    fill: float,
) -> Tensor:
    windows = pooling_windows(_lengths(x), size, stride, padding, dilation)
    return make(Op.PATCHES, x, windows=windows, joined=False, fill=fill)


@takes_array
def max_pool(
    x: Tensor,
    size: Lengths,
    stride: Lengths | None = None,
    padding: Padding = "valid",
    dilation: Lengths = 1,
) -> Tensor:
    """The largest number of every window, channel by channel; ties share the derivative.

    Parameters are as `windows_over` takes them; without a stride windows stand side by side.

    Examples
    --------
    >>> from quickprop import max_pool
    >>> max_pool([[[1.0], [2.0], [6.0], [5.0]]], 2).ravel().tolist()
    [2.0, 6.0]
    """
    return max(_patches(x, size, stride, padding, dilation, -math.inf), -2)


@takes_array
def average_pool(
    x: Tensor, size: Lengths, stride: Lengths | None = None, padding: Padding = "valid"
) -> Tensor:
    """The mean of every window, channel by channel; what lies beyond the ends counts as zero.

    Parameters are as `windows_over` takes them; without a stride windows stand side by side.

    Examples
    --------
    >>> from quickprop import average_pool
    >>> average_pool([[[1.0], [2.0], [6.0], [5.0]]], 2).ravel().tolist()
    [1.5, 5.5]
    """
    return mean(_patches(x, size, stride, padding, 1, 0.0), -2)
