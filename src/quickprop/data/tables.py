"""Files and tables of any make in, one kind of table out."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
import polars.selectors as cs

from quickprop.data.csv_file import check_names, parse_csv
from quickprop.data.forked import begin_work
from quickprop.errors import DataError, DataFileError, did_you_mean
from quickprop.foundation.bounded_file import (
    STANDARD_INPUT,
    available_memory,
    check_regular_file,
    decompressed,
    read_bounded,
    read_standard_input,
    shown_path,
)

_TEXT_ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
IPC_ENDINGS = (".arrow", ".ipc", ".feather")
READABLE = (*_TEXT_ENDINGS, ".parquet", *IPC_ENDINGS)
"""Endings of the files that `read_table` opens."""

#: How what gzip packed begins.
_GLANCE = 2**16
_GZIP = b"\x1f\x8b"
#: Larger files do not fit into the memory of most machines.
_LARGEST_FILE = 2**36

#: What makes a frame of the bytes of a delimited text.
TextReader = Callable[[bytes, str], pl.DataFrame]

#: A table as it is passed on.
Table = nw.DataFrame[Any]

#: Rows of an array that are turned into columns at a time.
_PIECE = 1024
#: The largest float64 is below two to this power.
_MOST_BITS = 1024
_AS_FLOAT = ("Int128", "UInt128", "Float16", "Decimal")

_BROKEN_FILE = (
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    zlib.error,
)


def read_table(data: object, *, where: str = "data") -> Table:
    """Read a table from a file, or take one that is in memory.

    Parameters
    ----------
    data : str, path, table or dict
        The path of a CSV (also gzip), TSV, Parquet or Arrow IPC file, or "-" for delimited text
        from standard input; or a pandas, polars or pyarrow table; or a dict of columns.
    where : str
        What error messages call a table that is not a file.

    Returns
    -------
    narwhals.DataFrame
        The table, held by polars. Cells that are NaN are missing in it.

    Raises
    ------
    DataFileError
        A file that is not there, cannot be read or is of a kind that is not known.
    DataError
        A table without rows or columns, or with two columns of one name.

    Examples
    --------
    >>> from quickprop.data import read_table, sample_path
    >>> table = read_table(sample_path("iris"))
    >>> table.shape, table.columns[-1]
    ((150, 5), 'species')
    """
    return load_table(data, _parse_text, where=where)


def load_table(data: object, read_text: TextReader, *, where: str = "data") -> Table:
    """As `read_table`, with `read_text` for what is delimited text."""
    if isinstance(data, nw.DataFrame):
        data = data.to_native()
    if isinstance(data, (str, os.PathLike)):
        path = Path(os.path.expanduser(os.fsdecode(data)))
        where = os.fsdecode(data)
        frame = _read_file(path, where, read_text)
    elif isinstance(data, pl.DataFrame):
        frame = data
    elif isinstance(data, Mapping):
        frame = table_of_columns(data, where)
    else:
        frame = _from_foreign(data, where)
    if not frame.width:
        raise DataError("the table has no columns", where=where, hint="give at least one column")
    if not frame.height:
        raise DataError("the table has no rows", where=where, hint="give at least one row")
    begin_work(where)
    frame = _without_extensions(frame)
    # By name, because not every version of polars has all of these types.
    wide = [name for name, kind in frame.schema.items() if str(kind).startswith(_AS_FLOAT)]
    frame = frame.with_columns(pl.col(wide).cast(pl.Float64)).with_columns(
        cs.float().fill_nan(None)
    )
    return nw.from_native(frame, eager_only=True)


def _without_extensions(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with periods, intervals and the like as what they are stored as."""
    # By name, because not every version of polars has such types.
    foreign = [name for name, kind in frame.schema.items() if str(kind).startswith("Extension")]
    return frame.with_columns([frame[name].ext.storage() for name in foreign])


def as_table(rows: Any, *, where: str = "data") -> Table:
    """Rows of any make as a table; columns of an array are called x1, x2, ..."""
    if isinstance(rows, nw.DataFrame):
        return rows
    if isinstance(rows, np.ndarray):
        rows = np.atleast_2d(rows)
        columns = rows.T.tolist() if rows.dtype.kind == "O" else _columns(rows)
        names = [f"x{k + 1}" for k in range(len(columns))]
        rows = pl.DataFrame(dict(zip(names, columns, strict=True)), strict=False)
    return read_table(rows, where=where)


def _columns(rows: np.ndarray) -> np.ndarray:
    """The columns one after the other, turned piece by piece in the cache."""
    columns = np.empty(rows.shape[::-1], rows.dtype)
    for first in range(0, len(rows), _PIECE):
        columns[:, first : first + _PIECE] = rows[first : first + _PIECE].T
    return columns


