"""Constructor parameters as data: a row says the default, what is allowed and what it means.

The decorator `estimator` makes from the rows of a class and of its bases the constructor, its
signature (which scikit-learn and editors read), the constraints that scikit-learn checks when a fit
begins, and the section "Parameters" of the docstring.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

Kind = TypeVar("Kind", bound=type)


@dataclass(frozen=True)
class Parameter:
    """A row.

    Parameters
    ----------
    default : object
    allowed : sequence
        Constraints as scikit-learn writes them.
    kind, meaning : str
        For the docstring.
    position : int or None
        Place among the positional parameters; None is by keyword only.
    """

    default: Any
    allowed: Sequence[Any]
    kind: str
    meaning: str
    position: int | None = None


def parameter(
    default: Any, allowed: Sequence[Any], kind: str, meaning: str, position: int | None = None
) -> Any:
    """A parameter of an estimator, written as the value of a class attribute."""
    return Parameter(default, tuple(allowed), kind, meaning, position)


def rows_of(kind: type) -> dict[str, Parameter]:
    """The parameters of an estimator: positional ones first, bases before the class itself."""
    rows: dict[str, Parameter] = {}
    for base in reversed(kind.__mro__):
        rows |= vars(base).get("_parameter_rows", {})
        rows |= {name: row for name, row in vars(base).items() if isinstance(row, Parameter)}
    positional = [name for name, row in rows.items() if row.position is not None]
    positional.sort(key=lambda name: rows[name].position or 0)
    return {name: rows[name] for name in (*positional, *(n for n in rows if n not in positional))}


def _signature(rows: dict[str, Parameter]) -> inspect.Signature:
    parts = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    for name, row in rows.items():
        kind = (
            inspect.Parameter.KEYWORD_ONLY
            if row.position is None
            else inspect.Parameter.POSITIONAL_OR_KEYWORD
        )
        parts.append(inspect.Parameter(name, kind, default=row.default))
    return inspect.Signature(parts)


def _constructor(rows: dict[str, Parameter]) -> Callable[..., None]:
    signature = _signature(rows)
    defaults = {name: row.default for name, row in rows.items()}

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        given = kwargs
        if args or not kwargs.keys() <= defaults.keys():
            # Binding takes as long as some epochs do: only where there is an order or an error.
            given = signature.bind(self, *args, **kwargs).arguments
            del given["self"]
        for name, default in defaults.items():
            setattr(self, name, given.get(name, default))

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    return __init__


def _section(rows: dict[str, Parameter]) -> str:
    lines = ["Parameters", "----------"]
    for name, row in rows.items():
        lines.append(f"{name} : {row.kind}, default={row.default!r}")
        lines += textwrap.wrap(row.meaning, 92, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)


@dataclass_transform(field_specifiers=(parameter,), kw_only_default=True)
def estimator(kind: Kind) -> Kind:
    """Make the constructor of an estimator, and what is known of it, from its parameters."""
    rows = rows_of(kind)
    kind._parameter_constraints = {  # type: ignore[attr-defined]
        name: list(row.allowed) for name, row in rows.items()
    }
    kind._parameter_rows = rows  # type: ignore[attr-defined]
    kind.__init__ = _constructor(rows)  # type: ignore[misc]
    if kind.__doc__:
        text = inspect.cleandoc(kind.__doc__)
        kind.__doc__ = text.replace("%(parameters)s", _section(rows))
    for base in kind.__mro__:
        for name, row in list(vars(base).items()):
            if isinstance(row, Parameter):
                # The rows are kept aside: an attribute of the class would look like a value.
                base._parameter_rows = {  # type: ignore[attr-defined]
                    **vars(base).get("_parameter_rows", {}),
                    name: row,
                }
                delattr(base, name)
    return kind
