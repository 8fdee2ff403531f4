"""What kind of column each one is, and which ones tell a network nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import polars as pl

from quickprop.data.categories import LevelCounts
from quickprop.data.dates import cells_as_moments, holds_dates
from quickprop.data.numeric import cells_as_numbers
from quickprop.data.text_cells import clean_text, level_names

_FEWEST_ROWS_FOR_ID = 20
_UNIQUE_TEXT_SHARE = 0.95
_ID_NAMES = ("id", "index", "idx", "row", "row_id", "rowid", "row_number", "uuid", "column 1")


class ColumnKind(Enum):
    """What is done with a column."""

    NUMBER = "number"
    CATEGORY = "category"
    DATE = "date"
    DROPPED = "dropped"


@dataclass(frozen=True)
class Verdict:
    """The kind of a column and, in a clause, why it is dropped or what was noticed.

    Of levels also how often each comes, where they were counted by their names.
    """

    kind: ColumnKind
    reason: str = ""
    counts: LevelCounts | None = None


def judge_column(series: pl.Series) -> Verdict:
    """Decide from the training rows what a column is."""
    dtype = series.dtype
    if dtype.is_numeric() or dtype in (pl.Duration, pl.Time):
        return _judge_numbers(series)
    if dtype in (pl.Date, pl.Datetime):
        return _judge_dates(series)
    if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Boolean):
        return _judge_text(series)
    if dtype == pl.Null:
        return Verdict(ColumnKind.DROPPED, "every cell is missing")
    return Verdict(ColumnKind.DROPPED, f"cells of the type {dtype} are not used")


def _judge_numbers(series: pl.Series) -> Verdict:
    values = cells_as_numbers(series)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Verdict(ColumnKind.DROPPED, "every cell is missing")
    if finite.min() == finite.max():
        if len(finite) == len(values):
            return Verdict(ColumnKind.DROPPED, "every cell is the same")
        # One number and gaps: whether the cell is filled is all there is to know.
        return _judge_levels(LevelCounts.of(level_names(series)))
    if len(finite) == len(values) and _counts_rows(series.name, finite):
        return Verdict(ColumnKind.DROPPED, "it numbers the rows")
    infinite = int(np.isinf(values).sum())
    if not infinite:
        return Verdict(ColumnKind.NUMBER)
    cells = "1 infinite cell is" if infinite == 1 else f"{infinite} infinite cells are"
    return Verdict(ColumnKind.NUMBER, f"{cells} treated as missing")


def _counts_rows(name: str, values: np.ndarray) -> bool:
    """Whether whole numbers look like the number of a row rather than a measurement.

    Training rows are a part of the table, so a counter has gaps here. A column of years climbs
    too, but does not begin at 0 or 1.
    """
    if len(values) < _FEWEST_ROWS_FOR_ID or float(np.abs(values).max()) > 2.0**53:
        return False
    if not bool((values == np.round(values)).all()):
        return False
    steps = np.diff(values)
    climbs = bool((steps > 0).all())
    dense = values.max() - values.min() < 4 * len(values)
    if climbs and dense and 0 <= values.min() <= 25:
        return True
    return _is_id_name(name) and (climbs or len(np.unique(values)) == len(values))


def _is_id_name(name: str) -> bool:
    """Whether a column is called as identifiers are."""
    plain = name.strip().lower().replace(" ", "_").replace("-", "_")
    return (
        plain in _ID_NAMES
        or plain.endswith("_id")
        or plain.startswith("unnamed:")
        or (name.endswith(("Id", "ID")) and len(name) > 2)
    )


def _judge_dates(series: pl.Series) -> Verdict:
    moments = cells_as_moments(series)
    given = moments.drop_nulls()
    if not len(given):
        return Verdict(ColumnKind.DROPPED, "every cell is missing")
    if given.min() == given.max():
        if len(given) == len(moments):
            return Verdict(ColumnKind.DROPPED, "every cell is the same")
        # Counted by other names than those of the cells.
        return replace(_judge_levels(LevelCounts.of(moments.dt.to_string("iso"))), counts=None)
    return Verdict(ColumnKind.DATE)


def _judge_text(series: pl.Series) -> Verdict:
    if series.dtype != pl.Boolean and holds_dates(clean_text(series.unique())):
        return _judge_dates(clean_text(series))
    return _judge_levels(LevelCounts.of(level_names(series)))


def _judge_levels(counts: LevelCounts) -> Verdict:
    given, distinct = counts.given, len(counts.names)
    if not given:
        return Verdict(ColumnKind.DROPPED, "every cell is missing")
    if distinct == 1 and not counts.missing:
        return Verdict(ColumnKind.DROPPED, "every cell is the same")
    if given >= _FEWEST_ROWS_FOR_ID and distinct >= _UNIQUE_TEXT_SHARE * given:
        return Verdict(ColumnKind.DROPPED, "nearly every row has a text of its own")
    levels, shared = counts.common()
    if levels.count < 2 or levels.count + (shared > 0) < 3:
        return Verdict(ColumnKind.DROPPED, "hardly any value comes more than once")
    return Verdict(ColumnKind.CATEGORY, counts=counts)
