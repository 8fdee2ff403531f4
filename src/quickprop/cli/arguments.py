"""What can be given to the commands, from text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import typer

from quickprop.errors import SettingError

T = TypeVar("T")

TASKS = ("auto", "regression", "classification")
SAMPLES = ("german_credit", "abalone", "iris")

_UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def parse_budget(text: str) -> float:
    """Seconds from "30s", "2m", "500ms", "1.5h" or a plain number."""
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*(ms|s|min|m|h|)\s*", text.lower())
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < seconds < float("inf"):
        raise SettingError(
            "not a time to train",
            allowed="a time above 0 such as 30s, 2m, 500ms",
            given=text[:80],
        )
    return seconds


def parse_hidden(text: str) -> list[int]:
    """Widths from "64,64"; none at all from "none", for a linear model."""
    if text.strip().lower() == "none":
        return []
    parts = [part.strip() for part in text.split(",")]
    # int() refuses superscripts, which are digits too, and numbers of thousands of digits.
    if not all(part.isdecimal() and len(part) <= 9 for part in parts):
        raise SettingError(
            "not the widths of hidden layers",
            allowed="whole numbers with commas, such as 64,64, or none for a linear model",
            given=text[:80],
        )
    return [int(part) for part in parts]


def parser(parse: Callable[[str], T]) -> Callable[[object], T]:
    """A function for typer, which names the option before what `parse` has to say."""

    def parsed(given: object) -> T:
        if not isinstance(given, str):
            return given  # type: ignore[return-value]  # a default is not text
        try:
            return parse(given)
        except SettingError as error:
            raise typer.BadParameter(error.one_line()) from None

    return parsed
