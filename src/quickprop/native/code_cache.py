"""Compiled code on disk: only what this user wrote, for this very key, is ever loaded.

A file is a SHA-256 over its key and the rest, the length of the plan, the plan as JSON, the object
code. Whoever may write to a file could put code of his own there, checksum and all, so files and
folders that are not the user's own, or that others may write to, are not used: code is then kept in
memory, and a warning says so once.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quickprop import config
from quickprop.foundation.atomic_file import clean, write_whole

Plan = dict[str, Any]
_CHECKSUM, _LENGTH = 32, 4
_SUFFIX = ".o"
#: So much is left when the cache was too large, so that not every new file makes it so again.
LEFT = 0.9
#: A new look at the size of the whole cache after so much that was written, as a share of its most.
LOOK_AFTER = 0.05


class _UntrustedError(Exception):
    """A file or folder that somebody else may have written, or may change."""


@dataclass
class _Written:
    """What this process has written since it last looked at the size of the cache."""

    size: float = float("inf")


_written: dict[Path, _Written] = {}
#: Cache folders that a warning was given about.
_said: set[str] = set()
_LOCK = threading.Lock()


def read(key: str) -> tuple[Plan, bytes] | None:
    """The plan and the code kept for a key, a SHA-256 in hexadecimal digits."""
    folder = config.cache_dir()
    if folder is None:
        return None
    path = _path(folder, key)
    try:
        for level in _levels(folder, path):
            _check_folder(level)
        content = _content(path)
    except _UntrustedError as error:
        _say(str(error))
        return None
    except OSError:
        return None
    found = _opened(key, content)
    if found is not None:
        with suppress(OSError):
            # What was used last goes last. (Access times are often not kept.)
            os.utime(path, follow_symlinks=False)
    return found


def write(key: str, plan: Plan, code: bytes) -> None:
    """Keep code on disk; whatever stands in the way is no reason to stop a fit."""
    folder = config.cache_dir()
    if folder is None:
        return
    path = _path(folder, key)
    told = json.dumps(plan).encode()
    rest = len(told).to_bytes(_LENGTH, "little") + told + code
    content = _seal(key, rest) + rest
    try:
        for level in _levels(folder, path):
            _make_folder(level)
            _check_folder(level)
        write_whole(path, lambda stream: stream.write(content), lasting=False)
    except _UntrustedError as error:
        _say(str(error))
    except OSError:
        return
    else:
        _keep_small(folder / "code", len(content))


def _path(folder: Path, key: str) -> Path:
    return folder / "code" / key[:2] / f"{key[2:]}{_SUFFIX}"


def _levels(folder: Path, path: Path) -> tuple[Path, ...]:
    return folder, path.parent.parent, path.parent


def _seal(key: str, rest: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + rest).digest()


def _opened(key: str, content: bytes) -> tuple[Plan, bytes] | None:
    """What a file holds, or None when it is not whole, or was written for another key."""
    rest = content[_CHECKSUM:]
    if _seal(key, rest) != content[:_CHECKSUM]:
        return None
    size = int.from_bytes(rest[:_LENGTH], "little")
    try:
        plan = json.loads(rest[_LENGTH : _LENGTH + size])
    except (ValueError, RecursionError):
        return None
    return (plan, rest[_LENGTH + size :]) if isinstance(plan, dict) else None


# -- whom to trust --------------------------------------------------------------------------------


def _check_folder(path: Path) -> None:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise _UntrustedError(f"{path} is a link")
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(path)
    _check_owner(path, found)


def _check_owner(path: Path, found: os.stat_result) -> None:
    if not hasattr(os, "geteuid"):
        return
    if found.st_uid != os.geteuid():
        raise _UntrustedError(f"{path} belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _UntrustedError(f"others may write to {path}")


def _content(path: Path) -> bytes:
    """The bytes of a file, looked at after it is opened: nobody can exchange it in between."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if path.is_symlink():
        raise _UntrustedError(f"{path} is a link")
    with os.fdopen(os.open(path, flags), "rb") as stream:
        found = os.fstat(stream.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise _UntrustedError(f"{path} is not a file")
        _check_owner(path, found)
        return stream.read()


def _make_folder(path: Path) -> None:
    """Make a folder for this user alone, and those above it that are missing."""
    missing = []
    while not os.path.lexists(path):
        missing.append(path)
        path = path.parent
    for one in reversed(missing):
        try:
            one.mkdir(0o700)
        except FileExistsError:  # Another process was quicker.
            continue
        # The umask may have taken some of it away.
        one.chmod(0o700)


def _say(what: str) -> None:
    folder = str(config.cache_dir())
    with _LOCK:
        if folder in _said:
            return
        _said.add(folder)
    warnings.warn(
        f"compiled code is kept in memory alone, not on disk: {what}. Make it yours alone "
        "(chmod go-w), delete it, or set QUICKPROP_CACHE_DIR to another folder.",
        stacklevel=2,
    )


# -- how much there is ----------------------------------------------------------------------------


def _keep_small(folder: Path, written: int) -> None:
    """Remove what was not used for longest, when all together is too large."""
    most = config.cache_bytes()
    with _LOCK:
        since = _written.setdefault(folder, _Written())
        since.size += written
        if since.size < LOOK_AFTER * most:
            return
        since.size = 0.0
    parts = []
    with suppress(OSError):
        parts = [one for one in os.scandir(folder) if one.is_dir(follow_symlinks=False)]
    files = [file for part in parts for file in _files(Path(part.path))]
    total = sum(size for _, size, _ in files)
    if total <= most:
        return
    for _, size, path in sorted(files):
        if total <= LEFT * most:
            return
        # Another process may be at the same; who has the code loaded does not need the file.
        with suppress(OSError):
            os.unlink(path)
        total -= size


def _files(folder: Path) -> list[tuple[float, int, str]]:
    """When each file was used last, its size and its path; what was left unfinished is removed."""
    found, hour_ago = [], time.time() - 3600.0
    with suppress(OSError):
        for one in os.scandir(folder):
            with suppress(OSError):
                about = one.stat(follow_symlinks=False)
                if one.name.endswith(_SUFFIX) and stat.S_ISREG(about.st_mode):
                    found.append((about.st_mtime, about.st_size, one.path))
                elif one.name.endswith(".quickprop-part"):
                    clean(folder)
                elif one.name.endswith(".part") and about.st_mtime < hour_ago:  # Of version 0.1.
                    os.unlink(one.path)
    return found
