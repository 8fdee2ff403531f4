"""Dates and times: the parts of the calendar on circles, and the time that has gone by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from quickprop.data.cells import MomentCells
from quickprop.data.column import Column
from quickprop.data.numeric_column import GAPS, Scaling
from quickprop.data.schema import MomentSpelling
from quickprop.data.text_cells import clean_text
from quickprop.errors import DataError
from quickprop.foundation.documents import Fields

_ISO_DATE = r"^\d{4}[-/]\d{1,2}[-/]\d{1,2}$"
_ISO_MOMENT = (
    r"^\d{4}[-/]\d{1,2}[-/]\d{1,2}[T ]\d{1,2}:\d{2}(:\d{2}(\.\d{1,9})?)?"
    r" ?(Z|UTC|[+-]\d{2}:?\d{2})?$"
)
_ZONE = r" ?(Z|UTC|[+-]\d{2}:?\d{2})$"
_FRACTION = r"\.\d+"
_DAY = 86_400e6


def moments_in_text(text: pl.Series) -> pl.Series:
    """The moments that cleaned text spells as ISO 8601, missing where it spells none.

    The zone is set aside: the calendar of the place where the clock hung is what has a pattern.
    """
    iso = (text.str.contains(_ISO_DATE) | text.str.contains(_ISO_MOMENT)).fill_null(False)
    plain = text.set(~iso, None)
    plain = plain.str.replace_all("/", "-", literal=True)
    with_clock = plain.str.contains(":", literal=True).fill_null(False)
    day = plain.str.to_datetime("%Y-%m-%d", strict=False, time_unit="us")
    clock = plain.set(~with_clock, None).str.replace(_ZONE, "").str.replace(_FRACTION, "")
    clock = clock.str.replace("T", " ", literal=True)
    full = clock.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us")
    short = clock.str.to_datetime("%Y-%m-%d %H:%M", strict=False, time_unit="us")
    return pl.select(
        pl.when(with_clock).then(pl.coalesce(full, short)).otherwise(day).alias(text.name)
    ).to_series()


def holds_dates(text: pl.Series) -> bool:
    """Whether every text that is there is an ISO date."""
    given = text.drop_nulls()
    if not len(given) or not bool(given.head(20).str.contains(r"^\d{4}[-/]\d").all()):
        return False
    return moments_in_text(given).null_count() == 0


def cells_as_moments(series: pl.Series) -> pl.Series:
    """The cells as moments on the local clock, to the microsecond.

    Raises
    ------
    DataError
        Cells that are not dates, with the column and an example.
    """
    kind = series.dtype
    if isinstance(kind, pl.Datetime):
        return series.dt.replace_time_zone(None).cast(pl.Datetime("us"))
    if kind == pl.Date:
        return series.cast(pl.Datetime("us"))
    if kind == pl.Null:
        return series.cast(pl.Datetime("us"))
    if kind == pl.String:
        text = clean_text(series)
        moments = moments_in_text(text)
        odd = text.filter(text.is_not_null() & moments.is_null())
        if not len(odd):
            return moments
        example = repr(odd[0])
    elif series.null_count() == len(series):
        return pl.Series(series.name, [None] * len(series), pl.Datetime("us"))
    else:
        example = repr(series.drop_nulls()[0])
    raise DataError(
        "not a date where there were dates at training time",
        where=f"column {series.name!r}",
        allowed="dates, or text such as 2024-05-31 or 2024-05-31 13:45:00",
        given=example,
        hint="write the dates that way, or leave the cells empty",
    )


_CIRCLES: dict[str, Callable[[pl.Series], pl.Series]] = {
    "time of year": lambda moments: (moments.dt.ordinal_day() - 1) / 365.25,
    "day of month": lambda moments: (moments.dt.day() - 1) / 31.0,
    "weekday": lambda moments: (moments.dt.weekday() - 1) / 7.0,
    "time of day": lambda moments: (moments.dt.timestamp("us") % int(_DAY)) / _DAY,
}
"""Parts of the calendar that come round again, each as the fraction of its round gone by."""


@dataclass(frozen=True)
class DateColumn(Column):
    """A column of dates: sine and cosine of each calendar part that varies, and elapsed days."""

    kind = "date"
    done = ("date column is", "date columns are")

    name: str
    parts: tuple[str, ...]
    elapsed: Scaling
    flags_missing: bool

    @classmethod
    def learn(cls, name: str, cells: MomentCells) -> DateColumn:
        """Learn which calendar parts vary, and the scaling of the elapsed days."""
        given = cells.moments.drop_nulls()
        parts = tuple(part for part, round_of in _CIRCLES.items() if round_of(given).n_unique() > 1)
        elapsed = Scaling.fit(_days(given), may_log=False)
        return cls(name, parts, elapsed, len(given) < len(cells.moments))

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        names = [f"{self.name}: {part} ({wave})" for part in self.parts for wave in ("sin", "cos")]
        names.append(f"{self.name}: elapsed days")
        return (*names, f"{self.name} is missing") if self.flags_missing else tuple(names)

    @property
    def continuous(self) -> tuple[int, ...]:
        """All of them."""
        return tuple(range(len(self.features)))

    @property
    def code_names(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """Gaps."""
        return (GAPS,) if self.flags_missing else ()

    @property
    def spelling(self) -> MomentSpelling:
        """As it is read where nothing more is known."""
        return MomentSpelling()

    def read(self, series: pl.Series) -> MomentCells:
        """As moments."""
        return MomentCells(cells_as_moments(series))

    def write(self, cells: MomentCells, out: np.ndarray) -> None:
        """The circles, the days, the flag."""
        moments = cells.moments
        missing = moments.is_null().to_numpy()
        place = 0
        for part in self.parts:
            angle = 2 * np.pi * _CIRCLES[part](moments).cast(pl.Float64).fill_null(0).to_numpy()
            # The middle of the circle is as far from one day as from any other.
            out[:, place] = np.where(missing, 0.0, np.sin(angle))
            out[:, place + 1] = np.where(missing, 0.0, np.cos(angle))
            place += 2
        days = np.where(missing, np.nan, _days(moments))
        out[:, place] = self.elapsed.apply(days)
        if self.flags_missing:
            out[:, place + 1] = missing

    def to_document(self) -> dict[str, Any]:
        """All fields as JSON."""
        return {
            "kind": self.kind,
            "name": self.name,
            "parts": list(self.parts),
            **self.elapsed.to_document(),
            "flags_missing": self.flags_missing,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> DateColumn:
        """Read back what `to_document` wrote."""
        return cls(
            fields.text("name"),
            fields.texts("parts", allowed=tuple(_CIRCLES)),
            Scaling.from_fields(fields),
            fields.flag("flags_missing"),
        )


def _days(moments: pl.Series) -> np.ndarray:
    """Days since 1970, float64, 0 where missing."""
    return moments.dt.timestamp("us").fill_null(0).to_numpy() / _DAY
