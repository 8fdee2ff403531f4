"""How many rows of a large table can be made ready in the time there is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from quickprop.data import row_count, some_rows
from quickprop.errors import QuickpropError
from quickprop.foundation.deadline import Deadline
from quickprop.models.prepared import Prepared

#: Fewer rows are made ready in any time that a fit is worth.
_FEW = 2_000
#: The part of the time that making ready may take.
_SHARE = 0.35
#: Seconds a cell takes at most, as text; where that is little, nothing is tried.
_SLOWEST = 3e-6
#: Rows of two trials, whose difference tells what a row takes, and the time that both need.
_TRIALS, _TRYING = (1000, 4000), 0.25


@dataclass(frozen=True, eq=False)
class EnoughRows:
    """A table with no more rows than there is time for.

    Attributes
    ----------
    data : table or Reading
    of : int
        How many rows there were.
    note : str
        What to say of it; empty where all rows are there.
    """

    data: Any
    of: int
    note: str = ""

    def counted(self, prepared: Prepared) -> Prepared:
        """What was made of those rows, with what is to be said of the others."""
        if not self.note:
            return prepared
        return replace(prepared, rows_read=self.of, notes=(self.note, *prepared.notes))


def enough_rows(data: Any, deadline: Deadline, seed: int, work: Callable[[Any], Any]) -> EnoughRows:
    """All rows of a table, or as many at random as the time is enough for.

    Parameters
    ----------
    data : table in memory, or Reading
    deadline : Deadline
    seed : int
        Of the rows that are taken.
    work : callable
        Makes a table ready. It is tried on a few rows.
    """
    rows = row_count(data)
    if rows is None or rows[0] <= _FEW or not deadline.limited:
        return EnoughRows(data, 0 if rows is None else rows[0])
    height, width = rows
    if height * width * _SLOWEST <= _SHARE * deadline.left:
        return EnoughRows(data, height)
    a_row = width * _SLOWEST
    order = np.random.default_rng(seed % 2**32).permutation(height)
    if deadline.left > _TRYING:
        took = []
        for count in _TRIALS:
            begun = time.perf_counter()
            try:
                work(some_rows(data, np.sort(order[:count])))
            except QuickpropError:
                # Such as a class with too few of these rows: whoever has all of them may say so.
                break
            took.append(time.perf_counter() - begun)
        else:
            a_row = max(took[1] - took[0], 0.1 * took[1]) / (_TRIALS[1] - _TRIALS[0])
    most = max(_FEW, int(_SHARE * deadline.left / a_row))
    if most >= height:
        return EnoughRows(data, height)
    part = some_rows(data, np.sort(order[:most]))
    wanted = a_row * height / _SHARE
    note = (
        f"Learned from {most:,} of the {height:,} rows, drawn by lot: to make all of them ready "
        f"takes longer than the budget is for (about {_rounded(wanted)} s would be)."
    )
    return EnoughRows(part, height, note)


def _rounded(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 2.0 else f"{seconds:.1f}"
