"""From a table to matrices: what is done to each column, learned on the training rows alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from quickprop.data.categories import (
    EMBED_FROM,
    EmbeddedColumn,
    LevelCounts,
    OneHotColumn,
    category_column,
)
from quickprop.data.columns import ColumnKind, Verdict, judge_column
from quickprop.data.dates import DateColumn
from quickprop.data.numeric import NumericColumn
from quickprop.data.tables import read_table
from quickprop.data.text_cells import level_names
from quickprop.errors import DataError, did_you_mean
from quickprop.foundation.documents import Fields

FeatureColumn = NumericColumn | OneHotColumn | DateColumn
Column = FeatureColumn | EmbeddedColumn

_CLASSES: dict[str, type[Column]] = {
    one.kind: one for one in (NumericColumn, OneHotColumn, DateColumn, EmbeddedColumn)
}
_VERSION = 1
_MOST_LEVEL_FEATURES = 160
#: Rows whose numbers are scaled at a time: what is written stays in the cache for all columns.
_PIECE = 2**14


@dataclass(frozen=True)
class Matrices:
    """Rows of a table as a network takes them.

    Attributes
    ----------
    numeric : float32, shape (rows, features), C-contiguous
    categories : int32, shape (rows, embedded columns)
    """

    numeric: np.ndarray
    categories: np.ndarray

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.numeric)

    def take(self, rows: np.ndarray) -> Matrices:
        """Some of the rows, in the order given."""
        return Matrices(self.numeric[rows], self.categories[rows])


@dataclass(frozen=True)
class Preprocessor:
    """What was learned about each column of the training rows.

    Attributes
    ----------
    columns : tuple
        The columns used, each with what it learned.
    notes : tuple of str
        What is done to each kind of column, and which are dropped and why.
    """

    columns: tuple[Column, ...]
    notes: tuple[str, ...]

    @classmethod
    def fit(cls, frame: nw.DataFrame, *, exclude: Iterable[str] = ()) -> Preprocessor:
        """Learn from the training rows.

        Parameters
        ----------
        frame : narwhals.DataFrame
            The training rows, and no others.
        exclude : iterable of str
            Columns to leave alone, such as the target.

        Raises
        ------
        DataError
            There is no column that tells anything.
        """
        table = _as_polars(frame)
        left_out = set(exclude)
        verdicts: dict[str, Verdict] = {}
        columns: list[Column] = []
        for series in table.iter_columns():
            if series.name in left_out:
                continue
            verdict = verdicts[series.name] = judge_column(series)
            if verdict.kind is not ColumnKind.DROPPED:
                columns.append(_fit_column(series, verdict))
        if not columns:
            reasons = "; ".join(f"{name}: {v.reason}" for name, v in list(verdicts.items())[:5])
            raise DataError(
                "no column can be used to predict from",
                where="data",
                given=reasons or "no column but the target",
                hint="add columns that differ from row to row",
            )
        columns = _with_few_levels(columns)
        return cls(tuple(columns), _notes(columns, verdicts))

    @property
    def _featured(self) -> list[FeatureColumn]:
        return [c for c in self.columns if not isinstance(c, EmbeddedColumn)]

    @property
    def _embedded(self) -> list[EmbeddedColumn]:
        return [c for c in self.columns if isinstance(c, EmbeddedColumn)]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Columns that a table must have."""
        return tuple(column.name for column in self.columns)

    @property
    def numeric_names(self) -> tuple[str, ...]:
        """Names of the numeric features, in the order of their columns in the matrix."""
        return tuple(name for column in self._featured for name in column.features)

    @property
    def category_names(self) -> tuple[str, ...]:
        """Names of the embedded columns."""
        return tuple(column.name for column in self._embedded)

    @property
    def category_levels(self) -> tuple[int, ...]:
        """Number of codes of each embedded column; code 0 is for rare and unseen levels."""
        return tuple(column.levels.count for column in self._embedded)

    def extra_columns(self, frame: nw.DataFrame) -> list[str]:
        """Columns of the table that are not used."""
        used = set(self.column_names)
        return [name for name in frame.columns if name not in used]

    def transform(self, frame: nw.DataFrame) -> Matrices:
        """The rows as matrices; columns may come in any order and more may come.

        Raises
        ------
        DataError
            A column is missing, or holds cells of another kind than at training time.
        """
        self._check_columns(frame.columns)
        table = _as_polars(frame)
        numeric = np.zeros((table.height, len(self.numeric_names)), np.float32)
        places: list[tuple[FeatureColumn, np.ndarray]] = []
        place = 0
        for column in self._featured:
            width = len(column.features)
            places.append((column, numeric[:, place : place + width]))
            place += width
        for column, out in places:
            if not isinstance(column, NumericColumn):
                column.encode(table[column.name], out)
        numbers = [(table[c.name], c, out) for c, out in places if isinstance(c, NumericColumn)]
        for first in range(0, table.height, _PIECE):
            for series, column, out in numbers:
                column.encode(series.slice(first, _PIECE), out[first : first + _PIECE])
        categories = np.zeros((table.height, len(self._embedded)), np.int32)
        for place, embedded in enumerate(self._embedded):
            categories[:, place] = embedded.codes(table[embedded.name])
        return Matrices(numeric, categories)

    def _check_columns(self, names: Sequence[str]) -> None:
        """Raise when the table lacks a column."""
        known = set(names)
        missing = [name for name in self.column_names if name not in known]
        if not missing:
            return
        more = f" (and {len(missing) - 1} more: {_listed(missing[1:])})" if missing[1:] else ""
        free = [name for name in names if name not in set(self.column_names)]
        near = did_you_mean(missing[0], free)
        raise DataError(
            f"the column {missing[0]!r} is missing{more}",
            where="data",
            hint=f"{near} If so, rename it" if near else "add it; its cells may be empty",
        )

    def to_document(self) -> dict[str, Any]:
        """All that was learned, as JSON."""
        return {
            "version": _VERSION,
            "columns": [column.to_document() for column in self.columns],
            "notes": list(self.notes),
        }

    @classmethod
    def from_document(cls, document: object, *, where: str = "preprocessing") -> Preprocessor:
        """Read back what `to_document` wrote, checking every field.

        Raises
        ------
        ModelFileError
            A field is missing or is not what it may be.
        """
        fields = Fields(document, where)
        if fields.number("version") != _VERSION:
            fields.refuse("of another version", allowed=_VERSION, given=fields.number("version"))
        columns = tuple(
            _CLASSES[one.text("kind", tuple(_CLASSES))].from_fields(one)
            for one in fields.objects("columns", least=1)
        )
        names = [column.name for column in columns]
        if len(set(names)) < len(names):
            fields.refuse("two columns have one name")
        return cls(columns, fields.texts("notes", distinct=False))


