"""Columns as text and as files."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import polars as pl

from quickprop.data.forked import begin_work
from quickprop.data.in_memory import table_of_columns
from quickprop.errors import DataFileError
from quickprop.foundation.atomic_file import is_device, replace_file

_IPC_ENDINGS = (".arrow", ".ipc", ".feather")


def csv_text(columns: Mapping[str, np.ndarray | Sequence[Any]]) -> str:
    """The columns as CSV, with a header line."""
    begin_work("columns")
    return pl.DataFrame(dict(columns)).write_csv()


def write_table(
    columns: Mapping[str, np.ndarray | Sequence[Any]], path: str | os.PathLike[str]
) -> None:
    """Write columns as CSV, TSV, Parquet or Arrow IPC, by the ending of the path.

    The file is written beside `path` and then renamed, so that it is there whole or not at all.

    Raises
    ------
    DataFileError
        An unknown ending, or a path that cannot be written.

    Examples
    --------
    >>> from quickprop.data import read_table, write_table
    >>> write_table({"id": [1, 2], "price": [10.5, 12.0]}, "prices.csv")
    >>> read_table("prices.csv").shape
    (2, 2)
    """
    target = Path(os.path.expanduser(path))
    writers: dict[tuple[str, ...], Callable[[pl.DataFrame, BinaryIO], object]] = {
        (".csv",): lambda frame, file: frame.write_csv(file),
        (".tsv",): lambda frame, file: frame.write_csv(file, separator="\t"),
        (".csv.gz",): lambda frame, file: file.write(gzip.compress(frame.write_csv().encode())),
        (".parquet",): lambda frame, file: frame.write_parquet(file),
        _IPC_ENDINGS: lambda frame, file: frame.write_ipc(file),
    }
    name = target.name.lower()
    write = next((w for endings, w in writers.items() if name.endswith(endings)), None)
    if write is None and not is_device(target):
        raise DataFileError(
            "unknown kind of file to write",
            where=str(target),
            allowed=", ".join(ending for endings in writers for ending in endings),
            given=target.suffix or "no ending",
            hint="end the name with .csv or .parquet",
        )
    write = write or writers[(".csv",)]
    begin_work("columns")
    frame = table_of_columns(columns, "columns")
    replace_file(target, lambda file: write(frame, file))
