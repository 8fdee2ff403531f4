"""The error tree. Everything quickprop raises on purpose stands here.

    QuickpropError
    ├── ShapeError (ValueError)          shapes that do not fit together
    ├── DTypeError (TypeError)           a number type that does not fit
    ├── GraphError (ValueError)          a graph that breaks a rule of the graph
    ├── SettingError (ValueError)        an option outside what is allowed
    ├── DataError (ValueError)           a table, column or target that cannot be used
    ├── DataFileError (OSError)          a data file that cannot be read or written
    ├── ModelFileError (ValueError)      a model file that is missing, broken or foreign
    ├── CompileError (RuntimeError)      the native backend could not compile or run a graph
    └── MissingPackageError (ImportError)  an optional package that is not installed

Each is also the builtin error a caller would expect, so ``except ValueError`` keeps working.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class QuickpropError(Exception):
    """Base of all errors raised by quickprop.

    Parameters
    ----------
    what : str
        What is wrong, in one clause.
    where : str, optional
        The place: an argument, a column, a node, a file.
    allowed, given : object, optional
        What would have been accepted and what came instead.
    hint : str, optional
        What to do about it.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        allowed: object = None,
        given: object = None,
        hint: str | None = None,
    ) -> None:
        self.what = what
        self.where = where
        self.allowed = allowed
        self.given = given
        self.hint = hint
        super().__init__(self.one_line())

    def one_line(self) -> str:
        """The whole message on one line."""
        text = f"{_shortened(self.where)}: {self.what}" if self.where else self.what
        details = []
        if self.allowed is not None:
            details.append(f"allowed: {self.allowed}")
        if self.given is not None:
            details.append(f"given: {self.given}")
        if details:
            text += f" ({'; '.join(details)})"
        if self.hint:
            text += f". {self.hint[0].upper()}{self.hint[1:]}"
        return " ".join(text.split())

    def __str__(self) -> str:
        # OSError would otherwise show its own (errno, strerror) form.
        return self.one_line()


def _shortened(text: str, most: int = 200) -> str:
    """Both ends of a text that nobody would read to its end."""
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-most // 4 :]}"


class ShapeError(QuickpropError, ValueError):
    """Shapes that do not fit together."""


class DTypeError(QuickpropError, TypeError):
    """A number type that does not fit."""


class GraphError(QuickpropError, ValueError):
    """A graph that breaks a rule of the graph."""


class SettingError(QuickpropError, ValueError):
    """An option outside what is allowed."""


class DataError(QuickpropError, ValueError):
    """A table, column or target that cannot be used."""


class DataFileError(QuickpropError, OSError):
    """A data file that cannot be read or written."""


class ModelFileError(QuickpropError, ValueError):
    """A model file that is missing, broken or foreign."""


class CompileError(QuickpropError, RuntimeError):
    """The native backend could not compile or run a graph."""


class MissingPackageError(QuickpropError, ImportError):
    """An optional package that is not installed."""


def did_you_mean(name: object, known: Iterable[str]) -> str | None:
    """A mending hint that names the nearest known name, or None when nothing is near."""
    near = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else None
