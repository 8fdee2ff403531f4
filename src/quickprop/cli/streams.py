"""Standard input in the place of a file, and standard output where it may fail."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from quickprop.cli.endings import OutputError
from quickprop.data import PACKED, READABLE, TableFile
from quickprop.errors import DataFileError, QuickpropError, SettingError

#: Stands for standard input or output, as in other commands.
STREAM = "-"
INPUT = "standard input"


@contextmanager
def input_file(given: str, ending: str = "") -> Iterator[str]:
    """The path that was given, or that of a copy of standard input when "-" was.

    Parameters
    ----------
    ending : str
        What the name of the copy ends with; without one its content says what it is.
    """
    if given != STREAM:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="quickprop-") as folder:
        path = _copied_input(Path(folder), ending)
        try:
            yield str(path)
        except QuickpropError as error:
            # What is wrong is said of the stream, not of a file that the user never saw.
            if error.where:
                error.where = error.where.replace(str(path), INPUT)
            raise


@contextmanager
def input_table(given: TableFile) -> Iterator[TableFile]:
    """The file of a table that was given, or a copy of standard input to be read as was said."""
    with input_file(os.fsdecode(given.path)) as path:
        yield replace(given, path=path)


def _copied_input(folder: Path, ending: str) -> Path:
    if sys.stdin is None:
        raise DataFileError("it is closed", where=INPUT, hint="pipe a file into it")
    source = sys.stdin.buffer
    kind = os.fstat(source.fileno()).st_mode
    if stat.S_ISDIR(kind) or (stat.S_ISCHR(kind) and not source.isatty()):
        raise DataFileError(
            "not a file or a pipe", where=INPUT, hint="name a file, or pipe one into the command"
        )
    try:
        path = folder / f"input{ending}"
        with path.open("xb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
    except OSError as error:
        raise DataFileError("cannot be copied", where=INPUT, given=error.strerror) from error
    return path


@contextmanager
def standard_output() -> Iterator[None]:
    """Writing what was asked for; a failure is told as one of standard output.

    Raises
    ------
    OutputError
        It cannot be written: a full disk, a closed stream.
    BrokenPipeError
        The reader, such as head, has seen enough.
    """
    if sys.stdout is None:
        raise OutputError("it is closed", where="standard output", hint="redirect it to a file")
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        if isinstance(error, QuickpropError):
            raise
        raise OutputError(
            "cannot be written", where="standard output", given=error.strerror
        ) from error


def check_writable(path: str, *sources: str, named: bool = True) -> None:
    """Find out before the work, not after it, that a path cannot or must not be written.

    Parameters
    ----------
    path : str
    *sources : str
        What is read, and must not be overwritten.
    named : bool
        Whether the user gave the path. What is wrong with one made from the name of the data is
        said of the data.
    """
    if path == STREAM:
        return
    # The functions of os.path answer where those of Path raise, and leave ~nobody as it is.
    target = os.path.expanduser(path)
    for source in map(os.path.expanduser, sources):
        if os.path.exists(target) and os.path.exists(source) and os.path.samefile(target, source):
            raise SettingError(
                "this would overwrite a file that is read",
                where=f"--out {path[:200]}",
                hint="choose another name",
            )
    parent = os.path.dirname(target) or os.curdir
    if os.path.isdir(target) or not os.path.isdir(parent):
        raise SettingError(
            "this is a folder" if os.path.isdir(target) else "its folder does not exist",
            where=f"--out {path[:200]}",
            hint="name a file in a folder that exists",
        )
    name = os.path.basename(target)
    if named and len(os.fsencode(name)) > 255:
        raise SettingError(
            "the name of the file is too long",
            where="--out",
            allowed="255 bytes",
            given=f"{name[:40]}... of {len(os.fsencode(name)):,} bytes",
        )


def default_out(data: str) -> str:
    """The model file beside which nothing was said: the name of the data, here."""
    name = "" if data == STREAM else os.path.basename(data)
    name = name.partition("::")[0]
    for ending in (*PACKED, *READABLE):
        name = name.removesuffix(ending)
    return f"{name or 'model'}.quickprop"
