"""Delimited text, whatever its name ends with."""

from __future__ import annotations

from quickprop.data.files.source import Found, Source
from quickprop.errors import DataFileError

#: What files begin with that are saved by mistake, or hold a table in a way that is not read.
_NO_TABLES = (
    (b"<!doctype html", "a web page, not a table", "download the file itself"),
    (b"<html", "a web page, not a table", "download the file itself"),
    (b"<?xml", "XML, not lines of cells", "save the table as CSV"),
    (b"version https://git-lfs", "a pointer to a file that Git LFS keeps", "run git lfs pull"),
    (b"@relation", "an ARFF file", "save the table as CSV"),
)


def read_text(source: Source) -> Found:
    """Read lines of cells."""
    start = source.raw[:256].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for beginning, what, hint in _NO_TABLES:
        if start.startswith(beginning):
            raise DataFileError(f"this is {what}", where=source.where, hint=hint)
    return source.read_text(source.raw, source.where, source.settings)
