"""Names that a package exports, listed once in its stub and loaded when they are first used."""

from __future__ import annotations

import builtins
import importlib
import sys

# Without loading `typing`: this runs before all else, and Ctrl-C is not looked after yet.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def lazy_exports(
    package: str, file: str, *, at_once: bool = False
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """The ``__getattr__``, ``__dir__`` and ``__all__`` of a package, from the stub beside it.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    file : str
        Its ``__file__``. The stub has the same name and ends in ``.pyi``, so that type checkers,
        editors and the running program read one list.
    at_once : bool, optional
        Load all modules now, for a package whose modules fill a registry.

    Notes
    -----
    Names of builtins, such as ``sum``, are exported but stay out of ``__all__``: a star import
    must not put another meaning under them.
    """
    home_of = read_stub(file.removesuffix("c") + "i")

    def load(name: str) -> Any:
        module = sys.modules[package]
        if name not in home_of:
            message = f"module {package!r} has no attribute {name!r}"
            # With these two, Python adds the nearest name by itself.
            raise AttributeError(message, name=name, obj=module)
        home = home_of[name]
        if not home:
            return importlib.import_module(f"{package}.{name}")
        value = getattr(importlib.import_module(f"{package}.{home}"), name)
        # Found at once from now on.
        setattr(module, name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home_of})

    if at_once:
        for home in dict.fromkeys(home_of.values()):
            importlib.import_module(f"{package}.{home}")
    starred = [name for name, home in home_of.items() if home and not hasattr(builtins, name)]
    return load, names, sorted(starred)


def read_stub(path: str) -> dict[str, str]:
    """The module that each name of a stub comes from; empty for what is itself a module.

    A stub is written as ``ruff format`` leaves it: ``from .module import (``, and a line
    ``name as name,`` for each. Python's own parser would do too, but to load it takes longer than
    all the rest of ``import quickprop``.
    """
    home_of: dict[str, str] = {}
    home = None
    with open(path, encoding="utf-8") as stub:
        for line in stub:
            words = line.split()
            if words[:1] == ["from"]:
                home = words[1].removeprefix(".")
            elif home is not None and words[1:2] == ["as"]:
                home_of[words[0]] = home
    return home_of
