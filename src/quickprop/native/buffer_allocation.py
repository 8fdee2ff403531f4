"""Places in the arena: buffers that never hold numbers at the same time share memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from quickprop.native.buffers import Buffer, FixedPart, RowsPart
from quickprop.native.kernel import Step
from quickprop.native.layout import ALIGNMENT, BLOCK_LINES, ROW_QUANTUM

#: A multiple of so many bytes a row is a multiple of a cache line for a quantum of rows.
ROW_ALIGNMENT = ALIGNMENT // ROW_QUANTUM


@dataclass(frozen=True)
class Span:
    """A buffer's size in bytes, and the first and last step that it holds its numbers in."""

    size: int
    first: int
    last: int


def place_buffers(
    steps: Sequence[Step], others: Iterable[Buffer], reserved: int
) -> tuple[int, int]:
    """Give a place to every buffer that has none.

    Parameters
    ----------
    steps : sequence of Step
    others : iterable of Buffer
        Buffers that no step may touch, but the caller.
    reserved : int
        Bytes at the beginning of the arena that no buffer gets, a multiple of the alignment.

    Returns
    -------
    fixed_bytes, row_bytes : int
        Size of the arena: the fixed part, and what each row of capacity adds.

    Notes
    -----
    Kernels may write a block of lines beyond the last row. The room for that does not grow with the
    rows: it is a distance to the buffers behind, so that few rows of large images need the memory
    of few.
    """
    spans = _spans(steps, others)
    fixed = [buffer for buffer in spans if not buffer.has_rows]
    by_rows = [buffer for buffer in spans if buffer.has_rows]
    offsets, fixed_bytes = allocate([spans[buffer] for buffer in fixed], ALIGNMENT)
    for buffer, offset in zip(fixed, offsets, strict=True):
        buffer.location = FixedPart(reserved + offset)
    fixed_bytes += reserved
    of_rows = [spans[buffer] for buffer in by_rows]
    offsets, row_bytes = allocate(of_rows, ROW_ALIGNMENT)
    distances, behind = _distances(of_rows, offsets, [_overrun(buffer) for buffer in by_rows])
    for buffer, offset, distance in zip(by_rows, offsets, distances, strict=True):
        buffer.location = RowsPart(fixed_bytes + distance, offset)
    return fixed_bytes + behind, row_bytes


def _overrun(buffer: Buffer) -> int:
    """Bytes behind the last row that kernels may write to: a block of lines."""
    layout = buffer.layout
    assert layout is not None
    size = BLOCK_LINES * layout.stride * buffer.dtype.itemsize
    return -(-size // ALIGNMENT) * ALIGNMENT


def _distances(
    spans: Sequence[Span], offsets: Sequence[int], overruns: Sequence[int]
) -> tuple[list[int], int]:
    """How many bytes each buffer begins later, whatever the rows, and how many more are needed.

    Enough for the overruns of all that lies before it and holds numbers at the same time.
    """
    at = np.array(offsets, np.int64)
    firsts, lasts = (np.array([getattr(one, end) for one in spans]) for end in ("first", "last"))
    over = np.array(overruns, np.int64)
    stops = np.zeros(len(spans), np.int64)
    distances = [0] * len(spans)
    order = np.argsort(at, kind="stable")
    for count, k in enumerate(order):
        before = order[:count]
        meets = (firsts[before] <= spans[k].last) & (lasts[before] >= spans[k].first)
        distances[k] = int(stops[before][meets].max(initial=0))
        stops[k] = distances[k] + over[k]
    return distances, int(stops.max(initial=0))


def _spans(steps: Sequence[Step], others: Iterable[Buffer]) -> dict[Buffer, Span]:
    """When the buffers that have no place yet hold their numbers."""
    first: dict[Buffer, int] = {}
    last: dict[Buffer, int] = {}
    for k, step in enumerate(steps):
        for buffer in (*step.arguments, *step.writes):
            first.setdefault(buffer, k)
            last[buffer] = k
    for buffer in others:
        first.setdefault(buffer, -1)
        last.setdefault(buffer, -1)
    return {
        buffer: Span(
            buffer.size,
            -1 if buffer.given else first[buffer],
            len(steps) if buffer.needed else last[buffer],
        )
        for buffer in first
        if buffer.location is None
    }


def allocate(spans: Sequence[Span], alignment: int) -> tuple[list[int], int]:
    """Offsets for the buffers, and the bytes needed in all.

    Large buffers are placed first, each at the lowest offset where it meets no buffer that is alive
    at the same time.
    """
    count = len(spans)
    sizes = np.array([-(-span.size // alignment) * alignment for span in spans], np.int64)
    order = sorted(range(count), key=lambda k: (-spans[k].size, spans[k].first, k))
    # What is placed already, by where it begins.
    starts, stops, firsts, lasts = (np.zeros(count, np.int64) for _ in range(4))
    offsets = [0] * count
    for placed, k in enumerate(order):
        span, size = spans[k], int(sizes[k])
        meets = (firsts[:placed] <= span.last) & (lasts[:placed] >= span.first)
        at = _lowest_gap(starts[:placed][meets], stops[:placed][meets], size)
        place = int(np.searchsorted(starts[:placed], at))
        for known, value in (
            (starts, at),
            (stops, at + size),
            (firsts, span.first),
            (lasts, span.last),
        ):
            known[place + 1 : placed + 1] = known[place:placed].copy()
            known[place] = value
        offsets[k] = at
    return offsets, int(stops.max(initial=0))


def _lowest_gap(starts: np.ndarray, stops: np.ndarray, size: int) -> int:
    """The lowest offset with so much room between what is taken, which is sorted by its starts."""
    if not len(starts):
        return 0
    # Where everything up to each start has ended.
    ends = np.maximum.accumulate(np.concatenate([[0], stops[:-1]]))
    fits = np.flatnonzero(ends + size <= starts)
    return int(ends[fits[0]]) if len(fits) else int(stops.max())
