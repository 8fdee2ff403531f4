"""Kernels for windows that slide over the middle axes: patches copied out, patches added back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np

from quickprop.graph import Shape, Tensor
from quickprop.graph.windows import Windows
from quickprop.native.copying import add_line, copy_line, fill_line
from quickprop.native.elementwise import ELEMENT
from quickprop.native.ir import FunctionWriter, Value, int64
from quickprop.native.kernel import KernelWriter
from quickprop.native.layout import Layout, layout_of


@dataclass(frozen=True)
class _Sides:
    """The two sides of a move: the tensor that is looked at, and its patches.

    Parameters
    ----------
    windows : Windows
    image, patches : Tensor
    joined : bool
        Whether a patch is one line.
    """

    windows: Windows
    image: Tensor
    patches: Tensor
    joined: bool

    @property
    def lengths(self) -> tuple[int, ...]:
        """Of the middle axes."""
        return tuple(dim or 0 for dim in self.image.shape[1:-1])

    @property
    def counts(self) -> tuple[int, ...]:
        """Windows along each."""
        return self.windows.counts(self.lengths)

    @property
    def channels(self) -> int:
        """Numbers at a place."""
        return self.image.shape[-1] or 0

    @property
    def pixel(self) -> Layout:
        """Of the image."""
        return layout_of(self.image.shape, self.image.dtype)

    @property
    def line(self) -> Layout:
        """Of the patches."""
        return layout_of(self.patches.shape, self.patches.dtype)

    @property
    def place_step(self) -> int:
        """Numbers from a place of a patch to the next."""
        return self.channels if self.joined else self.line.stride

    @property
    def window_step(self) -> int:
        """Numbers from a patch to the next."""
        places = 1 if self.joined else math.prod(self.windows.size)
        return self.line.stride * places


def _row_count(kernel: KernelWriter, shape: Shape) -> Value:
    return kernel.rows() if shape[0] is None else int64(shape[0])


def _row_size(layout: Layout, shape: Shape) -> int:
    return layout.size if layout.rows else layout.size // (shape[0] or 1)


@contextmanager
def _loops(w: FunctionWriter, ranges: Sequence[tuple[int, int]]) -> Iterator[list[Value]]:
    """A loop for each range, one within the other."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(w.loop(int64(low), int64(high), int64(1))) for low, high in ranges
        ]


def _flat(w: FunctionWriter, indices: Sequence[Value], lengths: Sequence[int]) -> Value:
    """The place in row-major order."""
    total = indices[0]
    for index, length in zip(indices[1:], lengths[1:], strict=True):
        total = w.add(w.mul(total, int64(length)), index)
    return total


def write_patches(kernel: KernelWriter, node: Tensor) -> None:
    """Copy what every window looks at."""
    w, machine = kernel.writer, kernel.machine
    sides = _Sides(node.attribute("windows"), node.inputs[0], node, node.attribute("joined"))
    windows, lengths, counts = sides.windows, sides.lengths, sides.counts
    element, dtype = ELEMENT[node.dtype], node.dtype
    source, target = kernel.pointer(sides.image), kernel.pointer(node)
    whole = [
        _whole_windows(windows, axis, length, count)
        for axis, (length, count) in enumerate(zip(lengths, counts, strict=True))
    ]
    with w.loop(int64(0), _row_count(kernel, node.shape), int64(1)) as row:
        image = w.offset(
            source, w.mul(row, int64(_row_size(sides.pixel, sides.image.shape))), element
        )
        block = w.offset(target, w.mul(row, int64(_row_size(sides.line, node.shape))), element)
        with _loops(w, [(0, count) for count in counts]) as at:
            place = w.mul(_flat(w, at, counts), int64(sides.window_step))
            patch = w.offset(block, place, element)
            first = [
                w.sub(w.mul(index, int64(windows.stride[axis])), int64(windows.before[axis]))
                for axis, index in enumerate(at)
            ]
            inside = _all_between(w, at, whole, counts)
            if inside is None:
                _copy_whole(kernel, sides, image, patch, first)
            else:
                with w.when(inside):
                    _copy_whole(kernel, sides, image, patch, first)
                outside = w.binary("xor", inside, Value("true", "i1"))
                with w.when(outside):
                    _copy_checked(kernel, sides, image, patch, first, node.attribute("fill"))
            if sides.joined and sides.line.width < sides.line.stride:
                tail = w.offset(patch, int64(sides.line.width), element)
                fill_line(w, machine, tail, dtype, sides.line.stride - sides.line.width, 0)


def _whole_windows(windows: Windows, axis: int, length: int, count: int) -> tuple[int, int]:
    """The windows, from and up to, that lie on the axis with all their places."""
    first = windows.inside(axis, 0, length, count)
    last = windows.inside(axis, windows.size[axis] - 1, length, count)
    return max(first[0], last[0]), min(first[1], last[1])


