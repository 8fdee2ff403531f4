"""A file of a table, with what somebody says of how it is to be read."""

from __future__ import annotations

import codecs
import os
from dataclasses import dataclass

from quickprop.errors import SettingError

#: Stands for runs of blanks and tabs between cells.
BLANKS = " "
_DELIMITER_NAMES = {
    "tab": "\t",
    "\\t": "\t",
    "blank": BLANKS,
    "blanks": BLANKS,
    "space": BLANKS,
    "spaces": BLANKS,
    "comma": ",",
    "semicolon": ";",
    "pipe": "|",
}


@dataclass(frozen=True)
class TableFile:
    """A file with settings for how to read it, wherever the path of a table is taken.

    Parameters
    ----------
    path : str or path
        A file, a folder or a pattern of Parquet files, or "-" for standard input.
        ``file.db::customers`` is one table of several.
    encoding : str, optional
        How its text is written, such as "latin-1"; found when not given.
    delimiter : str, optional
        What stands between the cells of its lines: one character, "tab" or "blanks" (as
        many as there are); found when not given.
    header : bool, optional
        Whether its first line holds the names of the columns. Found when not given: numbers above
        columns of numbers are no names. Without a header columns are called "column 1", "column 2".
    table : str, optional
        Which table of a database, sheet of a workbook or file of an archive.

    Raises
    ------
    SettingError
        An unknown encoding, or a delimiter that can be none.

    Examples
    --------
    >>> from pathlib import Path
    >>> from quickprop.data import TableFile, read_table
    >>> _ = Path("heights.dat").write_text("1 1.62\\n2 1.75\\n")
    >>> read_table(TableFile("heights.dat", header=False)).columns
    ['column 1', 'column 2']
    """

    path: str | os.PathLike[str]
    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    table: str | None = None

    def __post_init__(self) -> None:
        if self.encoding is not None:
            object.__setattr__(self, "encoding", _checked_encoding(self.encoding))
        if self.delimiter is not None:
            object.__setattr__(self, "delimiter", _checked_delimiter(self.delimiter))
        if self.header not in (None, True, False):
            raise SettingError(
                "neither yes nor no", where="header", allowed="True, False or None",
                given=repr(self.header)[:80],
            )  # fmt: skip
        if self.table is not None and not isinstance(self.table, str):
            raise SettingError("no name of a table", where="table", given=repr(self.table)[:80])


def _checked_encoding(given: object) -> str:
    try:
        found = codecs.lookup(str(given))
        if getattr(found, "_is_text_encoding", True):
            return found.name
    except (LookupError, ValueError):
        pass
    raise SettingError(
        "no encoding of text",
        where="encoding",
        allowed="utf-8, utf-16, latin-1, windows-1252, mac-roman, gb18030 and others",
        given=repr(given)[:80],
    )


def _checked_delimiter(given: object) -> str:
    delimiter = _DELIMITER_NAMES.get(str(given).lower(), given)
    usable = (
        isinstance(delimiter, str)
        and len(delimiter) == 1
        and delimiter.isascii()
        and not delimiter.isalnum()
        and delimiter not in '"\r\n.+-\0'
    )
    if not usable:
        raise SettingError(
            "nothing that can stand between cells",
            where="delimiter",
            allowed="one sign such as , ; | or tab or blanks",
            given=repr(given)[:80],
        )
    return str(delimiter)
