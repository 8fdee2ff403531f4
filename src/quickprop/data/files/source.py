"""What the reader of a kind of file is given, and what it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl

from quickprop.data.files.table_file import TableFile


@dataclass(frozen=True)
class Found:
    """A table, and in a sentence each what was found out and may have been meant otherwise."""

    frame: pl.DataFrame
    notes: tuple[str, ...] = ()


#: What makes a table of the bytes of a delimited text: given them, what messages call the file, and
#: what was said of how to read it.
TextReader = Callable[[bytes, str, TableFile], Found]


@dataclass(frozen=True)
class Source:
    """The content of a file.

    Attributes
    ----------
    raw : bytes
        All of it.
    name : str
        The name of the file in small letters, without the endings of what it was packed in.
    where : str
        What messages call it.
    settings : TableFile
        What was said of how to read it.
    most : int
        The most bytes that may be unpacked from it.
    read_text : callable
        Reads it where it is delimited text.
    """

    raw: bytes = field(repr=False)
    name: str
    where: str
    settings: TableFile
    most: int
    read_text: TextReader