def _all_between(
    w: FunctionWriter,
    at: Sequence[Value],
    ranges: Sequence[tuple[int, int]],
    counts: Sequence[int],
) -> Value | None:
    """Whether every index lies in its range; None when it always does."""
    found: Value | None = None
    for index, (low, high), count in zip(at, ranges, counts, strict=True):
        tests = []
        if low > 0:
            tests.append(w.compare("icmp sge", index, int64(low)))
        if high < count:
            tests.append(w.compare("icmp slt", index, int64(high)))
        for test in tests:
            found = test if found is None else w.binary("and", found, test)
    return found


def _copy_whole(
    kernel: KernelWriter, sides: _Sides, image: Value, patch: Value, first: Sequence[Value]
) -> None:
    """A patch of which no place lies beyond the ends."""
    w, dtype, windows = kernel.writer, sides.image.dtype, sides.windows
    element, stride = ELEMENT[dtype], sides.pixel.stride
    size = windows.size
    # Neighbours on the last axis that follow each other in memory on both sides are one run.
    run = sides.joined and stride == sides.channels and windows.dilation[-1] == 1
    ranges = [(0, n) for n in (*size[:-1], 1 if run else size[-1])]
    with _loops(w, ranges) as place:
        position = [
            w.add(start, w.mul(index, int64(step)))
            for start, index, step in zip(first, place, windows.dilation, strict=True)
        ]
        origin = w.mul(_flat(w, position, sides.lengths), int64(stride))
        goal = w.mul(_flat(w, place, size), int64(sides.place_step))
        count = sides.channels * (size[-1] if run else 1)
        start, end = w.offset(image, origin, element), w.offset(patch, goal, element)
        copy_line(w, kernel.machine, start, end, dtype, count)
        _clear_tail(kernel, sides, end)


def _copy_checked(
    kernel: KernelWriter,
    sides: _Sides,
    image: Value,
    patch: Value,
    first: Sequence[Value],
    fill: float,
) -> None:
    """A patch near an end: each place is looked at."""
    w, machine, dtype = kernel.writer, kernel.machine, sides.image.dtype
    element, windows = ELEMENT[dtype], sides.windows
    with _loops(w, [(0, n) for n in windows.size]) as place:
        goal = w.mul(_flat(w, place, windows.size), int64(sides.place_step))
        end = w.offset(patch, goal, element)
        position, inside = [], Value("true", "i1")
        for axis, (start, index) in enumerate(zip(first, place, strict=True)):
            here = w.add(start, w.mul(index, int64(windows.dilation[axis])))
            # Below zero is very large when taken without a sign.
            fits = w.compare("icmp ult", here, int64(sides.lengths[axis]))
            inside = w.binary("and", inside, fits)
            position.append(here)
        with w.when(inside):
            origin = w.mul(_flat(w, position, sides.lengths), int64(sides.pixel.stride))
            start = w.offset(image, origin, element)
            copy_line(w, machine, start, end, dtype, sides.channels)
        with w.when(w.binary("xor", inside, Value("true", "i1"))):
            fill_line(w, machine, end, dtype, sides.channels, fill)
        _clear_tail(kernel, sides, end)


def _clear_tail(kernel: KernelWriter, sides: _Sides, line: Value) -> None:
    """Zero the padding of a place that is a line of its own."""
    missing = sides.line.stride - sides.channels
    if sides.joined or not missing:
        return
    w, dtype = kernel.writer, sides.image.dtype
    tail = w.offset(line, int64(sides.channels), ELEMENT[dtype])
    fill_line(w, kernel.machine, tail, dtype, missing, 0)


def write_patches_add(kernel: KernelWriter, node: Tensor) -> None:
    """Add every patch to where it came from: row by row, place of the window by place."""
    w, machine, dtype = kernel.writer, kernel.machine, node.dtype
    sides = _Sides(node.attribute("windows"), node, node.inputs[0], node.attribute("joined"))
    windows, lengths, counts = sides.windows, sides.lengths, sides.counts
    element = ELEMENT[dtype]
    source, target = kernel.pointer(sides.patches), kernel.pointer(node)
    row_size = _row_size(sides.pixel, node.shape)
    with w.loop(int64(0), _row_count(kernel, node.shape), int64(1)) as row:
        image = w.offset(target, w.mul(row, int64(row_size)), element)
        step = _row_size(sides.line, sides.patches.shape)
        block = w.offset(source, w.mul(row, int64(step)), element)
        fill_line(w, machine, image, dtype, row_size, 0)
        for number, place in enumerate(np.ndindex(*windows.size)):
            ranges = [
                windows.inside(axis, place[axis], length, count)
                for axis, (length, count) in enumerate(zip(lengths, counts, strict=True))
            ]
            if any(low >= high for low, high in ranges):
                continue
            with _loops(w, ranges) as at:
                position = [
                    w.add(w.mul(index, int64(windows.stride[axis])), int64(windows.at(axis, 0, k)))
                    for axis, (index, k) in enumerate(zip(at, place, strict=True))
                ]
                goal = w.mul(_flat(w, position, lengths), int64(sides.pixel.stride))
                origin = w.add(
                    w.mul(_flat(w, at, counts), int64(sides.window_step)),
                    int64(number * sides.place_step),
                )
                start, end = w.offset(block, origin, element), w.offset(image, goal, element)
                add_line(w, machine, start, end, dtype, sides.channels)
