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

    Examples
    --------
    >>> from quickprop import Dropout, QuickpropError
    >>> try:
    ...     Dropout(1.5)
    ... except QuickpropError as error:
    ...     print(error.where, "|", error.what, "|", error.given)
    Dropout.rate | a setting outside what is allowed | 1.5
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
    """Shapes that do not fit together.

    Examples
    --------
    >>> from quickprop import Dense, Network, ShapeError
    >>> try:
    ...     Network([Dense(1)], features=3).predict([[1.0, 2.0]])
    ... except ShapeError as error:
    ...     print(error.given)
    [1, 2]
    """


class DTypeError(QuickpropError, TypeError):
    """A number type that does not fit.

    Examples
    --------
    >>> from quickprop import DTypeError, function, placeholder
    >>> x = placeholder((None,), "int32")
    >>> try:
    ...     function([x], x)([0.5])
    ... except DTypeError as error:
    ...     print(isinstance(error, TypeError))
    True
    """


class GraphError(QuickpropError, ValueError):
    """A graph that breaks a rule of the graph.

    Examples
    --------
    >>> from quickprop import GraphError, function, placeholder
    >>> x = placeholder((None,))
    >>> try:
    ...     function([], x)
    ... except GraphError as error:
    ...     print(isinstance(error, ValueError))
    True
    """


class SettingError(QuickpropError, ValueError):
    """An option outside what is allowed.

    Examples
    --------
    >>> from quickprop import Adam, SettingError
    >>> try:
    ...     Adam(learning_rate=-1.0)
    ... except SettingError as error:
    ...     print(error.where)
    Adam.learning_rate
    """


class DataError(QuickpropError, ValueError):
    """A table, column or target that cannot be used.

    Examples
    --------
    >>> import quickprop
    >>> try:
    ...     quickprop.fit({"size": [1.0, 2.0], "price": [3.0, 4.0]}, target="price")
    ... except quickprop.DataError as error:
    ...     print(error.allowed)
    at least 8 rows with a target
    """


class DataFileError(QuickpropError, OSError):
    """A data file that cannot be read or written.

    Examples
    --------
    >>> import quickprop
    >>> try:
    ...     quickprop.fit("no_such.csv", target="price")
    ... except OSError as error:
    ...     print(type(error).__name__)
    DataFileError
    """


class ModelFileError(QuickpropError, ValueError):
    """A model file that is missing, broken or foreign.

    Examples
    --------
    >>> import quickprop
    >>> from pathlib import Path
    >>> _ = Path("m.quickprop").write_bytes(b"not a model")
    >>> try:
    ...     quickprop.load("m.quickprop")
    ... except quickprop.ModelFileError as error:
    ...     print(error.where)
    m.quickprop
    """


class CompileError(QuickpropError, RuntimeError):
    """The native backend could not compile or run a graph.

    Examples
    --------
    >>> from quickprop import CompileError
    >>> issubclass(CompileError, RuntimeError)
    True
    """


class MissingPackageError(QuickpropError, ImportError):
    """An optional package that is not installed.

    Examples
    --------
    >>> from quickprop import MissingPackageError
    >>> issubclass(MissingPackageError, ImportError)
    True
    """


def did_you_mean(name: object, known: Iterable[str]) -> str | None:
    """A mending hint that names the nearest known name, or None when nothing is near."""
    near = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else None
