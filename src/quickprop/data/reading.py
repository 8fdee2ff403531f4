"""A table as a person means it: numbers, dates and names however they are written.

For a fit it is found out (`understand`), for new rows it is read as it was found (`read_by`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from quickprop.data.date_spelling import (
    DIGITS,
    ISO,
    are_spans,
    find_moments,
    moments_of,
    spans_of,
)
from quickprop.data.deviations import Deviation
from quickprop.data.files.delimited import parse_delimited
from quickprop.data.files.source import Found
from quickprop.data.files.table_file import TableFile
from quickprop.data.in_memory import MOST_BITS
from quickprop.data.number_spelling import (
    NumberForm,
    Votes,
    find_form,
    grouped_by_points,
    taken_apart,
    votes_of,
)
from quickprop.data.schema import (
    LevelSpelling,
    MomentSpelling,
    NumberSpelling,
    Schema,
    SpanSpelling,
    Spelling,
)
from quickprop.data.sentinels import find_sentinels
from quickprop.data.tables import Table, as_table, load_table
from quickprop.data.text_cells import MISSING_AMONG_NUMBERS, MISSING_MARKERS, stripped_text
from quickprop.errors import SettingError

#: Said in place of signs for a missing cell: that none are to be looked for.
NONE = "none"
#: Different texts that are looked at for the decimal sign.
_GLANCE = 5000
_MOST_ODD = 50
#: Different codes among numbers from which the numbers are codes too.
_FEWEST_CODES = 3
#: Words for what the last lines add up, in small letters.
_TOTALS = frozenset(
    {
        *("total", "totals", "sum", "sums", "average", "mean", "grand total", "subtotal"),
        *("gesamt", "insgesamt", "summe", "totale", "totaal", "suma", "grand totals"),
    }
)


@dataclass(frozen=True, eq=False)
class Reading:
    """A table that was read.

    Attributes
    ----------
    frame : narwhals.DataFrame
        Numbers, moments, lengths of time, true or false, and names as text.
    schema : Schema
        How each column was read.
    notes : tuple of str
        What was found out, in a sentence each.
    deviations : tuple of Deviation
        Cells of new rows that could not be read.
    """

    frame: Table
    schema: Schema
    notes: tuple[str, ...] = ()
    deviations: tuple[Deviation, ...] = field(default=())


class _TextFile:
    """Takes the text that `load_table` comes upon, and gives it again with other types."""

    def __init__(self, as_text: Collection[str] = ()) -> None:
        self.as_text = as_text
        self.raw = b""
        self.where = ""
        self.settings = TableFile("")
        self.delimiter = ""

    def __call__(self, raw: bytes, where: str, settings: TableFile) -> Found:
        self.raw, self.where, self.settings = raw, where, settings
        found = parse_delimited(raw, where=where, settings=settings, as_text=self.as_text)
        self.delimiter = found.delimiter
        return Found(found.frame, found.notes)

    def again(self, as_text: Collection[str], *, alone: bool = False) -> pl.DataFrame:
        """The same with these columns as they are written, or these alone."""
        return parse_delimited(
            self.raw, where=self.where, settings=self.settings, as_text=as_text, alone=alone
        ).frame

    @property
    def found(self) -> bool:
        """Whether there was any text."""
        return bool(self.delimiter)

    @property
    def usual_decimal(self) -> str:
        """The decimal sign where no cell says which it is."""
        return "," if self.delimiter == ";" else "."


def understand(data: Any, *, where: str = "data", missing: Sequence[Any] | None = None) -> Reading:
    """Read a table and find out how its columns are written.

    Parameters
    ----------
    data : path or table
        As `read_table` takes it.
    where : str
        What messages call a table that is not a file.
    missing : sequence of str or number, optional
        What stands for a missing cell in any column. When not given, numbers such as -999 are
        looked for; empty, or "none", for no such signs.

    Raises
    ------
    DataError, DataFileError
        As `read_table` does.
    """
    if isinstance(data, Reading):
        return data
    signs = _checked_signs(missing)
    file = _TextFile()
    given = as_table(data) if isinstance(data, np.ndarray) else data
    table, of_file = load_table(given, file, where=where)
    frame = nw.to_native(table)
    notes = [*of_file]
    decimal = "."
    if file.found:
        decimal, frame = _decimal_of(frame, file)
        frame, aside = _without_other_lines(frame, decimal)
        notes += aside
    columns: dict[str, Spelling] = {}
    read: list[pl.Series] = []
    for series in frame.iter_columns():
        found = _Finder(series, decimal, file.found, signs)
        columns[series.name] = found.spelling
        read.append(found.values)
        notes += found.notes
    if file.found:
        notes += _markers_said(pl.DataFrame(read), file)
    frame = pl.DataFrame(read)
    return Reading(nw.from_native(frame, eager_only=True), Schema(columns, decimal), tuple(notes))


def read_by(data: Any, schema: Schema, *, where: str = "data") -> Reading:
    """Read new rows as the table was read in which the schema was found.

    Raises
    ------
    DataError, DataFileError
        As `read_table` does, or a column of which no cell can be read.
    """
    if isinstance(data, Reading):
        return data
    file = _TextFile(schema.as_text)
    given = as_table(data) if isinstance(data, np.ndarray) else data
    table, of_file = load_table(given, file, where=where)
    frame = nw.to_native(table)
    notes = of_file
    if file.found:
        decimal, frame = _decimal_of(frame, file, schema)
        if decimal != schema.decimal:
            schema = schema.with_decimal(decimal)
            frame = file.again(schema.as_text)
        frame, aside = _without_other_lines(frame, decimal, ends=False)
        notes = (*notes, *aside)
    read: list[pl.Series] = []
    deviations: list[Deviation] = []
    for series in frame.iter_columns():
        spelling = schema.columns.get(series.name)
        values = series
        if spelling is not None:
            values, odd = spelling.read_new(series, marked=file.found)
            deviations += odd
        read.append(values)
    frame = pl.DataFrame(read)
    return Reading(nw.from_native(frame, eager_only=True), schema, notes, tuple(deviations))


def _checked_signs(missing: Sequence[Any] | None) -> tuple[str, ...] | None:
    if missing is None:
        return None
    given = [missing] if isinstance(missing, str | int | float) else _listed(missing)
    if given is None or not all(_is_sign(one) for one in given):
        raise SettingError(
            "not signs for a missing cell", where="missing", given=repr(missing)[:80],
            hint="give a list of texts and numbers, such as [-999, 'unknown']",
        )  # fmt: skip
    return tuple(str(one) for one in given if str(one).lower() != NONE)


def _listed(signs: object) -> list[Any] | None:
    """What a collection of one axis holds; None for what is not one."""
    if isinstance(signs, Iterable) and getattr(signs, "ndim", 1) == 1:
        return list(signs)
    return None


def _is_sign(one: object) -> bool:
    """Whether it is text that can be in a table, or a number that can be written down."""
    if isinstance(one, str):
        # Half a character is in no table.
        return not any("\ud800" <= letter <= "\udfff" for letter in one)
    if isinstance(one, int):
        return one.bit_length() <= MOST_BITS
    return isinstance(one, float)


def _text_columns(frame: pl.DataFrame) -> list[pl.Series]:
    return [one for one in frame.iter_columns() if one.dtype == pl.String]


def _decimal_of(
    frame: pl.DataFrame, file: _TextFile, schema: Schema | None = None
) -> tuple[str, pl.DataFrame]:
    """The decimal sign of a text file, and its columns, as text where polars read another sign."""
    votes = Votes()
    for series in _text_columns(frame):
        if schema is not None and not isinstance(
            schema.columns.get(series.name, LevelSpelling()), NumberSpelling
        ):
            continue
        votes += votes_of(taken_apart(series.drop_nulls().unique().head(_GLANCE)))
    floats = [one for one in frame.iter_columns() if one.dtype.is_float()]
    if schema is not None:
        return votes.decided or schema.decimal, frame
    if votes.decided == "," and floats:
        return ",", file.again([one.name for one in floats])
    if votes.decided is None and file.delimiter != "," and floats:
        # 1.250 beside 976, and nothing that can only be a fraction.
        doubtful = [one.name for one in floats if _may_be_thousands(one)]
        if len(doubtful) == len(floats):
            again = file.again(doubtful, alone=True)
            if all(
                grouped_by_points(taken_apart(again[n].drop_nulls().unique())) for n in doubtful
            ):
                return ",", file.again(doubtful)
        return ".", frame
    if votes.decided is None and floats:
        return ".", frame
    return votes.decided or file.usual_decimal, frame


def _may_be_thousands(series: pl.Series) -> bool:
    """Whether no number has more than three decimals, or is below 1 and not whole."""
    values = series.drop_nulls()
    if not len(values):
        return False
    thousands = values * 1000.0
    if not bool(((thousands - thousands.round()).abs() < 1e-6).all()):
        return False
    return not bool(((values.abs() < 1.0) & (values != 0.0)).any())


def _without_other_lines(
    frame: pl.DataFrame, decimal: str, *, ends: bool = True
) -> tuple[pl.DataFrame, list[str]]:
    """The rows without a line of units, repeated headers and, with `ends`, totals; with notes."""
    notes: list[str] = []
    texts = _text_columns(frame)
    if not texts or frame.height < 3:
        return frame, notes
    if len(texts) == frame.width:
        repeated = pl.all_horizontal(
            pl.col(one.name).str.strip_chars() == one.name for one in texts
        ).fill_null(False)
        kept = frame.filter(~repeated)
        if 0 < kept.height < frame.height:
            count = frame.height - kept.height
            notes.append(f"{_rows(count)} set aside: the header again.")
            frame = kept
    units = _units(frame, decimal)
    if units is not None:
        notes.append(f"The first row is set aside: it names units ({units}).")
        frame = frame.slice(1)
    if ends:
        last = 0
        first_text = next((one for one in frame.iter_columns() if one.dtype == pl.String), None)
        while first_text is not None and last < 3 and last < frame.height - 1:
            cell = first_text[frame.height - 1 - last]
            if cell is None or cell.strip(" :").lower() not in _TOTALS:
                break
            if int((first_text == cell).sum()) > 1:
                break
            last += 1
        if last:
            cell = str(first_text[frame.height - 1]).strip() if first_text is not None else ""
            notes.append(f"{_rows(last)} set aside at the end: {cell!r} is no row like the others.")
            frame = frame.head(frame.height - last)
    return frame, notes


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count} rows are"


def _units(frame: pl.DataFrame, decimal: str) -> str | None:
    """What the first row says where it stands above numbers and holds none."""
    odd = []
    for series in frame.iter_columns():
        if series.dtype.is_numeric():
            return None
        if series.dtype != pl.String:
            continue
        cell = (series[0] or "").strip()
        rest = stripped_text(series.slice(1, _GLANCE)).drop_nulls().unique()
        rest = rest.filter(~rest.is_in(MISSING_AMONG_NUMBERS))
        if find_form(taken_apart(rest), [1] * len(rest), decimal) is None:
            continue
        if not cell or cell in MISSING_AMONG_NUMBERS:
            continue
        if taken_apart(pl.Series([cell]))["digits"][0] is not None:
            return None
        odd.append(cell)
    return ", ".join(odd[:4]) if odd else None


def _markers_said(frame: pl.DataFrame, file: _TextFile) -> list[str]:
    """How many cells of text columns say NA and the like, which may be names as well."""
    gaps = [one.name for one in _text_columns(frame) if one.null_count()]
    if not gaps:
        return []
    written = file.again(gaps, alone=True)
    notes = []
    for name in gaps:
        text = stripped_text(written[name])
        found = text.filter(text.is_in(MISSING_MARKERS)).value_counts(sort=True)
        shown = [f"{row[0]!r} ({row[1]})" for row in found.head(3).iter_rows()]
        if shown:
            notes.append(f"In {name}, cells are taken for missing that say {', '.join(shown)}.")
    return notes


class _Finder:
    """How one column is written, and what its cells are.

    Attributes
    ----------
    spelling : Spelling
    values : Series
    notes : list of str
    """

    def __init__(
        self, series: pl.Series, decimal: str, from_text: bool, signs: tuple[str, ...] | None
    ) -> None:
        self.notes: list[str] = []
        self.name = series.name
        self.signs = signs
        kind = series.dtype
        self.spelling: Spelling
        if kind == pl.String:
            self._find(series, decimal, from_text)
        elif kind.is_integer() and _are_days(series):
            self.spelling = MomentSpelling((), DIGITS)
            self.values = self.spelling.read(series, marked=from_text)
            example = repr(series.max())
            self.notes.append(f"In {self.name}, numbers such as {example} are read as dates.")
        elif kind.is_numeric():
            self._numbers(series, NumberForm(decimal), ())
        elif kind in (pl.Duration, pl.Time):
            self.spelling, self.values = SpanSpelling(), series
        elif kind in (pl.Date, pl.Datetime):
            self.spelling, self.values = MomentSpelling(), series
        else:
            self.spelling, self.values = LevelSpelling(), series

    def _find(self, series: pl.Series, decimal: str, from_text: bool) -> None:
        """Of text."""
        own = self.signs or ()
        signs = (*MISSING_MARKERS, *own) if from_text else own
        text = series
        counted = series.value_counts(sort=False, name="_count")
        distinct = counted[series.name]
        plain = stripped_text(distinct)
        plain = plain.set(plain.is_in(signs), None) if signs else plain
        if not plain.equals(distinct, null_equal=True):
            # Most text comes more than once, and seldom has blanks around it.
            text = stripped_text(series)
            text = text.set(text.is_in(signs), None) if signs else text
            counted = text.value_counts(sort=False, name="_count")
            distinct = counted[series.name]
        there = distinct.is_not_null()
        distinct, counts = distinct.filter(there), counted["_count"].filter(there)
        sure = ~distinct.is_in((*MISSING_AMONG_NUMBERS, *MISSING_MARKERS))
        some, often = distinct.filter(sure), counts.filter(sure)
        signs_here = distinct.filter(~sure & ~distinct.is_in(MISSING_MARKERS))
        often_here = counts.filter(~sure & ~distinct.is_in(MISSING_MARKERS))
        cells = taken_apart(some) if len(some) and _glance(some) else None
        form = None if cells is None else find_form(cells, often, decimal)
        if form is not None and not from_text and _are_codes(some, int(often.sum())):
            form = None
        if form is not None and _beside_codes(some.filter(form.read(some).is_null())):
            form = None
        if cells is not None and form is not None:
            every = pl.concat([some, signs_here])
            values = form.read(every)
            odd = self._odd(every, values.is_null(), often.append(often_here), "number", len(text))
            marks = every.str.contains(r"[0-9][.,][0-9]" if form.decimal == "," else r"[0-9],[0-9]")
            marked = marks & values.is_not_null()
            if marked.any():
                how = (
                    "numbers have a decimal comma"
                    if form.decimal == ","
                    else "commas stand between thousands"
                )
                example, value = every.filter(marked)[0], values.filter(marked)[0]
                self.notes.append(f"In {self.name}, {how}: {example} is read as {value!r}.")
            self._numbers(text, form, (*own, *odd))
            return
        moments = find_moments(some, often) if len(some) else None
        if moments is not None:
            order, open_order = moments
            every = pl.concat([some, signs_here])
            lost = moments_of(every, order).is_null()
            odd = self._odd(every, lost, often.append(often_here), "date", len(text))
            self.spelling = MomentSpelling((*own, *odd), order)
            if order != ISO:
                doubt = (
                    "; no cell tells day and month apart, so it may be the other way round"
                    if open_order
                    else ""
                )
                self.notes.append(f"In {self.name}, dates are read as {order}{doubt}.")
            self.values = self.spelling.read(text, marked=from_text)
            return
        if len(some) and are_spans(some, often):
            odd = self._odd(some, spans_of(some).is_null(), often, "length of time", len(text))
            self.spelling = SpanSpelling((*own, *odd))
            self.values = self.spelling.read(text, marked=from_text)
            return
        kept = tuple(distinct.filter(distinct.is_in(MISSING_MARKERS)).to_list())
        self.spelling, self.values = LevelSpelling(own, kept), text

    def _odd(
        self, texts: pl.Series, lost: pl.Series, counts: pl.Series, what: str, cells: int
    ) -> tuple[str, ...]:
        """The texts that cannot be read, after a note of them."""
        odd = texts.filter(lost)
        if not len(odd):
            return ()
        count = int(counts.filter(lost).sum())
        shown = ", ".join(repr(one[:40]) for one in odd.head(3).to_list())
        more = ", ..." if len(odd) > 3 else ""
        verb = f"is no {what} and is" if count == 1 else f"are no {what}s and are"
        if what == "length of time" and count > 1:
            verb = "are no lengths of time and are"
        self.notes.append(
            f"In {self.name}, {count} of {cells} cells {verb} treated as missing: {shown}{more}."
        )
        return tuple(odd.head(_MOST_ODD).to_list())

    def _numbers(self, series: pl.Series, form: NumberForm, missing: tuple[str, ...]) -> None:
        """Of numbers, with numbers among them that stand for missing ones."""
        values = NumberSpelling(missing, form).read(series, marked=True)
        if self.signs is None:
            sentinels = find_sentinels(values)
            if sentinels:
                count = int(values.cast(pl.Float64).is_in(list(sentinels)).sum())
                shown = ", ".join(f"{one:g}" for one in sentinels)
                self.notes.append(
                    f"In {self.name}, {shown} (in {count} of {len(values)} cells) is far from all "
                    "other numbers and is taken for a sign of a missing cell (--missing none keeps "
                    "it; in Python missing=[])."
                )
        else:
            sentinels = tuple(n for n in map(_as_number, self.signs) if n is not None)
        self.spelling = NumberSpelling(missing, form, sentinels)
        values = self.spelling.read(values, marked=True) if sentinels else values
        if series.dtype == pl.String and _all_whole(values):
            values = values.cast(pl.Int64)
        self.values = values


def _as_number(sign: str) -> float | None:
    try:
        return float(sign)
    except ValueError:
        return None


def _all_whole(values: pl.Series) -> bool:
    given = values.drop_nulls()
    return bool(((given == given.round()) & (given.abs() < 2.0**53)).all())


def _glance(texts: pl.Series) -> bool:
    """Whether some of the first texts hold numbers: else the others need not be taken apart."""
    head = texts.head(200)
    return int(taken_apart(head)["digits"].is_not_null().sum()) >= 0.8 * len(head)


def _are_codes(texts: pl.Series, cells: int) -> bool:
    """Whether text of a typed table is whole numbers that come again: codes, typed as such."""
    whole = texts.str.contains("^[0-9]+$")
    return bool(whole.mean() > 0.9) and len(texts) < 0.5 * cells  # type: ignore[operator]


def _beside_codes(odd: pl.Series) -> bool:
    """Whether what is no number are codes, as V57 and E965 are among 250.83 and 414."""
    return int(odd.str.contains("^[A-Za-z]{1,3}[0-9]").sum()) >= _FEWEST_CODES


def _are_days(series: pl.Series) -> bool:
    """Whether whole numbers are all days of the calendar written as 20240131."""
    low, high = series.min(), series.max()
    if low is None or not 19000101 <= int(low) <= int(high) <= 21001231:  # type: ignore[arg-type]
        return False
    distinct = series.drop_nulls().unique()
    if len(distinct) < 3:
        return False
    return moments_of(distinct.cast(pl.String), DIGITS).null_count() == 0
