"""Kinds by name, filled where each of them stands, and found by the other names that people use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

Kind = TypeVar("Kind")
Made = TypeVar("Made")


class Registry(Mapping[str, Kind], Generic[Kind]):
    """Kinds by name.

    A class is put in by a decorator, under its own name::

        @LAYERS.register()
        @dataclass(frozen=True)
        class Dense(UnaryLayer):

    As a mapping it knows the exact names alone, which are those of documents; `meant` also knows
    other spellings and other names.

    Parameters
    ----------
    entries : mapping, optional
        What is there from the beginning.
    aliases : mapping of str to str, optional
        Other names, and the name that each stands for.
    within : Registry, optional
        A larger one, which has all kinds of this one too.
    """

    def __init__(
        self,
        entries: Mapping[str, Kind] | None = None,
        aliases: Mapping[str, str] | None = None,
        within: Registry[Kind] | None = None,
    ) -> None:
        self._kinds: dict[str, Kind] = {}
        self._names: dict[str, str] = {}
        self._within = within
        for name, kind in (entries or {}).items():
            self._add(name, kind, ())
        for alias, name in (aliases or {}).items():
            self._names[_plain(alias)] = name

    def register(self, *aliases: str) -> Callable[[Made], Made]:
        """A decorator that puts a class in under its name, found by those other names too."""

        def put(kind: Made) -> Made:
            self._add(kind.__name__, kind, aliases)  # type: ignore[attr-defined, arg-type]
            return kind

        return put

    def _add(self, name: str, kind: Kind, aliases: Iterable[str]) -> None:
        self._kinds[name] = kind
        for alias in (name, *aliases):
            self._names[_plain(alias)] = name
        if self._within is not None:
            self._within._add(name, kind, aliases)

    def meant(self, given: object) -> str | None:
        """The name that is meant: case, hyphens and underscores do not count."""
        if not isinstance(given, str):
            return None
        return given if given in self._kinds else self._names.get(_plain(given))

    def __getitem__(self, name: str) -> Kind:
        return self._kinds[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())
