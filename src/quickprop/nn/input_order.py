"""Inputs, and columns of frames, by their names in the order of a network's inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from quickprop.errors import DataError


def in_order(given: Any, names: Sequence[str]) -> Any:
    """The columns of those names, if that is what is given; else what is given, as it is.

    Parameters
    ----------
    given : frame or array
        A frame of pandas or polars, or anything without names of columns. A frame that knows none
        of the names is taken column by column.
    names : sequence of str

    Raises
    ------
    DataError
        When some of the columns are there and some are not.
    """
    columns = getattr(given, "columns", None)
    if columns is None or callable(columns):
        return given
    found = [name for name in columns if isinstance(name, str)]
    if found == list(names) or not set(found) & set(names):
        return given
    for name in names:
        if found.count(name) != 1:
            raise DataError(
                "a column is missing" if name not in found else "two columns have one name",
                where=repr(name)[:80],
                allowed=", ".join(names)[:160],
                given=", ".join(found)[:160],
            )
    return given[list(names)]


def by_name(given: Mapping[Any, Any], names: Sequence[str]) -> tuple[Any, ...]:
    """The arrays of a mapping in the order of those names.

    Raises
    ------
    DataError
        When a name is missing or unknown.
    """
    wrong = [name for name in names if name not in given]
    wrong += [name for name in given if name not in names]
    if wrong:
        raise DataError(
            "an input is missing" if wrong[0] in names else "no such input",
            where=repr(wrong[0])[:80],
            allowed=", ".join(names)[:160],
            given=", ".join(map(str, given))[:160],
        )
    return tuple(given[name] for name in names)
