"""Delimited text to a polars frame: delimiter, header, blank and ragged lines, column types."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import polars as pl

from quickprop.data.files.encoding import to_utf8
from quickprop.data.files.layout import DELIMITERS, Layout, find_layout
from quickprop.data.files.source import Found
from quickprop.data.files.table_file import BLANKS, TableFile
from quickprop.data.in_memory import check_names
from quickprop.data.text_cells import (
    MISSING_AMONG_NUMBERS,
    MISSING_MARKERS,
    clean_text,
    first_without_number,
    numbers_in_text,
)
from quickprop.errors import DataError, DataFileError

_QUOTE, _NEWLINE = ord('"'), ord("\n")
_SNIFFED_BYTES = 1 << 16
_SCANNED_BYTES = 1 << 25
#: Rows from which the types of columns are guessed first.
_GUESSED_ROWS = 2000


@dataclass(frozen=True)
class _Records:
    """Where each record of the text ends, how many fields it has and whether it is blank."""

    starts: np.ndarray
    ends: np.ndarray
    fields: np.ndarray
    blank: np.ndarray


@dataclass(frozen=True)
class _Texts:
    """Which columns are wanted as they are written, and whether no others are."""

    names: frozenset[str]
    alone: bool


@dataclass(frozen=True, eq=False)
class Delimited:
    """A delimited text as a table.

    Attributes
    ----------
    frame : DataFrame
        Columns have a type where all their cells have it, and else are text as it is written.
    delimiter : str
    notes : tuple of str
        What was found out, in a sentence each.
    """

    frame: pl.DataFrame
    delimiter: str
    notes: tuple[str, ...] = ()


def parse_csv(raw: bytes, where: str, settings: TableFile | None = None) -> Found:
    """The table in `raw`, the bytes of a delimited text file.

    Text columns that hold nothing but numbers and signs for missing ones become numbers.

    Raises
    ------
    DataFileError, DataError
        As `parse_delimited` does.
    """
    found = parse_delimited(raw, where=where, settings=settings)
    frame = _with_numbers(found.frame, decimal_comma=found.delimiter == ";")
    return Found(frame, found.notes)


def parse_delimited(
    raw: bytes,
    *,
    where: str,
    settings: TableFile | None = None,
    as_text: Collection[str] = (),
    alone: bool = False,
) -> Delimited:
    """The table in `raw`, with only such types as polars sees.

    Parameters
    ----------
    raw : bytes
    where : str
        What messages call the file.
    settings : TableFile, optional
        What was said of how to read it.
    as_text : collection of str
        Columns to give as text, cell by cell as it is written; only empty ones are missing.
    alone : bool
        Whether no others are wanted.

    Raises
    ------
    DataFileError
        Not text, or lines that do not have as many fields as the header.
    DataError
        Empty, or two columns of one name.
    """
    settings = settings or TableFile("")
    raw, written = to_utf8(raw, where, settings.encoding)
    if not raw.strip():
        raise DataFileError(
            "the file is empty", where=where, hint="give a table with a header and rows"
        )
    quoted = _uses_quotes(raw, settings.delimiter)
    layout = find_layout(
        raw[:_SNIFFED_BYTES].decode(errors="ignore"),
        whole=len(raw) <= _SNIFFED_BYTES,
        quoted=quoted,
        delimiter=settings.delimiter,
        header=settings.header,
    )
    if layout.delimiter == BLANKS:
        quoted = b'"' in raw
    text = _plain_text(raw, layout, quoted)
    texts = _Texts(frozenset(as_text), alone)
    frame = None if quoted else _read_plain(text, where, texts)
    if frame is None:
        frame = _read_scanned(text, quoted, where, texts)
    notes = (*([] if written is None else [written]), *layout.notes)
    return Delimited(frame, text.delimiter, notes)


@dataclass(frozen=True)
class _Text:
    """Lines of names and rows with one delimiter, and the number of their first one in the file."""

    raw: bytes
    delimiter: str
    first_line: int = 1


def _plain_text(raw: bytes, layout: Layout, quoted: bool) -> _Text:
    """The text with nothing above its header, and runs of blanks as one tab."""
    delimiter = layout.delimiter
    if layout.start:
        place = 0
        for _ in range(layout.start):
            place = raw.index(b"\n", place) + 1
        raw = raw[place:]
    if layout.comment:
        # What is left of them are blank lines, so that lines keep their numbers.
        raw = re.sub(rb"(?m)^[ \t]*" + re.escape(layout.comment.encode()) + rb"[^\n]*", b"", raw)
    if delimiter == BLANKS:
        raw, delimiter = _tabs_for_blanks(raw, quoted), "\t"
    first = layout.start + 1
    if layout.header is not None:
        names = [name.replace('"', '""') if quoted else name for name in layout.header]
        marks = [f'"{n}"' if quoted and n else n.replace(delimiter, " ") for n in names]
        raw = delimiter.join(marks).encode() + b"\n" + raw
        first -= 1
    return _Text(raw, delimiter, first)


def _tabs_for_blanks(raw: bytes, quoted: bool) -> bytes:
    raw = re.sub(rb"(?m)^[ \t]+|[ \t]+$", b"", raw)
    if not quoted:
        return re.sub(rb"[ \t]+", b"\t", raw)
    return re.sub(
        rb'"(?:[^"]|"")*"|[ \t]+', lambda m: m[0] if m[0].startswith(b'"') else b"\t", raw
    )


def _read_plain(text: _Text, where: str, texts: _Texts) -> pl.DataFrame | None:
    """The table of a text without quotes, blank lines and ragged ones; None where there may be any.

    Of equally long lines there are as many delimiters as lines times those of the header. Where
    polars finds no line that is longer than the header, none is shorter either.
    """
    raw, delimiter = text.raw, text.delimiter
    end = raw.find(b"\n")
    mark = delimiter.encode()
    width = raw.count(mark, 0, end) + 1
    if end <= 0 or width == 1:
        return None
    lines = raw.count(b"\n") + (not raw.endswith(b"\n"))
    if lines == 1 or raw.count(mark) != (width - 1) * lines:
        return None
    names = _column_names(raw[:end].decode(), delimiter, False, where)
    try:
        frame = _read_rows(raw[end + 1 :], names, delimiter, False, where, texts)
    except DataFileError:
        return None
    return frame if frame.height == lines - 1 else None


def _read_scanned(text: _Text, quoted: bool, where: str, texts: _Texts) -> pl.DataFrame:
    """The table of any text, or the error that names the line that is wrong."""
    raw, delimiter = text.raw, text.delimiter
    records = _find_records(text, quoted, where)
    kept = np.flatnonzero(~records.blank)
    header_at = kept[0]
    header = raw[records.starts[header_at] : records.ends[header_at]].decode()
    names = _column_names(header, delimiter, quoted, where)
    _check_lengths(text, records, kept, len(names), where)
    if len(kept) == 1:
        raise DataError(
            "the table has a header but no rows", where=where, hint="give at least one row"
        )
    body = _rows_only(raw, records, kept)
    return _read_rows(body, names, delimiter, quoted, where, texts)


def _uses_quotes(raw: bytes, delimiter: str | None) -> bool:
    """Whether any field begins with a quote; else a quote is a letter like any other (5" pipe)."""
    if b'"' not in raw:
        return False
    return raw.startswith(b'"') or any(
        mark.encode() + b'"' in raw for mark in ("\n", *DELIMITERS, delimiter or "\n")
    )


def _find_records(text: _Text, quoted: bool, where: str) -> _Records:
    """Cut the text into records, a stretch at a time so that memory stays a few times its size."""
    raw, delimiter = text.raw, text.delimiter
    data = np.frombuffer(raw, np.uint8)
    ends, delimiters_before = [], []
    inside, seen = 0, 0
    for start in range(0, len(data), _SCANNED_BYTES):
        part = data[start : start + _SCANNED_BYTES]
        at_end, at_delimiter = part == _NEWLINE, part == ord(delimiter)
        if quoted:
            within = (np.cumsum(part == _QUOTE) + inside) % 2 == 1
            inside = int(within[-1])
            at_end &= ~within
            at_delimiter &= ~within
        here = np.flatnonzero(at_end)
        counted = np.cumsum(at_delimiter)
        ends.append(here + start)
        delimiters_before.append(counted[here] + seen)
        seen += int(counted[-1])
    if inside:
        opened = raw.rindex(b'"')
        raise DataFileError(
            "a quoted field is never closed",
            where=where,
            given=f"a last quote on line {raw.count(_NEWLINE, 0, opened) + text.first_line}",
            hint='close it with another "',
        )
    stops, counts = np.concatenate(ends), np.concatenate(delimiters_before)
    if not raw.endswith(b"\n"):
        stops, counts = np.append(stops, len(raw)), np.append(counts, seen)
    starts = np.concatenate([[0], stops[:-1] + 1])
    fields = np.diff(counts, prepend=0) + 1
    blank = stops == starts
    # Lines of blanks and tabs only are rare: look at the text of short ones alone.
    for record in np.flatnonzero((fields == 1) & ~blank & (stops - starts < 200)):
        blank[record] = not raw[starts[record] : stops[record]].strip()
    return _Records(starts, stops, fields, blank)


def _column_names(header: str, delimiter: str, quoted: bool, where: str) -> list[str]:
    """The names in the header line; a column without one is called by its place."""
    kind = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    reader = csv.reader([header], delimiter=delimiter, quoting=kind)  # type: ignore[arg-type]
    cells = next(reader)
    names = [cell.strip() or f"column {place}" for place, cell in enumerate(cells, start=1)]
    check_names(names, where=where)
    return names


def _check_lengths(
    text: _Text, records: _Records, kept: np.ndarray, width: int, where: str
) -> None:
    """Raise for the first record with more or fewer fields than the header."""
    if width == 1:
        # Without any delimiter in the header there is nothing to count a record against.
        ragged = kept[records.fields[kept] > 1]
    else:
        ragged = kept[records.fields[kept] != width]
    if not len(ragged):
        return
    first = int(ragged[0])
    line = text.raw.count(b"\n", 0, int(records.starts[first])) + text.first_line
    others = f" ({len(ragged)} lines in all are like that)" if len(ragged) > 1 else ""
    raise DataFileError(
        f"line {line} does not fit the header{others}",
        where=where,
        allowed=f"{width} field{'s' if width > 1 else ''}",
        given=f"{int(records.fields[first])}",
        hint="put text that holds the delimiter in quotes, or mend the line",
    )


def _rows_only(raw: bytes, records: _Records, kept: np.ndarray) -> bytes:
    """The text after the header, without blank lines."""
    first_row = int(kept[1])
    tail = records.blank[first_row:]
    start = int(records.starts[first_row])
    if not tail.any():
        return raw[start:]
    lengths = np.append(records.starts[first_row + 1 :], len(raw)) - records.starts[first_row:]
    data = np.frombuffer(raw, np.uint8)[start:]
    stretch: bytes = data[np.repeat(~tail, lengths)].tobytes()
    return stretch


def _read_rows(
    body: bytes,
    names: list[str],
    delimiter: str,
    quoted: bool,
    where: str,
    wanted: _Texts,
) -> pl.DataFrame:
    """Let polars read the rows, with types that fit all of them."""
    texts = [place for place, name in enumerate(names) if name in wanted.names]
    typed = [place for place in range(len(names)) if place not in texts and not wanted.alone]

    def read(infer: bool, rows: int | None = None, raw: bool = False) -> pl.DataFrame:
        return pl.read_csv(
            body,
            has_header=False,
            separator=delimiter,
            quote_char='"' if quoted else None,
            columns=(texts if raw else typed) if texts else None,
            null_values=None if raw else list(MISSING_MARKERS),
            infer_schema=infer,
            infer_schema_length=rows,
        )

    if texts:
        frame = _typed(read, where) if typed else pl.DataFrame()
        frame = frame.hstack(read(False, raw=True)) if typed else read(False, raw=True)
        frame.columns = [names[place] for place in (*typed, *texts)]
        return frame.select(names[place] for place in sorted((*typed, *texts)))
    frame = _typed(read, where)
    if frame.width != len(names):
        raise DataFileError(
            "the rows do not fit the header",
            where=where,
            allowed=f"{len(names)} fields",
            given=str(frame.width),
            hint="check the quotes and the delimiter",
        )
    frame.columns = names
    return frame


def _typed(read: Callable[..., pl.DataFrame], where: str) -> pl.DataFrame:
    """The rows with types that fit all of them."""
    frame = _read_guessing(read)
    if frame is None:
        try:
            frame = read(True)
        except pl.exceptions.PolarsError:
            # A cell that defeats the guess of types is still text that we can read ourselves.
            try:
                frame = read(False)
            except pl.exceptions.PolarsError as error:
                raise DataFileError(
                    "cannot be read as a table",
                    where=where,
                    given=str(error).split("\n", 1)[0],
                    hint="check the file in a text editor",
                ) from error
    return frame


def _read_guessing(read: Callable[..., pl.DataFrame]) -> pl.DataFrame | None:
    """The rows with types guessed from the first ones; None where all rows must be asked.

    To guess from all takes ten times as long as to read them. A cell that does not fit the guess is
    an error of polars. What it does not find out is the type of a column that begins with gaps, and
    text may be numbers further down only if it was text at the beginning, which is what it stays.
    """
    try:
        frame = read(True, _GUESSED_ROWS)
    except pl.exceptions.PolarsError:
        return None
    head = frame.head(_GUESSED_ROWS)
    if frame.height > _GUESSED_ROWS and any(one.null_count() == len(one) for one in head):
        return None
    return frame


def _with_numbers(frame: pl.DataFrame, *, decimal_comma: bool) -> pl.DataFrame:
    """Turn text columns that hold numbers, but for signs of missing ones, into numbers."""
    changed = []
    for column in frame.iter_columns():
        if column.dtype != pl.String:
            continue
        # Most text comes more than once.
        distinct = column.unique()
        cleaned = clean_text(distinct)
        numbers = numbers_in_text(cleaned, decimal_comma=decimal_comma)
        found = numbers.is_not_null().any()
        if found and first_without_number(cleaned, numbers) is None:
            changed.append(_as_numbers(clean_text(column), decimal_comma=decimal_comma))
        elif not distinct.equals(cleaned, null_equal=True):
            changed.append(clean_text(column))
    return frame.with_columns(changed) if changed else frame


def _as_numbers(text: pl.Series, *, decimal_comma: bool) -> pl.Series:
    numbers = numbers_in_text(text, decimal_comma=decimal_comma)
    whole = (
        text.is_null()
        | text.is_in(MISSING_AMONG_NUMBERS)
        | (numbers.round() == numbers) & (numbers.abs() < 2.0**53)
    )
    return numbers.cast(pl.Int64) if whole.all() else numbers
