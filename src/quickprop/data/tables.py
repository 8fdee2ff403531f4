"""Files and tables of any make in, one kind of table out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
import polars.selectors as cs

from quickprop.data.files.delimited import parse_csv
from quickprop.data.files.kinds import PACKED as PACKED
from quickprop.data.files.kinds import READABLE as READABLE
from quickprop.data.files.reading import read_file
from quickprop.data.files.source import Found, TextReader
from quickprop.data.files.table_file import TableFile
from quickprop.data.forked import begin_work
from quickprop.data.in_memory import UNFIT, table_of_columns, table_of_foreign
from quickprop.data.in_memory import check_columns as check_columns
from quickprop.errors import DataError, did_you_mean

#: A table as it is passed on.
Table = nw.DataFrame[Any]

#: Rows of an array that are turned into columns at a time.
_PIECE = 1024
_AS_FLOAT = ("Int128", "UInt128", "Float16", "Decimal")


def read_table(data: object, *, where: str = "data") -> Table:
    """Read a table from a file, or take one that is in memory.

    Parameters
    ----------
    data : str, path, TableFile, table or dict
        The path of a file: text with delimiters (CSV, TSV and the like, in any encoding), Parquet,
        Arrow IPC, JSON lines, Excel, SQLite, packed or not; a folder or a pattern of Parquet files;
        or "-" for standard input. `TableFile` says how to read it. Or a pandas, polars or pyarrow
        table; or a dict of columns.
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
    MissingPackageError
        The kind of file needs a package that is not installed.

    Examples
    --------
    >>> from quickprop.data import read_table, sample_path
    >>> table = read_table(sample_path("iris"))
    >>> table.shape, table.columns[-1]
    ((150, 5), 'species')
    """
    return load_table(data, where=where)[0]


def load_table(
    data: object, read_text: TextReader = parse_csv, *, where: str = "data"
) -> tuple[Table, tuple[str, ...]]:
    """As `read_table`, with `read_text` for what is delimited text; and notes on the file."""
    if isinstance(data, nw.DataFrame):
        data = data.to_native()
    if isinstance(data, str | os.PathLike):
        data = TableFile(data)
    if isinstance(data, TableFile):
        where = os.fsdecode(data.path)
        found = read_file(data, read_text)
    elif isinstance(data, pl.DataFrame):
        found = Found(data)
    elif isinstance(data, Mapping):
        found = Found(table_of_columns(data, where))
    else:
        found = Found(table_of_foreign(data, where))
    frame = found.frame
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
    return nw.from_native(frame, eager_only=True), found.notes


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
        named = dict(zip(names, columns, strict=True))
        try:
            rows = pl.DataFrame(named, strict=False)
        except UNFIT:
            # Column by column: what fits another type takes that, and errors name the column.
            rows = table_of_columns(named, where)
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
        hint=_hint(name, names),
    )


def _hint(name: str, names: Sequence[str]) -> str:
    if names == [f"column {place}" for place in range(1, len(names) + 1)]:
        place = f"column {name}" if name.isdecimal() else names[-1]
        return (
            "the file has no header line: its columns are called by their places, such as "
            f"{place!r}"
        )
    near = did_you_mean(name, names)
    if near:
        return near
    return (
        "put a header line on the file, or say that it has none (--no-header)"
        if _are_numbers(names)
        else "name one of its columns"
    )


def _are_numbers(names: Sequence[str]) -> bool:
    """Whether the names look like the first row of a file without a header."""
    return bool(pl.Series(list(names)).cast(pl.Float64, strict=False).is_not_null().mean() > 0.5)  # type: ignore[operator]
