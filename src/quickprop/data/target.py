"""The target column: which rows have one, and how it is written for a network and read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import narwhals as nw
import numpy as np
import polars as pl

from quickprop.data.cells import cells_as_numbers
from quickprop.data.in_memory import as_series
from quickprop.data.standardizer import Standardizer
from quickprop.data.text_cells import level_names, stripped_text
from quickprop.errors import DataError, did_you_mean
from quickprop.foundation.documents import Fields

#: Microseconds.
_DAY = 86_400e6

Values = nw.Series[Any] | pl.Series | np.ndarray | Sequence[Any]


def target_series(values: Values, name: str = "target") -> pl.Series:
    """The values as a polars series; text without blanks around it, NaN as missing."""
    if isinstance(values, nw.Series):
        series = as_series(values.name, values.to_native(), name)
    elif isinstance(values, pl.Series):
        series = values
    else:
        series = as_series(name, values, name)
    if series.dtype.is_float():
        return series.fill_nan(None)
    if series.dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        return stripped_text(series)
    if series.dtype in (pl.Object, pl.Binary, pl.Struct):
        given = series.drop_nulls().head(1).to_list()
        raise DataError(
            "cells that can be neither numbers nor classes",
            where=f"target {series.name!r}",
            allowed="numbers, text, true or false, dates, lengths of time",
            given=type(given[0]).__name__ if given else str(series.dtype),
            hint="make them numbers or text first",
        )
    return series


def usable_rows(values: Values) -> tuple[np.ndarray, str | None]:
    """Which rows have a target, and a note when some have none.

    Returns
    -------
    mask : bool array, shape (n,)
    note : str or None

    Raises
    ------
    DataError
        No row has a target.
    """
    series = target_series(values)
    mask = series.is_not_null().to_numpy()
    missing = int(len(mask) - mask.sum())
    if missing == len(mask):
        raise DataError(
            "every cell of the target is missing",
            where=f"target {series.name!r}",
            hint="name another target column",
        )
    if not missing:
        return mask, None
    rows = "1 row is" if missing == 1 else f"{missing} rows are"
    return mask, f"{rows} set aside because the target {series.name!r} is missing there."


def _refuse_missing(series: pl.Series) -> None:
    missing = series.null_count()
    if missing:
        raise DataError(
            f"{missing} cell{'s are' if missing > 1 else ' is'} missing",
            where=f"target {series.name!r}",
            hint="leave out the rows without a target",
        )


def _numbers(series: pl.Series) -> np.ndarray:
    """A numeric target as finite float64."""
    _refuse_missing(series)
    if series.dtype in (pl.Date, pl.Datetime):
        moments = series.cast(pl.Datetime("us", getattr(series.dtype, "time_zone", None)))
        series = moments.dt.replace_time_zone(None).dt.timestamp("us") / _DAY
    try:
        values = cells_as_numbers(series)
    except DataError as error:
        raise DataError(
            "text where a number is needed",
            where=f"target {series.name!r}",
            given=error.given,
            hint="make the cells numbers, or use --task classification",
        ) from error
    if series.dtype == pl.String:
        _refuse_missing(pl.Series(series.name, values).fill_nan(None))
    infinite = int(np.isinf(values).sum())
    if infinite:
        raise DataError(
            f"{infinite} cell{'s are' if infinite > 1 else ' is'} infinite",
            where=f"target {series.name!r}",
            hint="mend those rows or leave them out",
        )
    return values


@dataclass(frozen=True)
class RegressionTarget:
    """A quantity, standardised by the mean and the standard deviation of the training rows."""

    kind: ClassVar[str] = "regression"

    mean: float
    scale: float

    @classmethod
    def fit(cls, values: Values) -> RegressionTarget:
        """Learn from the training rows.

        Raises
        ------
        DataError
            A constant target, text, or infinite or missing cells.
        """
        series = target_series(values)
        numbers = _numbers(series)
        if not len(numbers) or numbers.min() == numbers.max():
            if series.dtype.is_integer() and series.n_unique() > 1:
                raise DataError(
                    "whole numbers so large that their differences are lost in float64",
                    where=f"target {series.name!r}",
                    given=f"{series.min()!r} to {series.max()!r}",
                    hint="take a constant away from all of them first",
                )
            raise DataError(
                "every cell is the same, so there is nothing to predict",
                where=f"target {series.name!r}",
                given=f"{numbers[0]:g}" if len(numbers) else "no rows",
                hint="name a target that differs from row to row",
            )
        learned = Standardizer.fit(numbers)
        mean, scale = float(learned.mean), float(learned.scale)
        if learned.constant or not np.isfinite(mean):
            raise DataError(
                "the numbers are too large or too small to compute with",
                where=f"target {series.name!r}",
                given=f"up to {float(np.abs(numbers).max()):g}",
                hint="use another unit",
            )
        return cls(mean, scale)

    def encode(self, values: Values) -> np.ndarray:
        """Standardised targets, float32, shape (n, 1)."""
        numbers = _numbers(target_series(values))
        return ((numbers - self.mean) / self.scale).astype(np.float32)[:, None]

    def decode(self, array: np.ndarray) -> np.ndarray:
        """Standardised values, shape (n,) or (n, 1), in the unit of the target, float64 (n,)."""
        return np.asarray(array, np.float64).reshape(-1) * self.scale + self.mean

    def numbers(self, values: Values) -> np.ndarray:
        """The target in its own unit, float64, shape (n,), checked as `encode` does."""
        return _numbers(target_series(values))

    def to_document(self) -> dict[str, Any]:
        """All fields as JSON."""
        return {"kind": self.kind, "mean": self.mean, "scale": self.scale}

    @classmethod
    def from_document(cls, document: object, *, where: str = "target") -> RegressionTarget:
        """Read back what `to_document` wrote, checking every field (`ModelFileError`)."""
        fields = Fields(document, where)
        fields.text("kind", (cls.kind,))
        return cls(fields.number("mean"), fields.number("scale", above=0.0))


ClassValue = str | int | float | bool
_TYPES: dict[str, type] = {"text": str, "integer": int, "number": float, "boolean": bool}


@dataclass(frozen=True)
class ClassTarget:
    """Classes in the order of their values; a network sees their places 0, 1, 2, ..."""

    kind: ClassVar[str] = "classification"

    classes: tuple[ClassValue, ...]

    @classmethod
    def fit(cls, values: Values) -> ClassTarget:
        """Learn the classes from the rows given.

        Raises
        ------
        DataError
            One class only, or missing or infinite cells.
        """
        series = target_series(values)
        _refuse_missing(series)
        classes = _distinct_values(series)
        if len(classes) < 2:
            raise DataError(
                "there is one class only, so there is nothing to predict",
                where=f"target {series.name!r}",
                given=repr(classes[0]) if classes else "no rows",
                hint="name a target with two classes or more",
            )
        return cls(tuple(classes))

    @property
    def keys(self) -> tuple[str, ...]:
        """The classes as text, however they were typed."""
        return tuple(_keys(self.classes))

    def encode(self, values: Values) -> np.ndarray:
        """The place of each class, int32, shape (n,).

        Raises
        ------
        DataError
            A class that was not there at training time, or a missing cell.
        """
        series = target_series(values)
        _refuse_missing(series)
        text = level_names(series)
        codes = text.replace_strict(
            list(self.keys), list(range(len(self.classes))), default=-1, return_dtype=pl.Int32
        ).to_numpy()
        unseen = np.flatnonzero(codes < 0)
        if len(unseen):
            name = str(text[int(unseen[0])])
            shown = ", ".join(self.keys[:12]) + (", ..." if len(self.keys) > 12 else "")
            raise DataError(
                f"the class {name!r} was not there at training time",
                where=f"target {series.name!r}",
                allowed=shown,
                hint=did_you_mean(name, self.keys) or "leave out the rows of that class",
            )
        return codes.astype(np.int32)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """The classes at these places: text as an object array, others in their own type."""
        kind = object if isinstance(self.classes[0], str) else None
        return np.asarray(np.array(self.classes, dtype=kind)[np.asarray(codes).reshape(-1)])

    def to_document(self) -> dict[str, Any]:
        """All fields as JSON."""
        kind = next(n for n, t in _TYPES.items() if type(self.classes[0]) is t)
        return {"kind": self.kind, "type": kind, "classes": list(self.classes)}

    @classmethod
    def from_document(cls, document: object, *, where: str = "target") -> ClassTarget:
        """Read back what `to_document` wrote, checking every field (`ModelFileError`)."""
        fields = Fields(document, where)
        fields.text("kind", (cls.kind,))
        expected = _TYPES[fields.text("type", tuple(_TYPES))]
        classes = fields.items("classes", least=2)
        for one in classes:
            if type(one) is not expected or not _may_be_class(one):
                fields.refuse("a class of another type", given=repr(one)[:80])
        if len(set(_keys(classes))) < len(classes):
            fields.refuse("'classes' holds a class twice")
        if classes != sorted(classes):
            fields.refuse("'classes' are not in order")
        return cls(tuple(classes))


Target = RegressionTarget | ClassTarget
_TARGETS: dict[str, type[Target]] = {one.kind: one for one in (RegressionTarget, ClassTarget)}


def target_from_document(document: object, *, where: str = "target") -> Target:
    """Read back a target of either kind (`ModelFileError`)."""
    kind = Fields(document, where).text("kind", tuple(_TARGETS))
    return _TARGETS[kind].from_document(document, where=where)


def _may_be_class(value: object) -> bool:
    """Whether a table can hold the value."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**64
    return bool(np.isfinite(value)) if isinstance(value, float) else True


def _keys(classes: Sequence[ClassValue]) -> list[str]:
    """The classes, all of one type, as `level_names` calls them."""
    if type(classes[0]) is int:
        return [str(one) for one in classes]
    return [str(key) for key in level_names(pl.Series(list(classes))).to_list()]


def _distinct_values(series: pl.Series) -> list[ClassValue]:
    """The different values in order, as Python's own types; whole numbers as int."""
    if series.dtype == pl.Boolean:
        return [bool(v) for v in series.unique().sort().to_list()]
    if series.dtype.is_numeric():
        if series.dtype.is_integer():
            return [int(v) for v in series.unique().sort().to_list()]
        numbers = np.unique(_numbers(series))
        if bool((numbers == np.round(numbers)).all()) and float(np.abs(numbers).max()) < 2.0**53:
            return [int(v) for v in numbers]
        return [float(v) for v in numbers]
    # "True" and "TRUE" are one level, as everywhere; the first in order names it.
    text = series.dt.to_string("iso") if series.dtype == pl.Duration else series.cast(pl.String)
    named = pl.DataFrame({"value": text, "key": level_names(text)}).unique().sort("value")
    return named.unique("key", keep="first", maintain_order=True)["value"].to_list()
