"""Tables of a SQLite database, by Python's own sqlite3."""

from __future__ import annotations

import sqlite3

from quickprop.data.files.source import Found, Source
from quickprop.data.in_memory import table_of_columns
from quickprop.errors import DataFileError, did_you_mean

MAGIC = b"SQLite format 3\0"


def read_sqlite(source: Source) -> Found:
    """Read the one table of a database, or the one that was named."""
    where = source.where
    # One that is written to by the way of a log says so in two bytes; what is read has none.
    raw = source.raw[:18] + bytes(1 if b == 2 else b for b in source.raw[18:20]) + source.raw[20:]
    connection = sqlite3.connect(":memory:")
    try:
        connection.deserialize(raw)
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        table = _table(connection, source)
        quoted = '"' + table.replace('"', '""') + '"'
        cursor = connection.execute(f"SELECT * FROM {quoted}")
        names = [entry[0] for entry in cursor.description]
        rows = cursor.fetchall()
    except sqlite3.Error as error:
        raise DataFileError(
            "not a whole SQLite database, or not one at all",
            where=where,
            given=str(error)[:160],
            hint="write it anew",
        ) from error
    finally:
        connection.close()
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return Found(table_of_columns(dict(zip(names, map(list, columns), strict=True)), where))


def _table(connection: sqlite3.Connection, source: Source) -> str:
    found = connection.execute(
        "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') "
        "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name"
    ).fetchall()
    names = [name for name, _ in found]
    wanted = source.settings.table
    if wanted is not None:
        if wanted in names:
            return wanted
        raise DataFileError(
            f"the database has no table {wanted!r}",
            where=source.where,
            allowed=", ".join(names)[:200] or "none: it is empty",
            hint=did_you_mean(wanted, names),
        )
    tables = [name for name, kind in found if kind == "table"] or names
    if len(tables) != 1:
        raise DataFileError(
            "the database has several tables" if tables else "the database has no table",
            where=source.where,
            given=", ".join(names)[:200] or None,
            hint=f"name one: --table {tables[0]}, or {source.where}::{tables[0]}"
            if tables
            else "give another file",
        )
    return str(tables[0])
