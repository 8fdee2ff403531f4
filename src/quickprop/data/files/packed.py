"""Files that hold another one packed: gzip, bz2, xz, zstd, and zip with one table in it."""

from __future__ import annotations

import bz2
import importlib.util
import io
import lzma
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from quickprop.config import try_import
from quickprop.data.files.source import Source
from quickprop.errors import DataFileError, MissingPackageError
from quickprop.foundation.bounded_file import bounded, gzip_parts

_CHUNK = 2**22
#: What zstandard is fed at a time: it gives all that comes of it at once, up to 2**15 times that.
_FED = 2**10
#: What is looked at before all is unpacked.
_GLANCE = 2**16
#: Files in archives that are no data.
_IGNORED = ("__MACOSX/", ".DS_Store", "._")
#: What makes a zip a workbook or a document.
OFFICE = ("xl/workbook.xml", "content.xml", "word/document.xml")


@dataclass(frozen=True)
class Packing:
    """One way of packing.

    Attributes
    ----------
    endings : tuple of str
        Of the names of files.
    magic : bytes
        What they begin with.
    parts : callable
        What is in such bytes, a stretch at a time.
    errors : tuple of type
        What it raises where the bytes are damaged.
    """

    endings: tuple[str, ...]
    magic: bytes
    parts: Callable[[bytes], Iterator[bytes]]
    errors: tuple[type[Exception], ...]


def _by_decompressor(make: Callable[[], Any]) -> Callable[[bytes], Iterator[bytes]]:
    """Parts by an object of the standard library that unpacks one stream; several may follow."""

    def parts(raw: bytes) -> Iterator[bytes]:
        rest = raw
        while rest:
            one = make()
            fed = rest
            while not one.eof:
                part = one.decompress(fed, _CHUNK)
                fed = b""
                if part:
                    yield part
                elif not one.eof and one.needs_input:
                    raise EOFError("the file ends in the middle of what is packed")
            rest = one.unused_data.lstrip(b"\0")

    return parts


def _zstd_parts(raw: bytes) -> Iterator[bytes]:
    """Parts by whichever package knows Zstandard: Python from 3.14 on, zstandard, or pyarrow."""
    if sys.version_info >= (3, 14):
        yield from _by_decompressor(try_import("compression.zstd", "zstd").ZstdDecompressor)(raw)
        return
    alone = importlib.util.find_spec("zstandard") is None
    by_arrow = alone and importlib.util.find_spec("pyarrow") is not None
    parts = _zstd_by_arrow(raw) if by_arrow else _zstd_by_zstandard(raw)
    while True:
        try:
            part = next(parts, b"")
        except MissingPackageError:
            raise
        except Exception as error:
            # Each package has an error of its own.
            raise EOFError(str(error)) from error
        if not part:
            return
        yield part


def _zstd_by_arrow(raw: bytes) -> Iterator[bytes]:
    arrow = try_import("pyarrow", "files packed by zstd")
    stream = arrow.CompressedInputStream(arrow.BufferReader(raw), "zstd")
    while part := stream.read(_CHUNK):
        yield part


def _zstd_by_zstandard(raw: bytes) -> Iterator[bytes]:
    package = try_import("zstandard", "files packed by zstd", "zstd")
    rest = memoryview(raw)
    while rest:
        one = package.ZstdDecompressor().decompressobj()
        while not one.eof:
            if not rest:
                raise EOFError("the file ends in the middle of what is packed")
            if part := one.decompress(rest[:_FED]):
                yield part
            rest = rest[_FED:]
        # What was fed last may hold the beginning of another one.
        rest = memoryview(one.unused_data + bytes(rest)) if one.unused_data else rest


PACKINGS = (
    Packing((".gz", ".gzip"), b"\x1f\x8b", gzip_parts, (zlib.error, EOFError)),
    Packing((".bz2",), b"BZh", _by_decompressor(bz2.BZ2Decompressor), (OSError, EOFError)),
    Packing(
        (".xz", ".lzma"), b"\xfd7zXZ\0", _by_decompressor(lzma.LZMADecompressor),
        (lzma.LZMAError, EOFError),
    ),
    Packing((".zst", ".zstd"), b"\x28\xb5\x2f\xfd", _zstd_parts, (EOFError,)),
)  # fmt: skip
_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"


def unpacked(source: Source) -> Source | None:
    """The file within a packed one; None for a file that is not packed.

    Raises
    ------
    DataFileError
        It is damaged, grows beyond all measure, or holds several files.
    """
    if source.raw.startswith((_ZIP, _EMPTY_ZIP)) or source.name.endswith(".zip"):
        return _from_zip(source)
    known = next((p for p in PACKINGS if source.raw.startswith(p.magic)), None)
    packing = known or next((p for p in PACKINGS if source.name.endswith(p.endings)), None)
    if packing is None:
        return None
    name = source.name
    for ending in packing.endings:
        name = name.removesuffix(ending)
    try:
        return replace(source, raw=_content(packing.parts(source.raw), source), name=name)
    except packing.errors as error:
        if isinstance(error, DataFileError):
            raise
        raise DataFileError(
            f"not a whole {packing.endings[0][1:]} file, or not one at all",
            where=source.where,
            given=str(error)[:160],
            hint="write it anew, or name it by what it is",
        ) from error


def _content(parts: Iterator[bytes], source: Source) -> bytes:
    first = next(parts, b"")
    zeros = first[:_GLANCE]
    if zeros and not zeros.strip(b"\0"):
        # No table: its beginning says so, before gigabytes are unpacked.
        return zeros

    def every() -> Iterator[bytes]:
        yield first
        yield from parts

    return bounded(every(), len(source.raw), source.where, DataFileError, most=source.most)


def _from_zip(source: Source) -> Source | None:
    where, wanted = source.where, source.settings.table
    try:
        with zipfile.ZipFile(io.BytesIO(source.raw)) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            names = [m.filename for m in members]
            if any(name in names for name in OFFICE):
                return None
            members = [m for m in members if not _is_ignored(m.filename)]
            if wanted is not None:
                members = [m for m in members if wanted in (m.filename, _last(m.filename))]
            if len(members) != 1:
                shown = ", ".join(n for n in names if not _is_ignored(n))
                raise DataFileError(
                    "the archive has no file of that name" if wanted else
                    "the archive holds several files" if shown else "the archive is empty",
                    where=where,
                    allowed=(shown[:200] or None) if wanted else None,
                    given=wanted or shown[:200] or None,
                    hint=f"name one: --table {names[0]}" if shown else "give a table",
                )  # fmt: skip
            (member,) = members
            if member.flag_bits & 1:
                raise DataFileError(
                    "the archive is locked by a password", where=where, hint="unpack it first"
                )
            with archive.open(member) as stream:
                raw = _content(iter(lambda: stream.read(_CHUNK), b""), source)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataFileError(
            "not a whole zip file, or not one at all",
            where=where,
            given=str(error)[:160],
            hint="write it anew, or unpack it first",
        ) from error
    return replace(
        source, raw=raw, name=_last(member.filename).lower(),
        settings=replace(source.settings, table=None),
    )  # fmt: skip


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _is_ignored(name: str) -> bool:
    return name.startswith(_IGNORED) or _last(name).startswith(_IGNORED)
