"""Several files that are one table: a folder of Parquet, or all that a pattern names."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from quickprop.data.files.source import Found
from quickprop.errors import DataError, DataFileError
from quickprop.foundation.bounded_file import check_regular_file, in_words, shown_path

_ENDINGS = (".parquet", ".pq")


def files_of(path: Path, *, most: int) -> list[Path] | None:
    """The files of a folder or a pattern, in the order of their names; None for one file.

    Raises
    ------
    DataFileError
        None is there, or they are too large together.
    """
    where = shown_path(path)
    if os.path.isdir(path):
        found = [p for p in sorted(path.rglob("*")) if p.name.lower().endswith(_ENDINGS)]
        found = [p for p in found if not p.name.startswith(("_", "."))]
        if not found:
            raise DataFileError(
                "this is a folder, not a file",
                where=where,
                allowed="a file, or a folder with Parquet files",
                hint="name a file in it",
            )
    elif glob.has_magic(str(path)) and not os.path.lexists(path):
        found = [Path(p) for p in sorted(glob.glob(str(path), recursive=True))]
        found = [p for p in found if p.is_file()]
        if not found:
            raise DataFileError("no file fits this pattern", where=where, hint="check the path")
    else:
        return None
    size = sum(check_regular_file(p, DataFileError, most=most) for p in found)
    if size > most:
        raise DataFileError(
            "the files are too large", where=where, allowed=in_words(most), given=in_words(size)
        )
    return found


def read_together(path: Path, files: Sequence[Path], read: Callable[[Path], Found]) -> Found:
    """The rows of several files one below the other.

    Raises
    ------
    DataError
        They do not have the same columns.
    """
    frames: list[pl.DataFrame] = []
    notes: dict[str, None] = {}
    for file in files:
        found = read(file)
        notes |= dict.fromkeys(found.notes)
        frame = found.frame
        if path.is_dir():
            frame = _with_partitions(frame, file.relative_to(path).parts[:-1])
        if frames:
            _check_columns(frames[0], frame, files[0], file)
            frame = frame.select(frames[0].columns)
        frames.append(frame)
    try:
        whole = pl.concat(frames, how="vertical_relaxed")
    except pl.exceptions.PolarsError as error:
        raise DataError(
            "the files differ in the types of their columns",
            where=shown_path(path),
            given=str(error).split("\n", 1)[0][:160],
            hint="write them with the same types",
        ) from error
    numbers = "1 file" if len(files) == 1 else f"{len(files):,} files"
    note = f"{numbers} read as one table ({files[0].name} ... {files[-1].name})"
    return Found(_with_numbered_partitions(whole, path, files), (note, *notes))


def _partitions(parts: Sequence[str]) -> dict[str, str]:
    """What the names of folders say: year=2020."""
    pairs = (part.partition("=") for part in parts)
    return {name: value for name, sign, value in pairs if sign}


def _with_partitions(frame: pl.DataFrame, parts: Sequence[str]) -> pl.DataFrame:
    given = {n: v for n, v in _partitions(parts).items() if n not in frame.columns}
    missing = "__HIVE_DEFAULT_PARTITION__"
    return frame.with_columns(
        pl.lit(None if value == missing else value, pl.String).alias(name)
        for name, value in given.items()
    )


def _with_numbered_partitions(
    frame: pl.DataFrame, path: Path, files: Sequence[Path]
) -> pl.DataFrame:
    """Partitions whose values are all whole numbers are columns of numbers."""
    if not path.is_dir():
        return frame
    names = _partitions(files[0].relative_to(path).parts[:-1])
    for name in names:
        numbers = frame[name].cast(pl.Int64, strict=False)
        if numbers.null_count() == frame[name].null_count():
            frame = frame.with_columns(numbers)
    return frame


def _check_columns(first: pl.DataFrame, frame: pl.DataFrame, one: Path, other: Path) -> None:
    differing = set(first.columns) ^ set(frame.columns)
    if differing:
        raise DataError(
            "the files do not have the same columns",
            where=shown_path(other),
            allowed=f"those of {one.name}",
            given=", ".join(sorted(differing)[:8]),
            hint="read them apart",
        )
