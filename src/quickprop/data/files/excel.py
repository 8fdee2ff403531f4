"""Sheets of Excel workbooks, by openpyxl."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date, datetime, time, timedelta
from typing import Any

from quickprop.config import try_import
from quickprop.data.files.source import Found, Source
from quickprop.data.files.table_file import TableFile
from quickprop.errors import DataFileError, QuickpropError, did_you_mean
from quickprop.foundation.bounded_file import in_words


def read_excel(source: Source) -> Found:
    """Read the first sheet of a workbook that has cells, or the one that was named.

    Its cells go through the reader of text, which knows titles above the table and sheets without
    a header.
    """
    where = source.where
    try:
        with zipfile.ZipFile(io.BytesIO(source.raw)) as parts:
            size = sum(part.file_size for part in parts.infolist())
        if size > source.most:
            raise DataFileError(
                "what is packed in it is too large", where=where, allowed=in_words(source.most),
                given=in_words(size),
            )  # fmt: skip
        excel = try_import("openpyxl", "Excel files", "excel")
        book = excel.load_workbook(
            io.BytesIO(source.raw), read_only=True, data_only=True, keep_links=False
        )
        try:
            return _sheet(book, source)
        finally:
            book.close()
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, OSError, SyntaxError) as error:
        if isinstance(error, QuickpropError):
            raise
        raise DataFileError(
            "not a whole Excel file, or not one at all",
            where=where,
            given=str(error).split("\n", 1)[0][:160] or type(error).__name__,
            hint="save it anew as .xlsx, or as CSV",
        ) from error


def _sheet(book: Any, source: Source) -> Found:
    names, wanted = [sheet.title for sheet in book.worksheets], source.settings.table
    if wanted is not None and wanted not in names:
        raise DataFileError(
            f"the workbook has no sheet {wanted!r}",
            where=source.where,
            allowed=", ".join(names)[:200],
            hint=did_you_mean(wanted, names),
        )
    filled: list[tuple[str, bytes]] = []
    for sheet in book.worksheets:
        if wanted in (None, sheet.title) and (text := _as_text(sheet)).strip():
            filled.append((sheet.title, text))
    if not filled:
        raise DataFileError(
            "the workbook has no cells", where=source.where, hint="give a sheet with a table"
        )
    name, text = filled[0]
    settings = TableFile("", delimiter="\t", header=source.settings.header)
    found = source.read_text(text, f"{source.where}, sheet {name!r}", settings)
    if len(filled) == 1:
        return found
    others = ", ".join(repr(title) for title, _ in filled[1:])
    note = f"sheet {name!r} was read, and not {others[:200]} (--table says otherwise)"
    return Found(found.frame, (*found.notes, note))


def _as_text(sheet: Any) -> bytes:
    """Its cells as lines, without the empty rows and columns round about."""
    rows = [[_spelled(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
    rows = [row for row in rows if any(row)]
    # Titles stand in the first column, wherever the table does.
    full = [row for row in rows if sum(map(bool, row)) > 1] or rows
    width = max((k + 1 for row in full for k, cell in enumerate(row) if cell), default=0)
    first = min((k for row in full for k, cell in enumerate(row) if cell), default=0)
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
    for row in rows:
        cells = row if full is rows or sum(map(bool, row)) > 1 else ["", *filter(None, row)]
        writer.writerow((cells + [""] * width)[first:width])
    return stream.getvalue().encode("utf-8", "replace")


def _spelled(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        plain = cell.time() == time(0)
        return (cell.date() if plain else cell).isoformat()
    if isinstance(cell, timedelta):
        return str(cell.total_seconds())
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, float):
        return repr(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    return str(cell).strip()