def column_of(frame: Table, name: str, *, where: str = "target") -> nw.Series[Any]:
    """The column called `name`, or the error that says which ones there are."""
    if name in frame.columns:
        return frame[name]
    names = list(frame.columns)
    shown = ", ".join(names[:12]) + (f", ... ({len(names)} in all)" if len(names) > 12 else "")
    raise DataError(
        f"the table has no column {name!r}",
        where=where,
        allowed=shown,
        hint=did_you_mean(name, names)
        or ("put a header line on the file" if _are_numbers(names) else "name one of its columns"),
    )


def _are_numbers(names: Sequence[str]) -> bool:
    """Whether the names look like the first row of a file without a header."""
    return bool(pl.Series(list(names)).cast(pl.Float64, strict=False).is_not_null().mean() > 0.5)  # type: ignore[operator]


def _parse_text(raw: bytes, where: str) -> pl.DataFrame:
    """Read delimited text, with numbers where there are none but numbers."""
    return parse_csv(raw, where=where)


def _read_file(path: Path, where: str, read_text: TextReader) -> pl.DataFrame:
    """Read a file by the ending of its name."""
    if "://" in where:
        raise DataFileError(
            "no such file",
            where=where,
            hint="download it first: quickprop opens no network connection",
        )
    most = _most_bytes()
    if where == STANDARD_INPUT:
        raw = read_standard_input(DataFileError, most=most)
        read: _Reader = _read_packed_text if raw.startswith(_GZIP) else _read_text
        where = "standard input"
    else:
        where = shown_path(path)
        check_regular_file(path, DataFileError, most=most)
        found = _reader(path.name)
        if found is None:
            raise DataFileError(
                "unknown kind of file",
                where=where,
                allowed=", ".join(READABLE),
                given=path.suffix or "no ending",
                hint="convert it or rename it with the ending that fits",
            )
        read = found
        raw = read_bounded(path, DataFileError, most=most)
    if not raw:
        raise DataFileError(
            "the file is empty", where=where, hint="give a table with a header and rows"
        )
    begin_work(where)
    try:
        return read(raw, where, read_text)
    except (DataFileError, DataError):
        raise
    except pl.exceptions.DuplicateError as error:
        raise DataError(
            "two columns have one name",
            where=where,
            allowed="each name once",
            given=str(error).split("\n", 1)[0][:160],
            hint="give each column a name of its own",
        ) from error
    except _BROKEN_FILE as error:
        raise DataFileError(
            f"not a whole {path.suffix.lstrip('.')} file, or not one at all",
            where=where,
            given=str(error).split("\n", 1)[0][:160] or type(error).__name__,
            hint="write it anew, or name it by what it is",
        ) from error


def _most_bytes() -> int:
    """The most bytes of a file: what leaves as much memory again for its columns."""
    there = available_memory()
    return _LARGEST_FILE if there is None else min(_LARGEST_FILE, there // 2)


def _read_text(raw: bytes, where: str, read_text: TextReader) -> pl.DataFrame:
    """Read delimited text."""
    return read_text(raw, where)


def _read_packed_text(raw: bytes, where: str, read_text: TextReader) -> pl.DataFrame:
    """Read delimited text that gzip has packed."""
    head = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(raw, _GLANCE)
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        # No text: its first line says so, before gigabytes are unpacked.
        return read_text(head, where)
    return read_text(decompressed(raw, where, DataFileError, most=_most_bytes()), where)


def _read_ipc(raw: bytes, where: str, read_text: TextReader) -> pl.DataFrame:
    """Read the Arrow IPC file format, or else the stream format."""
    del where, read_text
    if raw.startswith(b"ARROW1"):
        return pl.read_ipc(raw)
    return pl.read_ipc_stream(raw)


_Reader = Callable[[bytes, str, TextReader], pl.DataFrame]
_READERS: dict[tuple[str, ...], _Reader] = {
    (".csv", ".tsv"): _read_text,
    (".csv.gz", ".tsv.gz"): _read_packed_text,
    (".parquet",): lambda raw, *_: pl.read_parquet(raw),
    IPC_ENDINGS: _read_ipc,
}


def _reader(name: str) -> _Reader | None:
    """The reader for a file of that name, if there is one."""
    return next((r for ends, r in _READERS.items() if name.lower().endswith(ends)), None)


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
        if isinstance(cell, int) and cell.bit_length() > _MOST_BITS:
            raise DataError(
                f"column {name!r} holds a whole number that no number type can hold",
                where=where,
                given=f"a number of about {cell.bit_length() * 3 // 10} digits",
                hint="give it as text, or in another unit",
            )
    try:
        return pl.Series(name, cells, strict=True)
    except (*_BROKEN_FILE, TypeError, OverflowError):
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


def _from_foreign(data: object, where: str) -> pl.DataFrame:
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
    except (ImportError, *_BROKEN_FILE, TypeError, AttributeError):
        # pandas without pyarrow cannot hand its columns over; its plain values will do.
        return series.to_list()
