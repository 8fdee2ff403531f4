"""The kinds of files: how each is known, and what reads it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

from quickprop.data.files.arrow_files import read_ipc, read_parquet
from quickprop.data.files.excel import read_excel
from quickprop.data.files.json_records import read_json, read_json_lines
from quickprop.data.files.packed import OFFICE, PACKINGS
from quickprop.data.files.source import Found, Source
from quickprop.data.files.sqlite_file import MAGIC as SQLITE
from quickprop.data.files.sqlite_file import read_sqlite
from quickprop.data.files.text_files import read_text
from quickprop.errors import DataFileError

_GLANCE = 2**16


@dataclass(frozen=True)
class FileKind:
    """A kind of file.

    Attributes
    ----------
    name : str
    endings : tuple of str
        Of the names of its files.
    read : callable
    recognises : callable, optional
        Whether bytes are of this kind for certain, whatever the file is called.
    """

    name: str
    endings: tuple[str, ...]
    read: Callable[[Source], Found]
    recognises: Callable[[bytes], bool] = lambda raw: False


def _is_workbook(raw: bytes) -> bool:
    if not raw.startswith(b"PK"):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return OFFICE[0] in archive.namelist()
    except zipfile.BadZipFile:
        return False


TEXT = FileKind(
    "text", (".csv", ".tsv", ".txt", ".tab", ".dat", ".data", ".psv", ".asc"), read_text
)
KINDS = (
    TEXT,
    FileKind(
        "Parquet", (".parquet", ".pq"), read_parquet,
        lambda raw: raw.startswith(b"PAR1") and raw.endswith(b"PAR1"),
    ),
    FileKind(
        "Arrow", (".arrow", ".ipc", ".feather"), read_ipc,
        lambda raw: raw.startswith(b"ARROW1\0\0"),
    ),
    FileKind("JSON lines", (".jsonl", ".ndjson"), read_json_lines),
    FileKind("JSON", (".json",), read_json),
    FileKind("Excel", (".xlsx", ".xlsm"), read_excel, _is_workbook),
    FileKind(
        "SQLite", (".sqlite", ".sqlite3", ".db", ".db3"), read_sqlite,
        lambda raw: raw.startswith(SQLITE),
    ),
)  # fmt: skip
READABLE = tuple(ending for kind in KINDS for ending in kind.endings)
"""Endings of the files that `read_table` opens; text and the like may be packed too."""
PACKED = (*(packing.endings[0] for packing in PACKINGS), ".zip")
"""Endings of packed files that `read_table` opens."""

#: What is no table that can be read, by its first bytes.
_FOREIGN = (
    (b"\xd0\xcf\x11\xe0", "an Excel file of the old kind (.xls)", "save it as .xlsx or as CSV"),
    (b"%PDF", "a PDF document", "save the table in it as CSV"),
    (b"PK", "an office document", "save the table in it as .xlsx or as CSV"),
    (b"\x89HDF", "an HDF5 file", "write its table as Parquet or CSV"),
    (b"\x93NUMPY", "an array of NumPy", "pass it to quickprop in Python, or write it as CSV"),
    (b"Obj\x01", "an Avro file", "write its table as Parquet or CSV"),
    (b"ORC", "an ORC file", "write its table as Parquet or CSV"),
    (b"RDX", "data of R", "write the table with write.csv"),
    (b"$FL2", "an SPSS file", "save the table as CSV"),
    (b"<stata", "a Stata file", "save the table as CSV"),
    (b"\0\0\0\0\0\0\0\0\0\0\0\0\xc2\xea\x81\x60", "a SAS file", "save the table as CSV"),
)


def kind_of(source: Source) -> FileKind:
    """The kind of a file: by its content where that is certain, else by its name.

    Raises
    ------
    DataFileError
        A kind that is not read.
    """
    raw = source.raw
    kind = next((kind for kind in KINDS if kind.recognises(raw)), None)
    if kind is not None:
        return kind
    kind = next((kind for kind in KINDS if source.name.endswith(kind.endings)), None)
    if kind is not None and kind is not TEXT:
        return kind
    for magic, what, hint in _FOREIGN:
        if raw.startswith(magic) and b"\0" in raw[:_GLANCE]:
            raise DataFileError(f"this is {what}", where=source.where, hint=hint)
    if kind is not None or not source.name:
        return kind or _kind_of_stream(raw)
    if b"\0" in raw[:_GLANCE] and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        dot = source.name.rfind(".")
        raise DataFileError(
            "unknown kind of file",
            where=source.where,
            allowed=", ".join(READABLE),
            given=source.name[dot:] if dot > 0 else "no ending",
            hint="convert it or rename it with the ending that fits",
        )
    return _kind_of_stream(raw)


def _kind_of_stream(raw: bytes) -> FileKind:
    """The kind of text that no name says."""
    start = raw[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b'{"', b"[{", b"[\n")):
        return next(kind for kind in KINDS if kind.name == "JSON")
    return TEXT
