"""Delimited text to a polars frame: delimiter, header, blank and ragged lines, column types."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from quickprop.data.text_cells import (
    MISSING_AMONG_NUMBERS,
    MISSING_MARKERS,
    clean_text,
    first_without_number,
    numbers_in_text,
)
from quickprop.errors import DataError, DataFileError

DELIMITERS = (",", ";", "\t", "|")
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
    """

    frame: pl.DataFrame
    delimiter: str


def parse_csv(raw: bytes, *, where: str) -> pl.DataFrame:
    """The table in `raw`, the bytes of a delimited text file with a header line.

    Text columns that hold nothing but numbers and signs for missing ones become numbers.

    Raises
    ------
    DataFileError, DataError
        As `parse_delimited` does.
    """
    found = parse_delimited(raw, where=where)
    return _with_numbers(found.frame, decimal_comma=found.delimiter == ";")


def parse_delimited(
    raw: bytes, *, where: str, as_text: Collection[str] = (), alone: bool = False
) -> Delimited:
    """The table in `raw`, with only such types as polars sees.

    Parameters
    ----------
    raw : bytes
    where : str
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
    raw = _as_utf8(raw, where)
    if not raw.strip():
        raise DataFileError(
            "the file is empty", where=where, hint="give a table with a header and rows"
        )
    quoted = _uses_quotes(raw)
    delimiter = _sniff_delimiter(raw[:_SNIFFED_BYTES], quoted)
    texts = _Texts(frozenset(as_text), alone)
    frame = None if quoted else _read_plain(raw, delimiter, where, texts)
    if frame is None:
        frame = _read_scanned(raw, delimiter, quoted, where, texts)
    return Delimited(frame, delimiter)


def _read_plain(raw: bytes, delimiter: str, where: str, texts: _Texts) -> pl.DataFrame | None:
    """The table of a text without quotes, blank lines and ragged ones; None where there may be any.

    Of equally long lines there are as many delimiters as lines times those of the header. Where
    polars finds no line that is longer than the header, none is shorter either.
    """
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


def _read_scanned(
    raw: bytes, delimiter: str, quoted: bool, where: str, texts: _Texts
) -> pl.DataFrame:
    """The table of any text, or the error that names the line that is wrong."""
    records = _find_records(raw, delimiter, quoted, where)
    kept = np.flatnonzero(~records.blank)
    header_at = kept[0]
    header = raw[records.starts[header_at] : records.ends[header_at]].decode()
    names = _column_names(header, delimiter, quoted, where)
    _check_lengths(raw, records, kept, len(names), where)
    if len(kept) == 1:
        raise DataError(
            "the table has a header but no rows", where=where, hint="give at least one row"
        )
    body = _rows_only(raw, records, kept)
    return _read_rows(body, names, delimiter, quoted, where, texts)


def _as_utf8(raw: bytes, where: str) -> bytes:
    """The same text in UTF-8 with no byte order mark and Unix line ends."""
    try:
        if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            raw = raw.decode("utf-16").encode()
        else:
            raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataFileError(
            f"line {line} is not UTF-8 text", where=where, hint="save the file as CSV in UTF-8"
        ) from error
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in raw:
        line = raw.count(b"\n", 0, raw.index(b"\0")) + 1
        raise DataFileError(
            f"line {line} holds a zero byte, so this is not a text file",
            where=where,
            hint="save the table as CSV in UTF-8, or name a Parquet file .parquet",
        )
    if b"\r" in raw:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return raw


def _uses_quotes(raw: bytes) -> bool:
    """Whether any field begins with a quote; else a quote is a letter like any other (5" pipe)."""
    if b'"' not in raw:
        return False
    return raw.startswith(b'"') or any(
        mark + b'"' in raw for mark in (b"\n", *(d.encode() for d in DELIMITERS))
    )


def _sniff_delimiter(head: bytes, quoted: bool) -> str:
    """The delimiter that cuts the first lines into equally many fields, and the most of them."""
    text = head.decode(errors="ignore")
    lines = [line for line in text.split("\n") if line.strip()][:50]
    if len(head) == _SNIFFED_BYTES and len(lines) > 1:
        lines = lines[:-1]

    def score(delimiter: str) -> tuple[float, int]:
        kind = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
        rows = csv.reader(lines, delimiter=delimiter, quoting=kind)  # type: ignore[arg-type]
        try:
            counts = [len(row) for row in rows]
        except csv.Error:
            return (0.0, 0)
        if not counts or counts[0] == 1:
            return (0.0, 0)
        return (sum(count == counts[0] for count in counts) / len(counts), counts[0])

    best = max(DELIMITERS, key=score)
    return best if score(best) > (0.0, 0) else ","


def _find_records(raw: bytes, delimiter: str, quoted: bool, where: str) -> _Records:
    """Cut the text into records, a stretch at a time so that memory stays a few times its size."""
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
            given=f"a last quote on line {raw.count(_NEWLINE, 0, opened) + 1}",
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


def check_names(names: Sequence[str], *, where: str) -> None:
    """Raise when two columns have one name, or one has none that can be written."""
    seen: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        try:
            name.encode()
        except UnicodeEncodeError:
            raise DataError(
                "the name of a column is not Unicode text", where=where, given=repr(name)[:80],
                hint="rename the column",
            ) from None  # fmt: skip
        if name in seen:
            raise DataError(
                f"two columns are called {name!r}",
                where=where,
                allowed="each name once",
                given=f"columns {seen[name]} and {place}",
                hint="give each column a name of its own",
            )
        seen[name] = place


def _check_lengths(raw: bytes, records: _Records, kept: np.ndarray, width: int, where: str) -> None:
    """Raise for the first record with more or fewer fields than the header."""
    if width == 1:
        # Without any delimiter in the header there is nothing to count a record against.
        ragged = kept[records.fields[kept] > 1]
    else:
        ragged = kept[records.fields[kept] != width]
    if not len(ragged):
        return
    first = int(ragged[0])
    line = raw.count(b"\n", 0, int(records.starts[first])) + 1
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
