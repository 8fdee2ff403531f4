"""A module that is loaded when something of it is first used, and stands at the top of a file."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from quickprop.config import try_import


class LazyModule:
    """What heavy packages are imported as by who needs them seldom: ``special.erf(x)`` loads it.

    Parameters
    ----------
    name : str
        The full name of the module.
    needed_for : str
        What it is used for, said where the package is missing.
    """

    def __init__(self, name: str, needed_for: str) -> None:
        self._name, self._needed_for = name, needed_for
        self._module: ModuleType | None = None

    def __getattr__(self, name: str) -> Any:
        if self._module is None:
            self._module = try_import(self._name, self._needed_for)
        return getattr(self._module, name)
