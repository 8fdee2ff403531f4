"""Numbers that stand for a missing cell, such as -999: found where they stand apart."""

from __future__ import annotations

import numpy as np
import polars as pl

#: What is written for a missing number, by custom. Others stand apart for reasons of their own.
_NINES = tuple(float("9" * digits) for digits in range(2, 9))
_USUAL = frozenset(
    sign * number
    for sign in (1.0, -1.0)
    for number in (
        *_NINES, 88.0, 888.0, 8888.0, 77.0, 777.0, 7777.0, 99.9, 999.9, 9999.9, 99.99, 999.99,
        9999.99, 1e20, 1e30, 1e36, 1e38, 2147483647.0, 32767.0, 65535.0,
    )
) | {-9.0, -200.0, -8.0, -7.0, -32768.0, -2147483648.0, 9.969209968386869e36}  # fmt: skip
#: How many times the range of all others it must be away from them.
_APART = 2.0
#: Below zero where all others are not, it need not be so far.
_APART_BELOW_ZERO = 0.05
_FEWEST = 3
_MOST = 4


def find_sentinels(series: pl.Series) -> tuple[float, ...]:
    """The numbers in a column that stand for a missing cell.

    Such a number is one that people write for it, comes three times or more and lies far from all
    others.
    """
    low, high = series.min(), series.max()
    if low is None or not {_plain(low), _plain(high)} & _USUAL:
        return ()
    given = series.drop_nulls().to_numpy().astype(np.float64)
    values, counts = np.unique(given[np.isfinite(given)], return_counts=True)
    usual = np.array([value in _USUAL for value in values.tolist()])
    rest = values[~usual]
    if len(rest) < _MOST:
        return ()
    found = []
    # From the inside out: what is no sign for missing belongs to all others.
    bottom, top = float(rest[0]), float(rest[-1])
    for value, count in sorted(
        zip(values[usual], counts[usual], strict=True), key=lambda v: abs(v[0])
    ):
        gap = max(bottom - value, value - top)
        least = _APART_BELOW_ZERO if value < 0.0 <= bottom else _APART
        if gap > least * (top - bottom) and count >= _FEWEST:
            found.append(float(value))
        else:
            bottom, top = min(bottom, float(value)), max(top, float(value))
    return tuple(sorted(found))


def _plain(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
