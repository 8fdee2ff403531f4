"""Fills the pages of the reference: a line of a page names modules, and their exports stand there.

    <!-- exports: quickprop.losses -->
    <!-- exports: quickprop.nn but quickprop.nn.layers -->

becomes an entry for each public name of quickprop that is defined in those modules or below them,
so that a new export is in the reference without another line anywhere.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

import quickprop
from quickprop.foundation.settings import Component

LINE = re.compile(r"^<!-- exports: ([\w. ]+?)(?: but ([\w. ]+))? -->$", re.MULTILINE)


def public_names() -> dict[str, Any]:
    """What quickprop exports, rooms apart, by name; `dir` also has what shadows a builtin."""
    names = (name for name in dir(quickprop) if not name.startswith("_"))
    found = {name: getattr(quickprop, name) for name in sorted(names, key=str.lower)}
    return {
        name: value
        for name, value in found.items()
        if not inspect.ismodule(value) and not is_within(value, "quickprop.foundation")
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
