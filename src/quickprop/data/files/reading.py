"""Reading a file of a table, of whatever kind it is."""

from __future__ import annotations

import os
import zlib
from dataclasses import replace
from pathlib import Path

import polars as pl

from quickprop.data.files.delimited import parse_csv
from quickprop.data.files.folder import files_of, read_together
from quickprop.data.files.kinds import kind_of
from quickprop.data.files.packed import unpacked
from quickprop.data.files.source import Found, Source, TextReader
from quickprop.data.files.table_file import TableFile
from quickprop.data.forked import begin_work
from quickprop.errors import DataError, DataFileError, MissingPackageError
from quickprop.foundation.bounded_file import (
    STANDARD_INPUT,
    available_memory,
    read_bounded,
    read_standard_input,
    shown_path,
)

#: Larger files do not fit into the memory of most machines.
_LARGEST_FILE = 2**36
#: So many times something packed may be packed.
_MOST_LAYERS = 3
_BROKEN_FILE = (
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    zlib.error,
)


def read_file(file: TableFile, read_text: TextReader = parse_csv) -> Found:
    """Read a file, what standard input gives, or several files that are one table.

    Parameters
    ----------
    file : TableFile
    read_text : callable, optional
        Reads what is delimited text, where it is one file.

    Raises
    ------
    DataFileError
        A file that is not there, cannot be read or is of a kind that is not known.
    DataError
        A table with two columns of one name.
    MissingPackageError
        The kind of file needs a package that is not installed.
    """
    where = os.fsdecode(file.path)
    if "://" in where:
        raise DataFileError(
            "no such file",
            where=where,
            hint="download it first: quickprop opens no network connection",
        )
    most = _most_bytes()
    if where == STANDARD_INPUT:
        raw = read_standard_input(DataFileError, most=most)
        return _read(Source(raw, "", "standard input", file, most, read_text))
    path = Path(os.path.expanduser(where))
    if "::" in path.name and not os.path.lexists(path):
        name, _, table = path.name.rpartition("::")
        path, file = path.with_name(name), replace(file, table=file.table or table)
    files = files_of(path, most=most)
    if files is None:
        return _read_one(path, file, most, read_text)
    return read_together(path, files, lambda one: _read_one(one, file, most, parse_csv))


def _read_one(path: Path, file: TableFile, most: int, read_text: TextReader) -> Found:
    raw = read_bounded(path, DataFileError, most=most)
    return _read(Source(raw, path.name.lower(), shown_path(path), file, most, read_text))


def _most_bytes() -> int:
    """The most bytes of a file: what leaves as much memory again for its columns."""
    there = available_memory()
    return _LARGEST_FILE if there is None else min(_LARGEST_FILE, there // 2)


def _read(source: Source) -> Found:
    where = source.where
    if not source.raw:
        raise DataFileError(
            "the file is empty", where=where, hint="give a table with a header and rows"
        )
    begin_work(where)
    for _ in range(_MOST_LAYERS):
        inner = unpacked(source)
        if inner is None:
            break
        source = inner
    kind = kind_of(source)
    try:
        return kind.read(source)
    except (DataFileError, DataError, MissingPackageError):
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
        dot = source.name.rfind(".")
        shown = source.name[dot + 1 :] if dot >= 0 else kind.name
        raise DataFileError(
            f"not a whole {shown} file, or not one at all",
            where=where,
            given=str(error).split("\n", 1)[0][:160] or type(error).__name__,
            hint="write it anew, or name it by what it is",
        ) from error
