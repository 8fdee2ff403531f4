"""Rows in order of time, whose neighbours have like targets."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from quickprop.data.cells import MomentCells
from quickprop.data.column_choice import choose_column
from quickprop.data.group_columns import centred
from quickprop.data.preprocess import as_polars
from quickprop.data.tables import Table

_FEWEST_ROWS = 80
_TIMES = frozenset(
    (
        *(
            "time",
            "timestamp",
            "date",
            "datetime",
            "day",
            "week",
            "month",
            "year",
            "hour",
            "minute",
        ),
        *("minute", "second", "t", "epoch", "period", "quarter", "step", "tick", "when"),
    )
)


@dataclass(frozen=True, eq=False)
class TimeOrder:
    """An order of the rows in which neighbours have like targets.

    Attributes
    ----------
    name : str or None
        The column that holds the time; None for the order of the rows.
    keys : float array, shape (rows,)
        What to sort by.
    """

    name: str | None
    keys: np.ndarray


def time_keys(series: pl.Series) -> np.ndarray | None:
    """What to sort a column of times by, gaps first; None for a column that holds none."""
    kind = series.dtype
    if kind.is_numeric():
        values = series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        return np.where(np.isnan(values), -np.inf, values)
    if kind == pl.String and not _may_be_dates(series):
        return None
    cells = choose_column(series).cells
    if not isinstance(cells, MomentCells):
        return None
    moments = cells.moments.dt.timestamp("us")
    values = moments.cast(pl.Float64).fill_null(float("-inf")).to_numpy()
    return np.asarray(values)


def find_time_order(
    frame: Table, target: str, truth: np.ndarray, *, classes: bool, by_rows: bool
) -> TimeOrder | None:
    """The order in time, where neighbours in it have like targets.

    Parameters
    ----------
    frame, target, truth, classes
        As `group_columns` takes them.
    by_rows : bool
        Whether the order of the rows may be one, without a column that says so.
    """
    table = as_polars(frame)
    rows = table.height
    if rows < _FEWEST_ROWS:
        return None
    columns = centred(truth, classes=classes)
    sorted_by_number = False
    for series in table.iter_columns():
        if series.name == target:
            continue
        kind = series.dtype
        words = re.split(r"[^a-z]+", series.name.lower())
        if kind.is_numeric():
            called = any(word in _TIMES for word in words)
            keys = time_keys(series)
            if keys is None or not _climbs(keys):
                continue
            # What goes back even once may be a month, which comes again.
            steps = np.diff(keys)
            called = called and bool((steps >= 0).all() or (steps <= 0).all())
            if not called:
                sorted_by_number = sorted_by_number or not _counts(keys)
                continue
        else:
            keys = time_keys(series)
        if keys is None or len(np.unique(keys)) < 10:
            continue
        own = len(np.unique(keys)) >= 0.9 * rows
        if not own and not _climbs(keys):
            continue
        if _follow_each_other(columns[np.argsort(keys, kind="stable")], 0.1):
            return TimeOrder(series.name, keys)
    if not by_rows or sorted_by_number or _is_sorted(truth):
        return None
    if _follow_each_other(columns, 0.6):
        return TimeOrder(None, np.arange(rows, dtype=np.float64))
    return None


def _may_be_dates(series: pl.Series) -> bool:
    """A glance at a column of text."""
    head = series.drop_nulls().head(20)
    return bool(len(head)) and bool(head.str.contains(r"\d").all())


def _climbs(keys: np.ndarray) -> bool:
    """Whether nearly every step goes up, or nearly every one down."""
    steps = np.diff(keys[np.isfinite(keys)])
    if not len(steps) or not steps.any():
        return False
    return bool(max((steps >= 0).mean(), (steps <= 0).mean()) > 0.98)


def _counts(keys: np.ndarray) -> bool:
    """Whether it numbers the rows."""
    return bool(np.isin(np.diff(keys), (1.0, 0.0)).mean() > 0.5 and keys.min() in (0.0, 1.0))


def _is_sorted(truth: np.ndarray) -> bool:
    """Whether the rows are sorted by the target, or stand in blocks of it."""
    steps = np.diff(truth)
    moved = steps[steps != 0]
    if not len(moved) or max((moved > 0).mean(), (moved < 0).mean()) > 0.95:
        return True
    different = len(np.unique(truth))
    return different < 50 and len(moved) < 3 * different


def _follow_each_other(columns: np.ndarray, least: float) -> bool:
    """Whether a row's target is like that of the one before."""
    total = float(np.sum(columns**2))
    if not total:
        return False
    found = float(np.sum(columns[1:] * columns[:-1])) / total
    return bool(found > max(least, 5.0 / np.sqrt(len(columns))))
