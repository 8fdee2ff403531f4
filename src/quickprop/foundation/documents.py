"""Reading what a JSON document says, field by field, trusting nothing."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import Any, NoReturn

from quickprop.errors import ModelFileError

_HUGE = sys.float_info.max


class Fields:
    """One JSON object whose fields are checked as they are read.

    Parameters
    ----------
    document : object
        What JSON gave; an error is raised when it is not an object.
    where : str
        What error messages call this place in the file.
    """

    def __init__(self, document: object, where: str) -> None:
        self.where = where
        if not isinstance(document, dict):
            self.refuse("not a JSON object", given=type(document).__name__)
        self._document: dict[str, Any] = document

    def refuse(self, what: str, *, allowed: object = None, given: object = None) -> NoReturn:
        """Raise the error of a document that breaks a rule."""
        raise ModelFileError(
            what,
            where=self.where,
            allowed=allowed,
            given=given,
            hint="the file is damaged or foreign; fit the model again",
        )

    def __contains__(self, key: str) -> bool:
        return key in self._document

    def check_names(self, needed: Collection[str], others: Collection[str] = ()) -> None:
        """Refuse a document that lacks a field, or has one that is neither needed nor known.

        Parameters
        ----------
        needed : collection of str
        others : collection of str
            Those that may be missing.
        """
        for name in needed:
            if name not in self._document:
                raise ModelFileError("a field is missing", where=f"{self.where}.{name}")
        for name in self._document:
            if name not in needed and name not in others:
                raise ModelFileError(
                    "unknown field",
                    where=f"{self.where}.{str(name)[:80]}",
                    allowed=", ".join(dict.fromkeys((*needed, *others))),
                    hint="the file may come from a newer version of quickprop",
                )

    def value(self, key: str) -> Any:
        """Whatever stands there."""
        if key not in self._document:
            self.refuse(f"{key!r} is missing")
        return self._document[key]

    def is_null(self, key: str) -> bool:
        """Whether the field is there and null."""
        return self.value(key) is None

    def text(self, key: str, allowed: Collection[str] | None = None) -> str:
        """A string, one of `allowed` when that is given."""
        value = self.value(key)
        if not isinstance(value, str) or (allowed is not None and value not in allowed):
            self.refuse(
                f"{key!r} is not what it may be",
                allowed=", ".join(allowed) if allowed else "text",
                given=repr(value)[:80],
            )
        return value

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self.value(key)
        if not isinstance(value, bool):
            self.refuse(f"{key!r} is not true or false", given=repr(value)[:80])
        return value

    def number(self, key: str, *, above: float | None = None) -> float:
        """A finite number, greater than `above` when that is given."""
        value = self.value(key)
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not -_HUGE <= value <= _HUGE
            or (above is not None and value <= above)
        ):
            bound = "a finite number" if above is None else f"a finite number above {above:g}"
            self.refuse(f"{key!r} is not what it may be", allowed=bound, given=repr(value)[:80])
        return float(value)

    def whole(self, key: str, low: int, high: int, *, default: int | None = None) -> int:
        """A whole number from `low` to `high`; with a default the field may be missing."""
        if default is not None and key not in self._document:
            return default
        value = self.value(key)
        if type(value) is not int or not low <= value <= high:
            self.refuse(
                f"{key!r} is not what it may be",
                allowed=f"a whole number from {low} to {high}",
                given=repr(value)[:80],
            )
        return int(value)

    def items(self, key: str, *, least: int = 0) -> list[Any]:
        """A list of at least so many items."""
        value = self.value(key)
        if not isinstance(value, list) or len(value) < least:
            self.refuse(
                f"{key!r} is not what it may be",
                allowed=f"a list of {least} or more",
                given=type(value).__name__
                if not isinstance(value, list)
                else f"{len(value)} items",
            )
        return value

    def texts(
        self,
        key: str,
        *,
        least: int = 0,
        distinct: bool = True,
        allowed: Collection[str] | None = None,
    ) -> tuple[str, ...]:
        """A list of strings, all different unless said otherwise."""
        values = self.items(key, least=least)
        odd = [v for v in values if not isinstance(v, str)]
        if allowed is not None:
            odd += [v for v in values if isinstance(v, str) and v not in allowed]
        if odd:
            self.refuse(
                f"{key!r} holds something it may not",
                allowed=", ".join(allowed) if allowed else "text",
                given=repr(odd[0])[:80],
            )
        if distinct and len(set(values)) < len(values):
            self.refuse(f"{key!r} holds an item twice")
        return tuple(values)

    def objects(self, key: str, *, least: int = 0) -> list[Fields]:
        """A list of objects, each to be read in the same way."""
        return [
            Fields(item, f"{self.where}: {key}[{place}]")
            for place, item in enumerate(self.items(key, least=least))
        ]
