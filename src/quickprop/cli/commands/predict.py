"""quickprop predict: the target for the rows of a table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from quickprop.cli.console import console
from quickprop.cli.endings import LEFT
from quickprop.cli.streams import STREAM, check_writable, input_file, input_table, standard_output
from quickprop.data import Reading, Table, TableFile, column_of, csv_text, write_table
from quickprop.errors import DataError, SettingError
from quickprop.models import TableModel


def predict_table(
    model: str, data: TableFile, *, out: str | None, proba: bool, keep: Sequence[str], strict: bool
) -> None:
    """Read, predict, and write a table of what was predicted."""
    if model == STREAM and data.path == STREAM:
        raise SettingError("standard input can only be one of the two", where="MODEL, DATA")
    path = out or STREAM
    check_writable(path, os.fsdecode(data.path), model)
    with input_file(model, ".quickprop") as source:
        loaded = TableModel.load(source)
    with input_table(data) as file:
        reading = loaded.read(file)
        frame = reading.frame
        kept = kept_columns(frame, keep)
        aside = console(aside=True)
        extra = [name for name in loaded.extra_columns(frame) if name not in kept]
        if extra:
            shown = ", ".join(extra[:8]) + (", ..." if len(extra) > 8 else "")
            aside.print(f"note: columns that are not used: {shown}")
        say_deviations(loaded, reading, strict=strict)
        columns = predictions(loaded, reading, proba)
    for name in kept:
        if name in columns:
            raise SettingError(
                f"the predictions have the name {name!r} themselves",
                where="--keep",
                hint="keep other columns, or rename this one first",
            )
    columns = {**kept, **columns}
    if path != STREAM:
        write_table(columns, path)
        LEFT.keep("predictions are", path)
        aside.print(f"{len(frame):,} predictions written to {path}")
    else:
        with standard_output():
            print(csv_text(columns), end="")
    LEFT.done()


def say_deviations(model: TableModel, reading: Reading, *, strict: bool) -> None:
    """Notes of how new rows were read and where they are not as those of training were.

    Raises
    ------
    DataError
        With `strict`, where there are such cells.
    """
    found = model.check(reading)
    if strict and found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise DataError(
            f"{found[0]}{more}",
            where="--strict",
            hint="mend the cells, or leave out --strict to predict all the same",
        )
    aside = console(aside=True)
    for note in (*reading.notes, *map(str, found)):
        aside.print(f"note: {note.rstrip('.')}")


def kept_columns(frame: Table, keep: Sequence[str]) -> dict[str, Any]:
    """Columns of the table that go with the predictions; several may be named with commas."""
    names: list[str] = []
    for given in keep:
        # A name may itself have a comma.
        names += [given] if given in frame.columns else given.split(",")
    return {name: column_of(frame, name, where="--keep").to_native() for name in names}


def predictions(model: TableModel, reading: Reading, proba: bool) -> dict[str, Any]:
    """Columns of predictions by name."""
    if not proba:
        return {model.report.target: model.predict(reading)}
    probabilities = model.predict_proba(reading)
    classes = model.classes or ()
    return {str(name): probabilities[:, k] for k, name in enumerate(classes)}
