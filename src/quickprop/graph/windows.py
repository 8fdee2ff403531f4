"""Windows that slide over the middle axes of a tensor [rows, lengths..., channels]."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Windows:
    """Where windows stand and which places they look at, one number for each middle axis.

    Parameters
    ----------
    size : tuple of int
        Places of a window.
    stride : tuple of int
        From one window to the next.
    dilation : tuple of int
        From one place of a window to the next.
    before, after : tuple of int
        Places beyond the two ends of an axis that windows may reach.
    """

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    def counts(self, lengths: tuple[int, ...]) -> tuple[int, ...]:
        """How many windows fit along each axis; less than 1 where none does."""
        return tuple(
            (length + low + high - (size - 1) * dilation - 1) // stride + 1
            for length, low, high, size, dilation, stride in zip(
                lengths,
                self.before,
                self.after,
                self.size,
                self.dilation,
                self.stride,
                strict=True,
            )
        )

    def at(self, axis: int, window: int, place: int) -> int:
        """The position on an axis of a place of a window; may lie beyond the ends."""
        return window * self.stride[axis] + place * self.dilation[axis] - self.before[axis]

    def inside(self, axis: int, place: int, length: int, count: int) -> tuple[int, int]:
        """The windows, from and up to, of which that place lies on the axis."""
        offset = place * self.dilation[axis] - self.before[axis]
        first = max(0, -(offset // self.stride[axis]))
        last = (length - 1 - offset) // self.stride[axis] + 1
        return min(first, count), max(min(first, count), min(last, count))
