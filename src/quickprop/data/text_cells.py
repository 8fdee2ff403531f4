"""What a text cell means: a missing value, a number, or the name of a level."""

from __future__ import annotations

import polars as pl

MISSING_MARKERS = (
    "",
    "?",
    "NA",
    "N/A",
    "n/a",
    "#N/A",
    "<NA>",
    "NaN",
    "nan",
    "NaT",
    "NULL",
    "Null",
    "null",
)
"""Texts that stand for a missing value wherever they come."""

MISSING_AMONG_NUMBERS = (
    "-", "--", "---", ".", "..", "...", "*", "None", "none", "NONE", "na", "n.a.", "N.A.", "n.d.",
    "missing", "Missing", "unknown", "Unknown", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!",
    "#NULL!", "#N/A N/A", "#NA", "-nan", "-NaN", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN",
)  # fmt: skip
"""Texts that stand for a missing value only in a column that otherwise holds numbers.

In a text column they may be a level of their own: a diagnosis of "None" is an answer.
"""

_THOUSANDS = r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$"


FLAG_WORDS = {
    "true": 1.0, "t": 1.0, "yes": 1.0, "y": 1.0, "on": 1.0,
    "false": 0.0, "f": 0.0, "no": 0.0, "n": 0.0, "off": 0.0,
}  # fmt: skip
"""Words for 1 and 0, in small letters."""


def stripped_text(series: pl.Series) -> pl.Series:
    """Text without blanks around it; missing where nothing else is there."""
    text = series.cast(pl.String).str.strip_chars()
    return text.set(text == "", None)


def clean_text(series: pl.Series) -> pl.Series:
    """Text without blanks around it, and without the markers of a missing value."""
    text = series.cast(pl.String).str.strip_chars()
    return text.set(text.is_in(MISSING_MARKERS), None)


def numbers_in_text(series: pl.Series, *, decimal_comma: bool = False) -> pl.Series:
    """The numbers that cleaned text spells, missing where it spells none.

    "1,234.5" is read with its commas between thousands, and "1,5" as one and a half where
    `decimal_comma` says that the file is written so.
    """
    if decimal_comma:
        spelled = series.str.replace(r"^([+-]?\d+),(\d+)$", "${1}.${2}")
    else:
        grouped = series.str.contains(_THOUSANDS)
        plain = series.str.replace_all(",", "", literal=True)
        spelled = plain.zip_with(grouped.fill_null(False), series)
    return spelled.cast(pl.Float64, strict=False).fill_nan(None)


def first_without_number(series: pl.Series, numbers: pl.Series) -> str | None:
    """The first text that is neither a number nor a sign for a missing one, if there is any."""
    odd = series.filter(
        series.is_not_null() & numbers.is_null() & ~series.is_in(MISSING_AMONG_NUMBERS)
    )
    return str(odd[0]) if len(odd) else None


def level_names(series: pl.Series) -> pl.Series:
    """One text for each value, the same for the same value however its column was typed.

    A whole number reads "1" whether it came as 1, 1.0 or "1"; a boolean reads "true" whether it
    came as True, "True" or "TRUE".
    """
    if series.dtype == pl.Boolean:
        return series.cast(pl.String)
    by_name = series.dtype in (pl.Categorical, pl.Enum) or series.dtype.is_temporal()
    if series.dtype == pl.Duration:
        values = series.dt.to_string("iso")
    else:
        values = series.cast(pl.String) if by_name else series
    distinct = values.unique()
    names = names_of_distinct(distinct)
    if distinct.dtype == pl.String and distinct.equals(names, null_equal=True):
        # Clean text, the usual case: nothing to rename.
        return values
    return values.replace_strict(distinct, names, return_dtype=pl.String)


def names_of_distinct(distinct: pl.Series) -> pl.Series:
    """The name of each of these different values."""
    if distinct.dtype.is_float():
        whole = (distinct == distinct.round()) & (distinct.abs() < 2.0**53)
        as_whole = distinct.cast(pl.Int64, strict=False).cast(pl.String)
        text = as_whole.zip_with(whole.fill_null(False), distinct.cast(pl.String))
        return text.set(distinct.is_nan().fill_null(False), None)
    text = stripped_text(distinct)
    lower = text.str.to_lowercase()
    return lower.zip_with(lower.is_in(["true", "false"]).fill_null(False), text)
