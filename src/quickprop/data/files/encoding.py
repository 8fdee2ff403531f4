"""The encoding of a text: told by its first bytes, or found by what its letters would be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from quickprop.errors import DataFileError

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_NAMES = {
    "cp1252": "Windows-1252",
    "iso8859-1": "Latin-1",
    "mac_roman": "Mac Roman",
    "gb18030": "GB18030",
    "cp1251": "Windows-1251",
}
_UTF16_GLANCE = 4096
#: Letters of western Europe by how often they are met.
_COMMON = frozenset("äöüßéèêàâçñáíóúôîãõåøæëïùûìòÄÖÜÉÈÀÇÑÁÍÓÚÅØÆÂÊÔÎ")
_QUOTES = frozenset("‘’“”«»„‚‹›")  # noqa: RUF001
#: Signs that stand beside numbers or by themselves.
_SIGNS = frozenset("€£°²³½¼¾µ§©®™±×–—…·•¿¡ªº´%\xa0")  # noqa: RUF001
#: Bytes above 127 with what stands around them, as many as are weighed.
_ODD = re.compile(rb"[\x80-\xff]+")
_WEIGHED = 4000
#: What Python makes of bytes that are no UTF-8.
_ESCAPED = re.compile("[\udc80-\udcff]")
_CELL_END = re.compile(rb"[,;|\s\"]")
#: Signs of control that no text holds.
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def to_utf8(raw: bytes, where: str, encoding: str | None = None) -> tuple[bytes, str | None]:
    """The same text in UTF-8 with no byte order mark and Unix line ends, and a note.

    Parameters
    ----------
    raw : bytes
    where : str
    encoding : str, optional
        What it is written in; found when not given.

    Returns
    -------
    text : bytes
    note : str or None
        Which encoding was taken, where that was no certainty.

    Raises
    ------
    DataFileError
        It is no text, or not in the encoding that was named; the message names the line.
    """
    note = None
    if encoding is not None:
        raw = _decoded(raw, encoding, where).encode("utf-8", "replace")
    else:
        mark = next((name for start, name in _MARKS if raw.startswith(start)), None)
        if mark is None:
            mark = _unmarked_utf16(raw)
        if mark not in (None, "utf-8"):
            raw = _decoded(raw, str(mark), where).encode("utf-8", "replace")
        else:
            try:
                raw.decode()
            except UnicodeDecodeError as error:
                raw, note = _foreign(raw, error.start, where)
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    _check_text(raw, where)
    if b"\r" in raw:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return raw, note


def _line(raw: bytes, place: int) -> int:
    """The number of the line that a byte stands on."""
    newlines = raw.count(b"\n", 0, place)
    return (newlines or raw.count(b"\r", 0, place)) + 1


def _decoded(raw: bytes, encoding: str, where: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataFileError(
            f"line {_line(raw, error.start)} is not text in {_NAMES.get(encoding, encoding)}",
            where=where,
            given=f"the byte 0x{raw[error.start]:02x}",
            hint="name the encoding that it was written in (--encoding)",
        ) from None


def _unmarked_utf16(raw: bytes) -> str | None:
    """The order of bytes of a UTF-16 text that does not say so: every other one is zero."""
    head = raw[:_UTF16_GLANCE]
    if len(raw) % 2 or head.count(0) * 10 < len(head) * 3:
        return None
    first, second = head[0::2].count(0), head[1::2].count(0)
    if not first and second * 10 > len(head) * 3:
        return "utf-16-le"
    if not second and first * 10 > len(head) * 3:
        return "utf-16-be"
    return None


def _check_text(raw: bytes, where: str) -> None:
    """Raise where there are signs that no text has."""
    if b"\0" in raw:
        raise DataFileError(
            f"line {_line(raw, raw.index(0))} holds a zero byte, so this is not a text file",
            where=where,
            hint="save the table as CSV in UTF-8, or name a Parquet file .parquet",
        )


def _foreign(raw: bytes, first: int, where: str) -> tuple[bytes, str]:
    """A text that is not UTF-8, in UTF-8, and the note of what it was taken for.

    Raises
    ------
    DataFileError
        It looks like no text.
    """
    odd = _CONTROL.search(raw)
    if odd is not None:
        raise DataFileError(
            f"line {_line(raw, odd.start())} holds the byte 0x{odd[0][0]:02x}, so this is not a "
            "text file",
            where=where,
            hint="save the table as CSV in UTF-8",
        )
    samples = _samples(raw)
    mixed = _utf8_share(samples)
    best = max(_CANDIDATES, key=lambda name: _score(samples, name))
    if mixed > 0.5:
        # Text in UTF-8 but for some cells, which were pasted from elsewhere.
        mended, counted = _mended(raw)
        count = "1 byte was" if counted == 1 else f"{counted} bytes were"
        return mended, (
            f"the file is in UTF-8 but for line {_line(raw, first)}: {count} read as Windows-1252"
        )
    if best == "cp1252" and any(byte in raw for byte in b"\x81\x8d\x8f\x90\x9d"):
        best = "iso8859-1"
    if best == "gb18030":
        text = raw.decode(best, "strict" if _decodes(raw, best) else "replace")
    else:
        text = raw.decode(best)
    shown = _example(raw, first, best)
    return text.encode("utf-8", "replace"), (
        f"the file is not in UTF-8 and was read as {_NAMES[best]} (line {_line(raw, first)}: "
        f"{shown!r}); --encoding says otherwise"
    )


def _samples(raw: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """Runs of bytes above 127, each with the one before and the two behind."""
    found = []
    for match in _ODD.finditer(raw):
        start, end = match.span()
        found.append((raw[max(0, start - 1) : start], match[0], raw[end : end + 2]))
        if len(found) == _WEIGHED:
            break
    return found


def _utf8_share(samples: list[tuple[bytes, bytes, bytes]]) -> float:
    """How many of the runs are UTF-8."""
    return sum(_decodes(run, "utf-8") for _, run, _ in samples) / max(len(samples), 1)


def _decodes(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _mended(raw: bytes) -> tuple[bytes, int]:
    """UTF-8 with what is none taken for Windows-1252, and how many bytes that were."""
    text, count = _ESCAPED.subn(
        lambda found: bytes([ord(found[0]) - 0xDC00]).decode("cp1252", "replace"),
        raw.decode("utf-8", "surrogateescape"),
    )
    return text.encode(), count


def _example(raw: bytes, place: int, encoding: str) -> str:
    """The word around a byte."""
    before, behind = raw[max(0, place - 20) : place], raw[place : place + 20]
    word = _CELL_END.split(before)[-1] + _CELL_END.split(behind, maxsplit=1)[0]
    return word.decode(encoding, "replace").strip()


def _score(samples: list[tuple[bytes, bytes, bytes]], encoding: str) -> float:
    """How much like text the runs are in an encoding: the mean of what each sign is worth."""
    weigh = _CANDIDATES[encoding]
    total = sum(weigh(*sample) for sample in samples)
    return total / max(len(samples), 1)


def _western(encoding: str) -> Callable[[bytes, bytes, bytes], float]:
    def weigh(before: bytes, run: bytes, behind: bytes) -> float:
        signs = run.decode(encoding, "replace")
        text = before.decode("ascii", "replace").rjust(1) + signs
        text += behind.decode("ascii", "replace").ljust(2)
        total = sum(_worth(*text[place - 1 : place + 3]) for place in range(1, len(signs) + 1))
        # Five letters with accents in a row are none.
        return total / len(signs) - (1.0 if len(signs) > 4 else 0.0)

    return weigh


def _worth(left: str, sign: str, right: str, further: str) -> float:
    """How likely a sign is among its neighbours, from -2 to 2."""
    kind = unicodedata.category(sign)
    if kind in ("Cc", "Co", "Cn") or sign == "\ufffd":
        return -2.0
    if kind in ("Ll", "Lu"):
        if sign.isupper() and left.islower():
            return -1.5
        if sign.islower() and left.isupper() and right.isupper():
            return -1.0
        if not left.isalpha() and not right.isalpha():
            return 0.0
        return 2.0 if sign in _COMMON else 0.5
    between = left.isalpha() and right.isalpha()
    if sign == "’":  # noqa: RUF001
        # don't, Anna's
        return 2.5 if between and right in "tsdm" and not further.isalpha() else 0.8
    if sign in _QUOTES:
        return -1.0 if between else 1.2
    if sign in _SIGNS:
        return -0.5 if between else 0.8
    return -1.5 if between else -0.8


def _chinese(before: bytes, run: bytes, behind: bytes) -> float:
    """Two bytes a sign; the usual ones begin with B0 to D7, and what follows is above A0."""
    del before
    whole = run if len(run) % 2 == 0 else run + behind[:1]
    if not _decodes(whole, "gb18030"):
        return -2.0
    pairs = [(whole[k], whole[k + 1]) for k in range(0, len(whole), 2)]
    usual = sum(0xB0 <= a <= 0xF7 and b >= 0xA1 for a, b in pairs)
    marks = sum(0xA1 <= a <= 0xA3 and b >= 0xA1 for a, b in pairs)
    often = sum(0xB0 <= a <= 0xD7 and b >= 0xA1 for a, b in pairs)
    # What has one letter in the middle of a word is western; Chinese comes in pairs of bytes.
    short = 1.5 if len(run) < 2 else 0.4 if len(run) == 2 else 0.0
    return 2.2 * (usual + marks) / len(pairs) * (0.6 + 0.4 * often / len(pairs)) - short


def _cyrillic(before: bytes, run: bytes, behind: bytes) -> float:
    """Words of nothing but letters above BF, small ones behind the first, or all of them large."""
    del before, behind
    letters = run.replace(b"\xa8", b"\xc0").replace(b"\xb8", b"\xe0")
    if min(letters) < 0xC0:
        return -1.0
    small = [byte >= 0xE0 for byte in letters[1:]]
    if any(small) and not all(small):
        return -1.0
    return 2.1 if len(run) > 2 else 0.8


_CANDIDATES: dict[str, Callable[[bytes, bytes, bytes], float]] = {
    "cp1252": _western("cp1252"),
    "mac_roman": _western("mac_roman"),
    "gb18030": _chinese,
    "cp1251": _cyrillic,
}
