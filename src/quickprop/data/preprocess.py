"""From a table to matrices: what is done to each column, learned on the training rows alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from quickprop.data.cells import Cells, NumberCells
from quickprop.data.column import COLUMNS, Column
from quickprop.data.column_choice import ColumnChoice, choose_column
from quickprop.data.date_column import DateColumn
from quickprop.data.deviations import Deviation
from quickprop.data.level_columns import EMBED_FROM, EmbeddedColumn, OneHotColumn
from quickprop.data.numeric_column import NumericColumn
from quickprop.data.tables import Table, read_table
from quickprop.data.text_column import TextColumn
from quickprop.errors import DataError, did_you_mean
from quickprop.foundation.documents import Fields

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
    def fit(cls, frame: Table, *, exclude: Iterable[str] = ()) -> Preprocessor:
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
        return cls._fit(frame, None, exclude)[0]

    @classmethod
    def fit_transform(
        cls, frame: Table, rows: np.ndarray, *, exclude: Iterable[str] = ()
    ) -> tuple[Preprocessor, Matrices]:
        """Learn from some rows and give all rows as matrices, each column being read once.

        Parameters
        ----------
        frame : narwhals.DataFrame
            All rows.
        rows : int array
            Which are for training; nothing is learned from the others.
        exclude : iterable of str
            Columns to leave alone, such as the target.

        Raises
        ------
        DataError
            As `fit` and `transform` do.
        """
        made, cells = cls._fit(frame, rows, exclude)
        return made, made._written(cells, len(frame))

    @classmethod
    def _fit(
        cls, frame: Table, rows: np.ndarray | None, exclude: Iterable[str]
    ) -> tuple[Preprocessor, list[Cells]]:
        """What was learned, and the cells of the columns that are used."""
        left_out = set(exclude)
        choices: dict[str, ColumnChoice] = {}
        columns: list[Column] = []
        cells: list[Cells] = []
        for series in as_polars(frame).iter_columns():
            if series.name in left_out:
                continue
            choice = choices[series.name] = choose_column(series, rows)
            if choice.column is not None and choice.cells is not None:
                columns.append(choice.column)
                cells.append(choice.cells)
        if not columns:
            # What only numbers the rows, as it seems, is all there is: so it may be what counts.
            for name, choice in choices.items():
                if choice.spare is not None and choice.cells is not None:
                    columns.append(choice.spare)
                    cells.append(choice.cells)
                    choices[name] = replace(choice, column=choice.spare, reason="")
        if not columns:
            reasons = "; ".join(f"{name}: {c.reason}" for name, c in list(choices.items())[:5])
            raise DataError(
                "no column can be used to predict from",
                where="data",
                given=reasons or "no column but the target",
                hint="add columns that differ from row to row",
            )
        columns = _with_few_levels(columns)
        return cls(tuple(columns), _notes(columns, choices)), cells

    @property
    def column_names(self) -> tuple[str, ...]:
        """Columns that a table must have."""
        return tuple(column.name for column in self.columns)

    @property
    def numeric_names(self) -> tuple[str, ...]:
        """Names of the numeric features, in the order of their columns in the matrix."""
        return tuple(name for column in self.columns for name in column.features)

    @property
    def continuous(self) -> tuple[int, ...]:
        """Which of them are numbers of a range, and not 0 or 1 for a level or a flag."""
        found, place = [], 0
        for column in self.columns:
            found += [place + one for one in column.continuous]
            place += len(column.features)
        return tuple(found)

    @property
    def category_names(self) -> tuple[str, ...]:
        """Names of the embedded columns."""
        return tuple(column.name for column in self.columns if column.code_names)

    @property
    def category_levels(self) -> tuple[int, ...]:
        """Number of codes of each embedded column; code 0 is for rare and unseen levels."""
        return tuple(len(column.code_names) for column in self.columns if column.code_names)

    @property
    def level_names(self) -> tuple[tuple[str, ...], ...]:
        """What each code of each embedded column stands for."""
        return tuple(column.code_names for column in self.columns if column.code_names)

    def extra_columns(self, frame: Table) -> list[str]:
        """Columns of the table that are not used."""
        used = set(self.column_names)
        return [name for name in frame.columns if name not in used]

    def transform(self, frame: Table) -> Matrices:
        """The rows as matrices; columns may come in any order and more may come.

        Raises
        ------
        DataError
            A column is missing, or holds cells of another kind than at training time.
        """
        self._check_columns(frame.columns)
        table = as_polars(frame)
        series = {one.name: one for one in table.iter_columns()}
        return self._written([c.read(series[c.name]) for c in self.columns], table.height)

    def plain(
        self, frame: Table, rows: np.ndarray, matrices: Matrices
    ) -> tuple[Preprocessor, Matrices]:
        """The same columns with numbers that are standardised and nothing else.

        Parameters
        ----------
        frame : narwhals.DataFrame
            All rows.
        rows : int array
            Which are for training.
        matrices : Matrices
            What `transform` gives for all rows.
        """
        table = as_polars(frame)
        numeric = matrices.numeric.copy()
        columns: list[Column] = []
        place = 0
        for column in self.columns:
            if isinstance(column, NumericColumn):
                cells = column.read(table[column.name])
                column = column.plain(cells.take(rows))
                column.write(cells, numeric[:, place : place + len(column.features)])
            columns.append(column)
            place += len(column.features)
        return replace(self, columns=tuple(columns)), replace(matrices, numeric=numeric)

    def deviations(self, frame: Table) -> tuple[Deviation, ...]:
        """In which ways the cells of new rows are other than those of training (`DataError`)."""
        self._check_columns(frame.columns)
        table = as_polars(frame)
        found: tuple[Deviation, ...] = ()
        for column in self.columns:
            found += column.deviations(column.read(table[column.name]))
        return found

    def _written(self, cells: Sequence[Cells], rows: int) -> Matrices:
        """The matrices of what was read of each column."""
        widths = [len(column.features) for column in self.columns]
        numeric = np.zeros((rows, sum(widths)), np.float32)
        categories = np.zeros((rows, len(self.category_names)), np.int32)
        numbers: list[tuple[Column, NumberCells, np.ndarray]] = []
        place = code = 0
        for column, width, one in zip(self.columns, widths, cells, strict=True):
            if not width:
                column.write(one, categories[:, code])
                code += 1
                continue
            out = numeric[:, place : place + width]
            place += width
            if isinstance(one, NumberCells):
                numbers.append((column, one, out))
            else:
                column.write(one, out)
        for first in range(0, rows, _PIECE):
            piece = slice(first, first + _PIECE)
            for column, one, out in numbers:
                column.write(NumberCells(one.values[piece], one.origin), out[piece])
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
            COLUMNS[one.text("kind", tuple(COLUMNS))].from_fields(one)
            for one in fields.objects("columns", least=1)
        )
        names = [column.name for column in columns]
        if len(set(names)) < len(names):
            fields.refuse("two columns have one name")
        return cls(columns, fields.texts("notes", distinct=False))


def as_polars(frame: Table) -> pl.DataFrame:
    """The polars frame below, converting a frame of another library."""
    native = nw.to_native(frame, pass_through=True)
    return native if isinstance(native, pl.DataFrame) else nw.to_native(read_table(frame))


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


def _notes(columns: Sequence[Column], choices: dict[str, ColumnChoice]) -> tuple[str, ...]:
    """Plain sentences on what is done to each column, and why."""
    notes = []
    for kind, what in _DONE.items():
        names = [column.name for column in columns if isinstance(column, kind)]
        if names:
            notes.append(f"{_counted(len(names), *kind.done)} {what}: {_listed(names)}.")
    remarks: dict[str, list[str]] = {}
    for column in columns:
        for remark in column.remarks:
            remarks.setdefault(remark, []).append(column.name)
    notes.extend(f"{remark} {_listed(names)}." for remark, names in remarks.items())
    dropped: dict[str, list[str]] = {}
    for name, choice in choices.items():
        if choice.column is None:
            dropped.setdefault(choice.reason, []).append(name)
        elif choice.reason:
            notes.append(f"In {name}, {choice.reason}.")
    notes.extend(f"Dropped {_listed(names)}: {reason}." for reason, names in dropped.items())
    return tuple(notes)


#: What is done to each kind, in the order in which it is said.
_DONE: dict[type[Column], str] = {
    NumericColumn: "scaled by median and quartiles",
    OneHotColumn: "one-hot, a feature for each level",
    EmbeddedColumn: f"embedded, having {EMBED_FROM} levels or more",
    DateColumn: "split into calendar parts and elapsed time",
    TextColumn: "free text, a feature for each of the usual runs of letters",
}
