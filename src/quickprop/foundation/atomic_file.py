"""Writing a file so that it is there whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from quickprop.errors import DataFileError


def is_device(path: Path) -> bool:
    """Whether something stands there that is neither a file nor a folder, such as a pipe."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def replace_file(path: str | os.PathLike[str], write: Callable[[BinaryIO], object]) -> Path:
    """Write beside `path`, then rename over it, so that no reader ever sees half a file.

    Parameters
    ----------
    path : str or path
        Where the file shall stand. A pipe or a device is written to directly.
    write : callable
        Called once with the open binary file.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    DataFileError
        The folder does not exist, or the file cannot be written there. What stood at `path`
        before is untouched then.
    """
    target = Path(os.path.expanduser(path))
    # The functions of os.path answer where those of Path raise for an impossible name.
    if os.path.isdir(target):
        raise DataFileError(
            "this is a folder, not a file", where=str(target), hint="name a file inside it"
        )
    try:
        if is_device(target):
            with target.open("wb") as stream:
                write(stream)
            return target
        final = target.resolve()
        if not final.parent.is_dir():
            raise DataFileError(
                "its folder does not exist",
                where=str(target),
                hint=f"create the folder {final.parent} first",
            )
        beside = final.parent / f".{final.name[:100]}.{secrets.token_hex(6)}.part"
        try:
            with beside.open("xb") as stream:
                write(stream)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(beside, final)
        finally:
            beside.unlink(missing_ok=True)
    except DataFileError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error).split("\n", 1)[0]
        raise DataFileError(
            "cannot be written",
            where=str(target),
            given=reason,
            hint="choose a path that you may write to",
        ) from error
    return target
