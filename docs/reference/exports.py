"""Fills the pages of the reference: a line of a page names modules, and their exports stand there.

    <!-- exports: quickprop.losses -->
    <!-- exports: quickprop.nn but quickprop.nn.layers -->

becomes an entry for each public name that is defined in those modules or below them, so that a new
export is in the reference without another line anywhere.
"""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

import quickprop
from quickprop.foundation.settings import Component

#: Rooms that people use by their own name, and single names of another.
ROOMS = ("distributions", "models", "train", "zoo")
SINGLE = ("data.read_table", "data.sample_path", "data.write_table")

LINE = re.compile(r"^<!-- exports: ([\w. ]+?)(?: but ([\w. ]+))? -->$", re.MULTILINE)


def public_names() -> dict[str, Any]:
    """What quickprop exports, and some rooms beside it, by names such as ``zoo.lenet5``."""
    found = _names_of(quickprop)
    known = list(map(id, found.values()))
    for room in ROOMS:
        names = _names_of(importlib.import_module(f"quickprop.{room}"))
        found |= {
            f"{room}.{name}": value for name, value in names.items() if id(value) not in known
        }
    for path in SINGLE:
        room, name = path.split(".")
        found[path] = getattr(importlib.import_module(f"quickprop.{room}"), name)
    return dict(sorted(found.items(), key=lambda item: item[0].rpartition(".")[2].lower()))


def _names_of(package: Any) -> dict[str, Any]:
    """Classes and functions; `dir` also has what shadows a builtin."""
    found = {name: getattr(package, name) for name in dir(package) if not name.startswith("_")}
    return {
        name: value
        for name, value in found.items()
        if callable(value) and not is_within(value, "quickprop.foundation")
    }


def is_within(value: Any, modules: str) -> bool:
    """Whether something is defined in one of the modules or below it."""
    return any(f"{value.__module__}.".startswith(f"{module}.") for module in modules.split())


def exports_of(modules: str, without: str = "") -> dict[str, Any]:
    """The public names that are defined in these modules, and not in those."""
    return {
        name: value
        for name, value in public_names().items()
        if is_within(value, modules) and not is_within(value, without)
    }


def shows_methods(value: Any) -> bool:
    """Whether a class is more than its settings: its methods are what it is used by."""
    if not inspect.isclass(value) or issubclass(value, Exception):
        return False
    return inspect.isabstract(value) or not issubclass(value, Component)


def entries(match: re.Match[str]) -> str:
    """Entries in place of the line."""
    blocks = []
    for name, value in exports_of(match[1], match[2] or "").items():
        block = f"::: quickprop.{name}\n"
        if not shows_methods(value):
            block += "    options:\n      members: false\n"
        blocks.append(block)
    return "\n".join(blocks)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """What mkdocs calls for every page."""
    return LINE.sub(entries, markdown)