def _as_polars(frame: nw.DataFrame) -> pl.DataFrame:
    """The polars frame below, converting a frame of another library."""
    native = nw.to_native(frame, pass_through=True)
    return native if isinstance(native, pl.DataFrame) else nw.to_native(read_table(frame))


def _fit_column(series: pl.Series, verdict: Verdict) -> Column:
    """Learn a column of a kind that is used."""
    if verdict.kind is ColumnKind.NUMBER:
        return NumericColumn.fit(series)
    if verdict.kind is ColumnKind.DATE:
        return DateColumn.fit(series)
    counts = verdict.counts or LevelCounts.of(level_names(series))
    return category_column(series.name, counts)


def _with_few_levels(columns: list[Column]) -> list[Column]:
    """Drop the features for single whole numbers when they would swamp all others.

    In a table of pixels every column holds a few whole numbers.
    """
    numeric = [column for column in columns if isinstance(column, NumericColumn)]
    if sum(len(column.levels) for column in numeric) <= _MOST_LEVEL_FEATURES:
        return columns
    return [replace(c, levels=()) if isinstance(c, NumericColumn) else c for c in columns]


def _listed(names: Sequence[str], most: int = 8) -> str:
    """Names in a row, cut short when there are many."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def _counted(count: int, one: str, many: str) -> str:
    return f"1 {one}" if count == 1 else f"{count} {many}"


def _notes(columns: Sequence[Column], verdicts: dict[str, Verdict]) -> tuple[str, ...]:
    """Plain sentences on what is done to each kind of column."""
    notes = []
    for kind, one, many in (
        (NumericColumn, "numeric column is", "numeric columns are"),
        (OneHotColumn, "category column is", "category columns are"),
        (EmbeddedColumn, "category column is", "category columns are"),
        (DateColumn, "date column is", "date columns are"),
    ):
        names = [column.name for column in columns if isinstance(column, kind)]
        if names:
            notes.append(f"{_counted(len(names), one, many)} {_DONE[kind.kind]}: {_listed(names)}.")
    gaps = [
        c.name for c in columns if isinstance(c, NumericColumn | DateColumn) and c.flags_missing
    ]
    if gaps:
        notes.append(f"Missing cells are filled with the median and flagged in {_listed(gaps)}.")
    stepped = [c.name for c in columns if isinstance(c, NumericColumn) and c.levels]
    if stepped:
        notes.append(
            f"Each of the few whole numbers has a feature of its own in {_listed(stepped)}."
        )
    for name, verdict in verdicts.items():
        if verdict.kind is not ColumnKind.DROPPED and verdict.reason:
            notes.append(f"In {name}, {verdict.reason}.")
    by_reason: dict[str, list[str]] = {}
    for name, verdict in verdicts.items():
        if verdict.kind is ColumnKind.DROPPED:
            by_reason.setdefault(verdict.reason, []).append(name)
    notes.extend(f"Dropped {_listed(names)}: {reason}." for reason, names in by_reason.items())
    return tuple(notes)


_DONE = {
    NumericColumn.kind: "scaled by median and quartiles",
    OneHotColumn.kind: "one-hot, a feature for each level",
    EmbeddedColumn.kind: f"embedded, having {EMBED_FROM} levels or more",
    DateColumn.kind: "split into calendar parts and elapsed time",
}
