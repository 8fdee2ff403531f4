"""What kind of column each one is, and which ones tell a network nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import polars as pl

from quickprop.data.cells import Cells, LevelCells, MomentCells, level_cells, number_cells
from quickprop.data.column import Column
from quickprop.data.date_column import DateColumn, cells_as_moments, holds_dates
from quickprop.data.level_columns import common_levels, learn_levels
from quickprop.data.numeric_column import NumericColumn
from quickprop.data.text_column import TextColumn, is_free_text

_C = TypeVar("_C", bound=Cells)

_FEWEST_ROWS_FOR_ID = 20
_UNIQUE_TEXT_SHARE = 0.95
_ID_NAMES = frozenset(
    {
        *("", "id", "ids", "index", "idx", "row", "row_id", "rowid", "row_number", "uuid", "guid"),
        *("column_1", "rownames", "row_names", "rowname", "no", "no.", "nr", "nr.", "num"),
        *("number", "obs", "observation", "obs_no", "case", "case_no", "sno", "s.no", "s.no.", "#"),
        *("serial", "serial_no", "sl_no", "record", "record_no", "sample_no", "instance", "key"),
        *("rn", "rownum", "row_num", "seq", "seqno", "lfd_nr", "lfd._nr.", "pk"),
    }
)


@dataclass(frozen=True, eq=False)
class ColumnChoice:
    """What a column is taken for.

    Attributes
    ----------
    column : Column or None
        What was learned of it; None when it is dropped.
    cells : Cells or None
        All its cells, as `column` reads them.
    reason : str
        In a clause why it is dropped, or what was noticed.
    spare : Column or None
        What it is when nothing else is there to predict from; its cells are then `cells`.
    """

    column: Column | None
    cells: Cells | None = None
    reason: str = ""
    spare: Column | None = None


def choose_column(series: pl.Series, rows: np.ndarray | None = None) -> ColumnChoice:
    """Read a column and decide from the training rows what it is.

    Parameters
    ----------
    series : Series
        All its cells.
    rows : int array, optional
        Which rows are for training; all when not given.

    Raises
    ------
    DataError
        A cell outside the training rows that does not fit what they hold.
    """
    dtype = series.dtype
    if dtype.is_numeric() or dtype in (pl.Duration, pl.Time):
        return _choose_numbers(series, rows)
    if dtype in (pl.Date, pl.Datetime):
        return _choose_dates(series, rows)
    if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Boolean):
        cells = level_cells(series)
        if dtype != pl.Boolean:
            seen = _some(cells, rows)
            if holds_dates(seen.names.filter(pl.Series(seen.counts > 0))):
                return _choose_dates(series, rows)
        return _choose_levels(series.name, cells, rows)
    if dtype == pl.Null:
        return _dropped("every cell is missing")
    return _dropped(f"cells of the type {dtype} are not used")


def _dropped(reason: str) -> ColumnChoice:
    return ColumnChoice(None, None, reason)


def _some(cells: _C, rows: np.ndarray | None) -> _C:
    return cells if rows is None else cells.take(rows)  # type: ignore[return-value]


def _choose_numbers(series: pl.Series, rows: np.ndarray | None) -> ColumnChoice:
    cells = number_cells(series)
    seen = _some(cells, rows)
    whole = bool(seen.finite.all())
    finite = seen.values if whole else seen.values[seen.finite]
    if not len(finite):
        return _dropped("every cell is missing")
    low, high = finite.min(), finite.max()
    if low == high:
        if whole:
            return _dropped("every cell is the same")
        # One number and gaps: whether the cell is filled is all there is to know.
        return _choose_levels(series.name, level_cells(series), rows)
    if whole and _counts_rows(series.name, finite, low + cells.origin, high + cells.origin):
        spare = NumericColumn.learn(series.name, seen)
        return ColumnChoice(None, cells, "it numbers the rows", spare)
    infinite = 0 if whole else int(np.isinf(seen.values).sum())
    reason = ""
    if infinite:
        count = "1 infinite cell is" if infinite == 1 else f"{infinite} infinite cells are"
        reason = f"{count} treated as missing"
    return ColumnChoice(NumericColumn.learn(series.name, seen), cells, reason)


def _counts_rows(name: str, values: np.ndarray, low: float, high: float) -> bool:
    """Whether whole numbers look like the number of a row rather than a measurement.

    A time, a distance, a dose may climb from row to row too: only the name tells them apart.
    """
    if len(values) < _FEWEST_ROWS_FOR_ID or max(-low, high) > 2.0**53:
        return False
    # A glance at the first cells spares most columns the rest.
    if not _is_whole(values[:64]) or not _is_whole(values):
        return False
    if not _is_id_name(name):
        return False
    climbs = bool((values[1:] > values[:-1]).all())
    return climbs or len(np.unique(values)) == len(values)


def _is_whole(values: np.ndarray) -> bool:
    return bool((values == np.round(values)).all())


def _is_id_name(name: str) -> bool:
    """Whether a column is called as identifiers are."""
    plain = name.strip().lower().replace(" ", "_").replace("-", "_")
    return (
        plain in _ID_NAMES
        or plain.endswith("_id")
        or plain.startswith("unnamed:")
        or (name.endswith(("Id", "ID")) and len(name) > 2)
    )


def _choose_dates(series: pl.Series, rows: np.ndarray | None) -> ColumnChoice:
    cells = MomentCells(cells_as_moments(series))
    seen = _some(cells, rows)
    given = seen.moments.drop_nulls()
    if not len(given):
        return _dropped("every cell is missing")
    if given.min() == given.max():
        if len(given) == len(seen.moments):
            return _dropped("every cell is the same")
        return _choose_levels(series.name, level_cells(series), rows)
    return ColumnChoice(DateColumn.learn(series.name, seen), cells)


def _choose_levels(name: str, cells: LevelCells, rows: np.ndarray | None) -> ColumnChoice:
    seen = _some(cells, rows)
    given, distinct = seen.given, int(np.count_nonzero(seen.counts))
    if not given:
        return _dropped("every cell is missing")
    if distinct == 1 and not seen.missing:
        return _dropped("every cell is the same")
    if given >= _FEWEST_ROWS_FOR_ID and distinct >= _UNIQUE_TEXT_SHARE * given:
        free = _choose_text(name, cells, seen)
        return free or _dropped("nearly every row has a text of its own")
    levels, shared = common_levels(seen)
    if levels.count < 2 or levels.count + (shared > 0) < 3:
        free = _choose_text(name, cells, seen) if given >= _FEWEST_ROWS_FOR_ID else None
        return free or _dropped("hardly any value comes often enough to learn from")
    return ColumnChoice(learn_levels(name, seen), cells)


def _choose_text(name: str, cells: LevelCells, seen: LevelCells) -> ColumnChoice | None:
    """Features of free text, where the cells are made of words."""
    if not is_free_text(seen.names.filter(pl.Series(seen.counts > 0))):
        return None
    try:
        return ColumnChoice(TextColumn.learn(name, seen), cells)
    except ValueError:
        # No run of letters comes twice.
        return None
