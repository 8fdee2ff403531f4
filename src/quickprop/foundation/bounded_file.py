"""Reading a file that somebody names: of the right kind, and never more than a bound."""

from __future__ import annotations

import errno
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from quickprop.errors import QuickpropError, did_you_mean

#: Stands for standard input in the place of a file's name.
STANDARD_INPUT = "-"
_CHUNK = 2**22
#: What a table compresses to is more than this part of it; zeros make a thousandth.
_MOST_TIMES = 500
#: Less than this is never too much.
_HARMLESS = 2**26
#: Names are shown up to so many letters.
_SHOWN = 200

Refusal = Callable[..., QuickpropError]


def shown_path(path: object) -> str:
    """A path as messages show it: cut in its middle when it is very long."""
    text = os.fsdecode(path) if isinstance(path, str | os.PathLike) else str(path)
    return text if len(text) <= _SHOWN else f"{text[:80]}...{text[-40:]} ({len(text)} letters)"


def available_memory() -> int | None:
    """Bytes that this process may still take, or None where the system does not say."""
    found = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) * 1024)
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        if limit != "max":
            found.append(int(limit) - used)
    except (OSError, ValueError, IndexError):
        pass
    if not found and hasattr(os, "sysconf"):
        try:
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        except (OSError, ValueError):
            return None
    return max(0, min(found)) if found else None


def in_words(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 1e9:.3g} GB" if size >= 1e8 else f"{size / 1e6:.3g} MB"


def check_regular_file(path: Path, refuse: Refusal, *, most: int) -> int:
    """The size of a file, or the error that says why it cannot be read.

    Parameters
    ----------
    path : Path
    refuse : callable
        Makes the error: an error class, called with `what`, `where`, `given`, `hint`.
    most : int
        Bytes.
    """
    where = shown_path(path)
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:
        raise _not_there(path, error, refuse) from None
    if stat.S_ISDIR(found.st_mode):
        raise refuse("this is a folder, not a file", where=where, hint="name a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise refuse(
            "this is not a file that can be read to its end",
            where=where,
            given=_kind(found.st_mode),
            hint="write what it gives to a file first",
        )
    if found.st_size > most:
        raise refuse(
            "the file is too large",
            where=where,
            allowed=in_words(most),
            given=in_words(found.st_size),
        )
    return found.st_size


def _kind(mode: int) -> str:
    tests = {
        "a pipe": stat.S_ISFIFO,
        "a device": stat.S_ISCHR,
        "a disk": stat.S_ISBLK,
        "a socket": stat.S_ISSOCK,
    }
    return next((name for name, test in tests.items() if test(mode)), "something else")


def _not_there(path: Path, error: OSError | ValueError, refuse: Refusal) -> QuickpropError:
    where, code = shown_path(path), getattr(error, "errno", None)
    if code == errno.ELOOP:
        return refuse("a link that leads back to itself", where=where, hint="name the file itself")
    if os.path.islink(path):
        return refuse(
            "a link to a file that is not there",
            where=where,
            given=f"it leads to {shown_path(os.readlink(path))}",
        )
    if code == errno.ENAMETOOLONG:
        return refuse("a name longer than a file can have", where=where)
    if code not in (errno.ENOENT, errno.ENOTDIR, None):
        reason = getattr(error, "strerror", None) or str(error)
        return refuse(
            "cannot be read", where=where, given=reason, hint="check that you may read it"
        )
    try:
        names = [name for name in os.listdir(path.parent) if name != path.name]
    except (OSError, ValueError):
        names = []
    hint = did_you_mean(path.name, names) or "check the path"
    return refuse("no such file", where=where, hint=hint)


def read_bounded(path: Path, refuse: Refusal, *, most: int) -> bytes:
    """The whole of a regular file of at most so many bytes, or the error that says why not."""
    check_regular_file(path, refuse, most=most)
    try:
        with path.open("rb") as stream:
            return read_stream(stream, shown_path(path), refuse, most=most)
    except OSError as error:
        raise _not_there(path, error, refuse) from error


def read_standard_input(refuse: Refusal, *, most: int) -> bytes:
    """What standard input gives up to its end, at most so many bytes."""
    return read_stream(sys.stdin.buffer, "standard input", refuse, most=most)


def read_stream(stream: BinaryIO, where: str, refuse: Refusal, *, most: int) -> bytes:
    """What a stream gives up to its end; a file may grow while it is read, and a pipe never end."""
    parts: list[bytes] = []
    size = 0
    while part := stream.read(_CHUNK):
        size += len(part)
        if size > most:
            raise refuse("there is more than can be taken", where=where, allowed=in_words(most))
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def decompressed(raw: bytes, where: str, refuse: Refusal, *, most: int) -> bytes:
    """What gzip packed, watched while it grows.

    Raises
    ------
    zlib.error, EOFError
        The data are damaged or cut short.
    """
    return bounded(gzip_parts(raw), len(raw), where, refuse, most=most)


def bounded(
    given: Iterable[bytes], packed: int, where: str, refuse: Refusal, *, most: int
) -> bytes:
    """What something packed unpacks to, a part after the other, watched while it grows.

    Parameters
    ----------
    given : iterable of bytes
    packed : int
        Bytes that it is unpacked from.
    where : str
    refuse : callable
        As in `check_regular_file`.
    most : int
        Bytes.
    """
    parts: list[bytes] = []
    size = 0
    for part in given:
        size += len(part)
        if size > most or size > max(_HARMLESS, _MOST_TIMES * packed):
            raise refuse(
                "what is packed in it is too large",
                where=where,
                allowed=in_words(min(most, max(_HARMLESS, _MOST_TIMES * packed))),
                given=f"{in_words(packed)} packed",
                hint="unpack it and look at it first",
            )
        parts.append(part)
    return b"".join(parts)


def gzip_parts(raw: bytes) -> Iterator[bytes]:
    """The parts of all members of a gzip file, a stretch at a time."""
    rest = raw
    while rest:
        # 16 more asks for the header and checksum of gzip.
        member = zlib.decompressobj(16 + zlib.MAX_WBITS)
        while not member.eof:
            part = member.decompress(rest, _CHUNK)
            rest = member.unconsumed_tail
            if part:
                yield part
            elif not rest and not member.eof:
                raise EOFError("the file ends in the middle of what is packed")
        # Zeros may fill up the end.
        rest = member.unused_data.lstrip(b"\0")
