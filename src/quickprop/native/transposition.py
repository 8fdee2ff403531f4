"""Transposing small blocks of numbers in registers."""

from __future__ import annotations

from collections.abc import Sequence

from quickprop.native.ir import FunctionWriter, Value, split_type


def transposed(w: FunctionWriter, block: Sequence[Value]) -> list[Value]:
    """The columns of a block whose lines are given: n vectors of m lanes become m of n lanes.

    Both are powers of two. Squares are transposed by exchanging ever smaller halves (Eklundh 1972).
    """
    lanes = split_type(block[0].type)[1]
    side = min(len(block), lanes)
    vectors = [_joined(w, block[i::side]) for i in range(side)]
    wide = range(max(len(block), lanes))
    half = side // 2
    while half:
        low = [i if i & half == 0 else len(wide) + i - half for i in wide]
        high = [i + half if i & half == 0 else len(wide) + i for i in wide]
        for i in range(side):
            if i & half == 0:
                a, b = vectors[i], vectors[i + half]
                vectors[i], vectors[i + half] = w.shuffle(a, b, low), w.shuffle(a, b, high)
        half //= 2
    if lanes == side:
        return vectors
    return [
        w.shuffle(vector, vector, range(first, first + side))
        for first in range(0, lanes, side)
        for vector in vectors
    ]


def _joined(w: FunctionWriter, parts: Sequence[Value]) -> Value:
    """One vector of all the lanes of several."""
    while len(parts) > 1:
        lanes = split_type(parts[0].type)[1]
        parts = [w.shuffle(a, b, range(2 * lanes)) for a, b in zip(parts[::2], parts[1::2])]
    return parts[0]
