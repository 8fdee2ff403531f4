"""Tables in memory, of whatever library, as a frame of polars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from quickprop.errors import DataError

#: The largest float64 is below two to this power.
MOST_BITS = 1024
#: What polars and others raise where values fit no type.
UNFIT = (
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    OSError,
    ValueError,
    RuntimeError,
    TypeError,
    OverflowError,
)


def table_of_columns(columns: Mapping[Any, Any], where: str) -> pl.DataFrame:
    """A frame from a dict of columns."""
    names = [str(name) for name in columns]
    check_names(names, where=where)
    series = [as_series(name, values, where) for name, values in zip(names, columns.values())]
    lengths = {len(one) for one in series}
    if len(lengths) > 1:
        raise DataError(
            "the columns differ in length",
            where=where,
            given=", ".join(f"{one.name}: {len(one)}" for one in series[:6]),
            hint="give each column one value for each row",
        )
    return pl.DataFrame(series)


def as_series(name: str, values: object, where: str) -> pl.Series:
    """One column, whatever holds it; mixed objects become text."""
    if isinstance(values, pl.Series):
        return values.alias(name)
    if isinstance(values, nw.Series):
        values = values.to_list()
    elif isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise DataError(
                f"column {name!r} is not one-dimensional",
                where=where,
                given=f"shape {values.shape}",
                hint="give one column for each name",
            )
        if values.dtype.kind in "biuf":
            return pl.Series(name, np.ascontiguousarray(values.astype(_plain_dtype(values.dtype))))
        if values.dtype.kind == "M":
            return pl.Series(name, values.astype("datetime64[us]"))
        values = values.tolist()
    elif hasattr(values, "to_list"):
        values = values.to_list()
    elif hasattr(values, "to_pylist"):
        values = values.to_pylist()
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise DataError(
            f"column {name!r} is not a list of values",
            where=where,
            given=type(values).__name__,
            hint="give one value for each row",
        )
    cells = [None if _is_missing(cell) else cell for cell in values]
    for cell in cells:
        # Neither polars nor an error message could write a number of thousands of digits.
        if isinstance(cell, int) and cell.bit_length() > MOST_BITS:
            raise DataError(
                f"column {name!r} holds a whole number that no number type can hold",
                where=where,
                given=f"a number of about {cell.bit_length() * 3 // 10} digits",
                hint="give it as text, or in another unit",
            )
    try:
        return pl.Series(name, cells, strict=True)
    except UNFIT:
        given = [cell for cell in cells if cell is not None]
        if all(isinstance(cell, Real) and not isinstance(cell, bool) for cell in given):
            return pl.Series(name, [None if c is None else float(c) for c in cells], pl.Float64)
        texts = [None if cell is None else _text_of(cell) for cell in cells]
        try:
            return pl.Series(name, texts, pl.String)
        except UnicodeEncodeError as error:
            raise DataError(
                f"column {name!r} holds text that is not Unicode",
                where=where,
                given=f"half of a character, {error.object[error.start]!r}",
                hint="read the text with the encoding that it was written in",
            ) from None


def _text_of(cell: object) -> str:
    """A cell among others of another type as text: 1 and 1.0 are one value, and so is "1"."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2.0**53:
        return str(int(cell))
    return str(cell)


def _plain_dtype(dtype: np.dtype) -> np.dtype:
    """The type that polars takes in place of the half and the long double."""
    return np.dtype(np.float64) if dtype.kind == "f" and dtype.itemsize not in (4, 8) else dtype


def _is_missing(cell: object) -> bool:
    """None, NaN, and the missing values of pandas, which are not equal to themselves or unclear."""
    if cell is None:
        return True
    if isinstance(cell, (str, bytes, list, dict)):
        return False
    try:
        return bool(cell != cell)
    except (TypeError, ValueError):
        return type(cell).__name__ == "NAType"


def table_of_foreign(data: object, where: str) -> pl.DataFrame:
    """A polars frame from a table of another library, through narwhals."""
    try:
        table: Any = nw.from_native(data)
    except TypeError:
        table = None
    except nw.exceptions.DuplicateError:
        check_columns(data, where=where)
        raise
    if isinstance(table, nw.LazyFrame):
        try:
            table = nw.from_native(table.collect().to_native(), eager_only=True)
        except Exception as error:
            # What a lazy table does when it runs is the caller's, and so are its errors.
            raise DataError(
                "the lazy table could not be computed",
                where=where,
                given=str(error).split("\n", 1)[0][:160] or type(error).__name__,
                hint="compute it first and pass the result",
            ) from error
    if not isinstance(table, nw.DataFrame):
        raise DataError(
            "not a table",
            where=where,
            allowed="a path, a pandas, polars or pyarrow table, or a dict of columns",
            given=type(data).__name__,
            hint="put the columns in a dict or a data frame",
        )
    try:
        names = list(table.columns)
    except nw.exceptions.DuplicateError:
        check_columns(data, where=where)
        raise
    # Names that differ as objects (1 and "1") may be one as text, which `table_of_columns` checks.
    # By their places: pandas takes numbers and tuples for names too.
    every = zip(names, table.iter_columns(), strict=True)
    columns = [(str(name), _foreign_series(series)) for name, series in every]
    check_names([name for name, _ in columns], where=where)
    return table_of_columns(dict(columns), where)


def check_columns(table: Any, *, where: str = "data") -> None:
    """Raise when two columns of a table of another library have one name."""
    # Those of pyarrow are called so; to others it may be the name of a column.
    names = getattr(table, "column_names", None)
    check_names(
        [str(n) for n in (names if isinstance(names, list) else table.columns)], where=where
    )


def _foreign_series(series: nw.Series[Any]) -> object:
    """Values of one column in a form that `as_series` takes, fast where there is a fast way."""
    dtype = series.dtype
    plain = dtype.is_integer() or dtype == nw.Boolean
    if dtype.is_float() or (plain and series.null_count() == 0):
        return series.to_numpy()
    try:
        return series.to_polars()
    except (ImportError, AttributeError, *UNFIT):
        # pandas without pyarrow cannot hand its columns over; its plain values will do.
        return series.to_list()


def check_names(names: Sequence[str], *, where: str) -> None:
    """Raise when two columns have one name, or one has none that can be written."""
    seen: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        try:
            name.encode()
        except UnicodeEncodeError:
            raise DataError(
                "the name of a column is not Unicode text", where=where, given=repr(name)[:80],
                hint="rename the column",
            ) from None  # fmt: skip
        if name in seen:
            raise DataError(
                f"two columns are called {name!r}",
                where=where,
                allowed="each name once",
                given=f"columns {seen[name]} and {place}",
                hint="give each column a name of its own",
            )
        seen[name] = place
