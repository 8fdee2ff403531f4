"""JSON: an object a line, or one list of objects."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from quickprop.data.files.encoding import to_utf8
from quickprop.data.files.source import Found, Source
from quickprop.data.in_memory import table_of_columns
from quickprop.errors import DataFileError


def read_json_lines(source: Source) -> Found:
    """Read an object a line; objects within objects become columns of their own."""
    raw, note = to_utf8(source.raw, source.where, source.settings.encoding)
    notes = () if note is None else (note,)
    try:
        frame = pl.read_ndjson(io.BytesIO(raw), infer_schema_length=None)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        frame = None
    # polars leaves out what it cannot read without a word where types differ.
    lines = raw.count(b"\n") + (not raw.endswith(b"\n"))
    if frame is None or frame.height != lines or pl.Null in frame.dtypes:
        frame = _of_records(_records(raw, source.where), source.where)
    return Found(_without_structs(frame), notes)


def read_json(source: Source) -> Found:
    """Read a list of objects, an object of columns, or an object a line."""
    raw, note = to_utf8(source.raw, source.where, source.settings.encoding)
    try:
        given = json.loads(raw)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and raw.lstrip().startswith(b"{"):
            return read_json_lines(source)
        raise _broken(source.where, error.lineno, error) from None
    except RecursionError:
        raise DataFileError("lists within lists without end", where=source.where) from None
    notes = () if note is None else (note,)
    if isinstance(given, Mapping):
        lists = [key for key, value in given.items() if isinstance(value, list)]
        if lists and (len(lists) == 1 < len(given) or _are_records(given[lists[0]])):
            given = given[source.settings.table or lists[0]]
        elif lists and len(lists) == len(given):
            return Found(table_of_columns(given, source.where), notes)
        else:
            given = [given]
    if not _are_records(given):
        raise DataFileError(
            "not a list of objects",
            where=source.where,
            allowed='[{"a": 1, "b": 2}, ...] or such an object a line',
            hint="write the table so, or as CSV",
        )
    return Found(_without_structs(_of_records(given, source.where)), notes)


def _are_records(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(one, Mapping) for one in given)


def _records(raw: bytes, where: str) -> list[dict[str, Any]]:
    records = []
    for place, line in enumerate(raw.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise _broken(where, place, error) from None
        if not isinstance(record, dict):
            raise DataFileError(
                f"line {place} is no JSON object", where=where, given=type(record).__name__,
                hint='write an object a line, such as {"a": 1, "b": "x"}',
            )  # fmt: skip
        records.append(record)
    return records


def _broken(where: str, line: int, error: json.JSONDecodeError) -> DataFileError:
    return DataFileError(
        f"line {line} is no JSON", where=where, given=error.msg,
        hint="mend the line, or save the table as CSV",
    )  # fmt: skip


def _of_records(records: list[Any], where: str) -> pl.DataFrame:
    """Columns by the names that come in any of the records."""
    names = dict.fromkeys(name for record in records for name in record)
    return table_of_columns({name: [r.get(name) for r in records] for name in names}, where)


def _without_structs(frame: pl.DataFrame) -> pl.DataFrame:
    """Objects within objects as columns whose names have a dot."""
    while any(isinstance(kind, pl.Struct) for kind in frame.dtypes):
        columns: list[pl.Series] = []
        for column in frame.iter_columns():
            if isinstance(column.dtype, pl.Struct):
                inner = column.struct.unnest().iter_columns()
                columns += [one.alias(f"{column.name}.{one.name}") for one in inner]
            else:
                columns.append(column)
        frame = pl.DataFrame(columns)
    return frame
