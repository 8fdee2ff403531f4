"""Writing a file so that it is there whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from quickprop.errors import DataFileError
from quickprop.foundation.lru_cache import LruCache

try:
    import fcntl
except ImportError:  # Not on Windows: what a kill leaves behind is not cleaned up there.
    fcntl = None  # type: ignore[assignment]

_UNFINISHED = re.compile(r"\..*\.[0-9a-f]{16}\.quickprop-part")
#: Folders that this process has cleaned, those of late.
_CLEANED: LruCache[str, bool] = LruCache(256)
#: Give a name up after so many tries; one is enough but for a cleaner that comes between.
_TRIES = 20


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
        write_whole(final, write)
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


def write_whole(final: Path, write: Callable[[BinaryIO], object], lasting: bool = True) -> None:
    """Write beside `final` and rename over it; what stood there keeps its permissions.

    What writers that were killed have left in the folder is cleaned up, the first time that this
    process writes there: every writer holds a lock on its unfinished file, which ends with it.

    Parameters
    ----------
    lasting : bool
        Whether the file must survive a loss of power: the disk is waited for.

    Raises
    ------
    OSError
        The old file, if there is one, is untouched then, and nothing else is left.
    """
    clean(final.parent)
    mode = _mode_of(final)
    beside, stream = _begun(final, 0o666 if mode is None else mode)
    try:
        with stream:
            if mode is not None and hasattr(os, "fchmod"):
                # Here whatever the umask.
                os.fchmod(stream.fileno(), mode)
            write(stream)
            stream.flush()
            if lasting:
                os.fsync(stream.fileno())
            # Renamed while it is locked: nobody takes it for left behind.
            os.replace(beside, final)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def clean(folder: Path) -> None:
    """Remove the unfinished files of this user in a folder that nobody writes any more."""
    if fcntl is None or _CLEANED.get(str(folder)):
        return
    _CLEANED.put(str(folder), True)
    with suppress(OSError), os.scandir(folder) as entries:
        for name in [one.name for one in entries if _UNFINISHED.fullmatch(one.name)]:
            with suppress(OSError):
                _remove_unless_locked(folder / name)


def _remove_unless_locked(path: Path) -> None:
    flags = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, os.O_RDWR | flags)
    except PermissionError:  # Of a file that is only read.
        descriptor = os.open(path, os.O_RDONLY | flags)
    try:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    finally:
        os.close(descriptor)


def _mode_of(final: Path) -> int | None:
    try:
        return final.stat().st_mode & 0o777
    except FileNotFoundError:
        return None


def _begun(final: Path, mode: int) -> tuple[Path, BinaryIO]:
    """A new file beside another, under a name that cannot be foreseen, and locked."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    for _ in range(_TRIES):
        # Names may take 255 bytes.
        stem = os.fsencode(final.name)[:180].decode("utf-8", "ignore")
        beside = final.parent / f".{stem}.{secrets.token_hex(8)}.quickprop-part"
        descriptor = os.open(beside, flags, mode)
        if _locked(descriptor):
            return beside, os.fdopen(descriptor, "wb")
        os.close(descriptor)
    raise FileExistsError(f"no file can be made in {final.parent}")


def _locked(descriptor: int) -> bool:
    """Lock a new file; False when a cleaner came between and has removed it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:  # A file system without locks: nobody can lock it to remove it either.
        return True
    return os.fstat(descriptor).st_nlink > 0
