"""Planning memory: buffers that are never alive together share a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """A buffer's size in bytes, and the first and last kernel that touch it."""

    size: int
    first: int
    last: int


def allocate(spans: Sequence[Span], alignment: int) -> tuple[list[int], int]:
    """Offsets for the buffers, and the bytes needed in all.

    Large buffers are placed first, each at the lowest offset where it meets no buffer that is alive
    at the same time.
    """
    offsets = [0] * len(spans)
    placed: list[int] = []
    total = 0
    for k in sorted(range(len(spans)), key=lambda k: (-spans[k].size, spans[k].first, k)):
        span = spans[k]
        size = -(-span.size // alignment) * alignment
        busy = sorted(
            (offsets[j], offsets[j] + -(-spans[j].size // alignment) * alignment)
            for j in placed
            if spans[j].first <= span.last and span.first <= spans[j].last
        )
        at = 0
        for start, stop in busy:
            if at + size <= start:
                break
            at = max(at, stop)
        offsets[k] = at
        placed.append(k)
        total = max(total, at + size)
    return offsets, total
