"""The cells of a column, read once: numbers, moments or levels, by the number of the row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl

from quickprop.data.text_cells import (
    clean_text,
    first_without_number,
    names_of_distinct,
    numbers_in_text,
)
from quickprop.errors import DataError

_MICROSECONDS = 1e6
#: Whole numbers beyond this are not all numbers of float64.
_EXACT = 2**53


class Cells(ABC):
    """What stands in each row of a column."""

    @abstractmethod
    def take(self, rows: np.ndarray) -> Cells:
        """Those of some rows."""


@dataclass(frozen=True, eq=False)
class NumberCells(Cells):
    """Numbers, float64; NaN where missing, infinities stay.

    Attributes
    ----------
    values : array, shape (rows,)
        The numbers less `origin`.
    origin : int
        Not 0 for whole numbers so large that float64 does not tell neighbours apart.
    """

    values: np.ndarray
    origin: int = 0

    def take(self, rows: np.ndarray) -> NumberCells:
        """Those of some rows."""
        return replace(self, values=self.values[rows])

    @cached_property
    def finite(self) -> np.ndarray:
        """Which are numbers."""
        return np.asarray(np.isfinite(self.values))


@dataclass(frozen=True, eq=False)
class MomentCells(Cells):
    """Moments on the local clock, to the microsecond: a series of them, null where missing."""

    moments: pl.Series

    def take(self, rows: np.ndarray) -> MomentCells:
        """Those of some rows."""
        return MomentCells(self.moments.gather(rows))


@dataclass(frozen=True, eq=False)
class LevelCells(Cells):
    """Levels by their names, each name once.

    Attributes
    ----------
    names : Series of text
        In no order.
    codes : int array, shape (rows,)
        The place of each cell's name; -1 where missing.
    are_numbers : bool
        Whether the cells were typed as numbers, of which no 0 in front is left.
    """

    names: pl.Series
    codes: np.ndarray
    are_numbers: bool = False

    def take(self, rows: np.ndarray) -> LevelCells:
        """Those of some rows; the names stay."""
        return replace(self, codes=self.codes[rows])

    @cached_property
    def counts(self) -> np.ndarray:
        """How often each name comes."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.names))

    @property
    def missing(self) -> int:
        """How many cells are missing."""
        return len(self.codes) - self.given

    @property
    def given(self) -> int:
        """How many cells are not missing."""
        return int(self.counts.sum())


def number_cells(series: pl.Series, origin: int | None = None) -> NumberCells:
    """Read numbers.

    Parameters
    ----------
    series : Series
    origin : int, optional
        What is taken away from whole numbers; by default what keeps them apart.

    Raises
    ------
    DataError
        Cells that no number can be made of, with the column and an example.
    """
    if series.dtype.is_integer():
        if origin is None:
            origin = _origin(series)
        if origin:
            return NumberCells(_less(series, origin), origin)
    values = cells_as_numbers(series)
    return NumberCells(values - origin if origin else values, origin or 0)


def _origin(series: pl.Series) -> int:
    """0, or the smallest of whole numbers that lie close together and far from 0."""
    low, high = series.min(), series.max()
    if low is None or high is None:
        return 0
    low, high = int(low), int(high)  # type: ignore[arg-type]
    return low if max(-low, high) > _EXACT and high - low <= _EXACT else 0


def _less(series: pl.Series, origin: int) -> np.ndarray:
    """Whole numbers less `origin`, exactly where they are near it; NaN where missing."""
    missing = series.is_null().to_numpy()
    whole = series.fill_null(0).to_numpy()
    about = whole.astype(np.float64) - float(origin)
    kind = np.uint64 if whole.dtype.kind == "u" else np.int64
    # Wraps around where the difference is large, and there it is not used.
    exact = (whole.astype(kind) - np.array(origin).astype(kind)).astype(np.int64)
    values = np.where(np.abs(about) < 2.0**62, exact.astype(np.float64), about)
    values[missing] = np.nan
    return values


def cells_as_numbers(series: pl.Series) -> np.ndarray:
    """The cells as float64, NaN where missing; infinities stay.

    Raises
    ------
    DataError
        Cells that no number can be made of, with the column and an example.
    """
    kind = series.dtype
    if kind.is_numeric() or kind in (pl.Boolean, pl.Null):
        numbers = series.cast(pl.Float64)
    elif kind in (pl.String, pl.Categorical, pl.Enum):
        text = clean_text(series)
        numbers = numbers_in_text(text)
        odd = first_without_number(text, numbers)
        if odd is not None:
            raise DataError(
                "text where there were numbers at training time",
                where=f"column {series.name!r}",
                given=repr(odd),
                hint="make the cells numbers, or leave them empty",
            )
    elif kind == pl.Duration:
        numbers = series.dt.total_microseconds().cast(pl.Float64) / _MICROSECONDS
    elif kind == pl.Time:
        numbers = series.cast(pl.Duration("us")).dt.total_microseconds() / _MICROSECONDS
    else:
        raise DataError(
            "cells of another kind where there were numbers at training time",
            where=f"column {series.name!r}",
            given=str(kind),
            hint="make the cells numbers, or leave them empty",
        )
    if numbers.null_count():
        numbers = numbers.fill_null(float("nan"))
    return np.asarray(numbers.to_numpy(), np.float64)


def level_cells(series: pl.Series) -> LevelCells:
    """Read levels, by the names that `level_names` gives them.

    Raises
    ------
    DataError
        Cells that have no name, such as lists.
    """
    kind = series.dtype
    if kind.is_nested() or kind in (pl.Binary, pl.Object):
        raise DataError(
            "cells of another kind where there was text at training time",
            where=f"column {series.name!r}",
            given=str(kind),
            hint="make the cells text, or leave them empty",
        )
    if kind == pl.Boolean:
        codes = series.cast(pl.Int32).fill_null(-1).to_numpy()
        return LevelCells(pl.Series(["false", "true"]), codes)
    if kind == pl.Duration:
        series = series.dt.to_string("iso")
    elif kind in (pl.Categorical, pl.Enum) or kind.is_temporal():
        series = series.cast(pl.String)
    distinct, codes = _places(series)
    names = names_of_distinct(distinct)
    if not names.null_count() and (distinct.dtype == pl.String and distinct.equals(names)):
        # Clean text, the usual case.
        return LevelCells(names, codes)
    numbers = kind.is_numeric()
    # Several values may have one name, and some stand for a missing one.
    known = names.drop_nulls().unique()
    found = _number_of(names, known)
    return LevelCells(known, np.append(found, np.int32(-1))[codes], numbers)


def _places(series: pl.Series) -> tuple[pl.Series, np.ndarray]:
    """The different values, and for each cell which of them it is, -1 where missing."""
    distinct = series.drop_nulls().unique()
    return distinct, _number_of(series, distinct)


def _number_of(series: pl.Series, known: pl.Series) -> np.ndarray:
    """The place of each value among different ones that hold them all; -1 where missing."""
    if not len(known):
        return np.full(len(series), -1, np.int32)
    if series.dtype == pl.String:
        places = series.cast(pl.Enum(known)).to_physical().cast(pl.Int32)
    else:
        places = series.replace_strict(
            known, pl.int_range(len(known), dtype=pl.Int32, eager=True), return_dtype=pl.Int32,
            default=None,
        )  # fmt: skip
    return places.fill_null(-1).to_numpy()
