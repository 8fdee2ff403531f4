"""Where the numbers of a tensor lie in memory.

All axes but the last are walked in order as *lines*; the last axis is a line's *width*. A line is
padded to a stride that is a whole number of vectors, whatever the machine: whole cache lines, or a
power of two numbers below one. Padding holds exactly zero at all times, so that kernels need no
remainder loop and reductions over padded lines stay right. Lines of one width have one stride when
their numbers are of one size: 100 numbers of 8 bytes take the room of 104, of 4 bytes that of 112.

A tensor of shape [rows] is `rows` lines of width 1.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

from quickprop.config import DType
from quickprop.graph import ROWS, Shape

#: Buffers start at multiples of this many bytes (a cache line, and the widest vector).
ALIGNMENT = 64
#: Run-time row capacities are multiples of this, so that every row buffer stays aligned.
ROW_QUANTUM = 4
#: Kernels work on blocks of at most so many lines, the last of which may reach beyond the last row.
BLOCK_LINES = 16


def padded(width: int, dtype: DType) -> int:
    """Stride of a line of that width, in numbers."""
    quantum = ALIGNMENT // dtype.itemsize
    if width <= quantum:
        return 1 << (width - 1).bit_length()
    return -(-width // quantum) * quantum


@dataclass(frozen=True)
class Layout:
    """Lines and width of a shape.

    Parameters
    ----------
    rows : bool
        True when the first axis is the rows axis.
    outer : tuple of int
        Lengths of the axes before the last, without the rows axis.
    width, stride : int
        Numbers in a line, and from the start of a line to the start of the next.
    """

    rows: bool
    outer: tuple[int, ...]
    width: int
    stride: int

    @functools.cached_property
    def lines_per_row(self) -> int:
        """Lines for one row (or in all, for a tensor without rows)."""
        return math.prod(self.outer)

    @property
    def size(self) -> int:
        """Numbers for one row, padding included (or in all, for a tensor without rows)."""
        return self.lines_per_row * self.stride


@functools.lru_cache(4096)
def layout_of(shape: Shape, dtype: DType, *, dense: bool = False) -> Layout:
    """The layout of a tensor; `dense` leaves lines unpadded, as NumPy has them."""
    rows = bool(shape) and shape[0] is ROWS
    rest = [dim for dim in shape if dim is not None]
    width = rest[-1] if rest else 1
    return Layout(rows, tuple(rest[:-1]), width, width if dense else padded(width, dtype))


def axis_strides(shape: Shape, layout: Layout) -> tuple[int, ...]:
    """How many numbers apart neighbours along each axis lie; 0 on axes of length 1."""
    strides = []
    step = layout.stride
    for axis in reversed(range(len(shape))):
        dim = shape[axis]
        last = axis == len(shape) - 1 and not (axis == 0 and dim is None)
        if last:
            strides.append(0 if dim == 1 else 1)
            continue
        strides.append(0 if dim == 1 else step)
        step *= dim or 1
    return tuple(reversed(strides))


@functools.lru_cache(4096)
def is_view(old: Shape, new: Shape, dtype: DType) -> bool:
    """True when a reshape between the two leaves every number where it is."""
    if old == new:
        return True
    a, b = layout_of(old, dtype), layout_of(new, dtype)
    if a.rows != b.rows:
        return False
    if (a.lines_per_row, a.width) == (b.lines_per_row, b.width):
        return True
    # A column [k, 1] and a line [1, k] are the same numbers in the same places, if the line needs
    # no padding after them.
    numbers = a.lines_per_row * a.width
    return (
        not a.rows
        and padded(numbers, dtype) == numbers
        and 1 in (a.lines_per_row, a.width)
        and 1 in (b.lines_per_row, b.width)
    )
