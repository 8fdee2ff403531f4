"""How each column of a table is read: found out once, and then the same for all new rows."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import polars as pl

from quickprop.data.date_spelling import FORMS, ISO, moments_of, spans_of
from quickprop.data.deviations import Deviation, deviations
from quickprop.data.number_spelling import NumberForm
from quickprop.data.text_cells import (
    FLAG_WORDS,
    MISSING_AMONG_NUMBERS,
    MISSING_MARKERS,
    stripped_text,
)
from quickprop.errors import DataError
from quickprop.foundation.documents import Fields

#: The kinds of spellings by name; each puts itself in.
SPELLINGS: dict[str, type[Spelling]] = {}
_UNREADABLE = "treated as missing, for they cannot be read"
_TEXT = (pl.String, pl.Categorical, pl.Enum)


@dataclass(frozen=True)
class Spelling(ABC):
    """How the cells of one column are written.

    Attributes
    ----------
    missing : tuple of str
        Texts that stand for a missing cell in this column, beside those that do so everywhere.
    """

    kind: ClassVar[str]
    missing: tuple[str, ...] = ()

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if not inspect.isabstract(cls):
            SPELLINGS[cls.kind] = cls

    @property
    @abstractmethod
    def as_text(self) -> bool:
        """Whether a text file must give its cells as they are written."""

    @abstractmethod
    def read(self, series: pl.Series, *, marked: bool) -> pl.Series:
        """The cells as values; null where missing or not to be read.

        Parameters
        ----------
        series : Series
            Text, or what a typed table holds.
        marked : bool
            Whether the table is a text file, in which texts stand for missing cells.
        """

    def read_new(self, series: pl.Series, *, marked: bool) -> tuple[pl.Series, list[Deviation]]:
        """The cells of new rows, and which cannot be read.

        Raises
        ------
        DataError
            Not one of the cells can be read.
        """
        values = self.read(series, marked=marked)
        if values.null_count() == series.null_count():
            return values, []
        given = stripped_text(series) if series.dtype in _TEXT else series
        known = (*MISSING_MARKERS, *MISSING_AMONG_NUMBERS, *self.missing)
        lost = given.filter(values.is_null() & given.is_not_null())
        odd = lost.filter(~lost.is_in(known)) if lost.dtype == pl.String else lost.head(0)
        if not len(odd):
            return values, []
        examples = [str(one) for one in odd.unique(maintain_order=True).head(4).to_list()]
        if values.null_count() == len(values) and len(odd) == len(lost):
            raise DataError(
                f"not one cell can be read as it could at training time: {self.what}",
                where=f"column {series.name!r}",
                given=repr(examples[0])[:80],
                hint="write the cells as they were, or leave them empty",
            )
        return values, list(deviations(series.name, _UNREADABLE, len(odd), len(values), examples))

    @property
    @abstractmethod
    def what(self) -> str:
        """What the cells are."""

    def to_document(self) -> dict[str, Any]:
        """All fields as JSON."""
        return {"kind": self.kind, "missing": list(self.missing)}

    @classmethod
    def from_fields(cls, fields: Fields) -> Spelling:
        """Read back what `to_document` wrote."""
        return cls(fields.texts("missing"))

    def _given(self, series: pl.Series) -> pl.Series:
        """Text without blanks around it, and without what stands for a missing cell here."""
        text = stripped_text(series)
        return text.set(text.is_in(self.missing), None) if self.missing else text


@dataclass(frozen=True)
class NumberSpelling(Spelling):
    """Numbers.

    Attributes
    ----------
    form : NumberForm
    sentinels : tuple of float
        Numbers that stand for a missing cell, such as -999.
    """

    kind = "number"
    form: NumberForm = field(default_factory=NumberForm)
    sentinels: tuple[float, ...] = ()

    @property
    def as_text(self) -> bool:
        """With a decimal comma, 1.234 is not what polars takes it for."""
        return self.form.decimal == ","

    @property
    def what(self) -> str:
        """Numbers."""
        return "numbers"

    def read(self, series: pl.Series, *, marked: bool) -> pl.Series:
        """Numbers; true, yes and the like are 1."""
        del marked
        values = series
        if series.dtype in _TEXT:
            text = self._given(series)
            values = self.form.read(text)
            if values.null_count() > text.null_count():
                flags = text.str.to_lowercase().replace_strict(
                    FLAG_WORDS, default=None, return_dtype=pl.Float64
                )
                values = values.fill_null(flags)
            values = values.alias(series.name)
        if self.sentinels and values.dtype.is_numeric():
            values = values.set(self._stand_for_gaps(values), None)
        return values

    def _stand_for_gaps(self, values: pl.Series) -> pl.Series:
        """Which of the numbers stand for a missing cell."""
        found = values.cast(pl.Float64).is_in([float(one) for one in self.sentinels])
        return found.fill_null(False)

    def to_document(self) -> dict[str, Any]:
        """All fields as JSON."""
        return {
            **super().to_document(),
            "decimal": self.form.decimal,
            "unit": self.form.unit,
            "multiplies": self.form.multiplies,
            "sentinels": list(self.sentinels),
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> NumberSpelling:
        """Read back what `to_document` wrote."""
        form = NumberForm(
            fields.text("decimal", (".", ",")), fields.text("unit"), fields.flag("multiplies")
        )
        sentinels = fields.items("sentinels")
        if not all(isinstance(one, int | float) and one == one for one in sentinels):
            fields.refuse("'sentinels' holds something that is no number")
        return cls(fields.texts("missing"), form, tuple(float(one) for one in sentinels))


@dataclass(frozen=True)
class MomentSpelling(Spelling):
    """Dates and times in one form."""

    kind = "moment"
    form: str = ISO

    @property
    def as_text(self) -> bool:
        """Whatever polars would take them for."""
        return True

    @property
    def what(self) -> str:
        """Dates, and their form."""
        return f"dates as {self.form}"

    def read(self, series: pl.Series, *, marked: bool) -> pl.Series:
        """Moments; those of a typed table stay as they are."""
        del marked
        if series.dtype.is_integer():
            series = series.cast(pl.String)
        elif series.dtype not in _TEXT:
            return series
        text = self._given(series)
        found = moments_of(text, self.form)
        if found.null_count() > text.null_count() and self.form != ISO:
            found = found.fill_null(moments_of(text, ISO))
        return found.alias(series.name)

    def to_document(self) -> dict[str, Any]:
        """All fields as JSON."""
        return {**super().to_document(), "form": self.form}

    @classmethod
    def from_fields(cls, fields: Fields) -> MomentSpelling:
        """Read back what `to_document` wrote."""
        return cls(fields.texts("missing"), fields.text("form", tuple(FORMS)))


@dataclass(frozen=True)
class SpanSpelling(Spelling):
    """Lengths of time and times of day."""

    kind = "span"

    @property
    def as_text(self) -> bool:
        """Whatever polars would take them for."""
        return True

    @property
    def what(self) -> str:
        """Lengths of time."""
        return "lengths of time, or times of day"

    def read(self, series: pl.Series, *, marked: bool) -> pl.Series:
        """Lengths of time; numbers are seconds."""
        del marked
        if series.dtype not in _TEXT:
            return series
        return spans_of(self._given(series)).alias(series.name)


@dataclass(frozen=True)
class LevelSpelling(Spelling):
    """Names of levels, true and false among them.

    Attributes
    ----------
    kept : tuple of str
        Levels that elsewhere stand for a missing cell, such as NA for North America.
    """

    kind = "level"
    kept: tuple[str, ...] = ()

    @property
    def as_text(self) -> bool:
        """01 is not 1."""
        return True

    @property
    def what(self) -> str:
        """Names."""
        return "names"

    def read(self, series: pl.Series, *, marked: bool) -> pl.Series:
        """Names as they are written."""
        if series.dtype != pl.String:
            return series
        text = self._given(series)
        if not marked:
            return text
        markers = [one for one in MISSING_MARKERS if one not in self.kept]
        return text.set(text.is_in(markers), None)

    def to_document(self) -> dict[str, Any]:
        """All fields as JSON."""
        return {**super().to_document(), "kept": list(self.kept)}

    @classmethod
    def from_fields(cls, fields: Fields) -> LevelSpelling:
        """Read back what `to_document` wrote."""
        return cls(fields.texts("missing"), fields.texts("kept"))


@dataclass(frozen=True)
class Schema:
    """How each column of a table is read.

    Attributes
    ----------
    columns : mapping of str to Spelling
    decimal : str
        The decimal sign of the table, for columns that do not say.
    """

    columns: Mapping[str, Spelling]
    decimal: str = "."

    @property
    def as_text(self) -> frozenset[str]:
        """Columns that a text file must give as they are written."""
        return frozenset(name for name, one in self.columns.items() if one.as_text)

    def with_decimal(self, decimal: str) -> Schema:
        """The same with another decimal sign in all numbers."""
        columns = {
            name: replace(one, form=replace(one.form, decimal=decimal))
            if isinstance(one, NumberSpelling)
            else one
            for name, one in self.columns.items()
        }
        return Schema(columns, decimal)

    def only(self, names: set[str]) -> Schema:
        """That of some of the columns."""
        return Schema({n: one for n, one in self.columns.items() if n in names}, self.decimal)

    def to_document(self) -> dict[str, Any]:
        """All fields as JSON."""
        return {
            "decimal": self.decimal,
            "columns": [{"name": n, **one.to_document()} for n, one in self.columns.items()],
        }

    @classmethod
    def from_document(cls, document: object, *, where: str = "schema") -> Schema:
        """Read back what `to_document` wrote, checking every field (`ModelFileError`)."""
        fields = Fields(document, where)
        columns = {
            one.text("name"): SPELLINGS[one.text("kind", tuple(SPELLINGS))].from_fields(one)
            for one in fields.objects("columns")
        }
        return cls(columns, fields.text("decimal", (".", ",")))
