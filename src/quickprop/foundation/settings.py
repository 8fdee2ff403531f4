"""Frozen dataclasses with settings: checked as they are made, written to a document and back.

A field declared by ``setting(rule, default)`` says what it allows; the check, its error message
and the reading of documents are the same for layers, losses, optimizers and schedules.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quickprop.errors import ModelFileError, QuickpropError, SettingError, did_you_mean
from quickprop.foundation.documents import Fields
from quickprop.foundation.registry import Registry


@dataclass(frozen=True)
class Rule:
    """What a setting allows.

    Parameters
    ----------
    words : str or callable
        The rule in words, for error messages; a function where that is not known yet.
    accept : callable
        Returns the value in its plain Python form, or raises ValueError or TypeError.
    parts : mapping of str to type, optional
        Components that the setting may hold, by kind.
    hint : callable, optional
        A hint for a refused value.
    """

    words: str | Callable[[], str]
    accept: Callable[[Any], Any]
    parts: Mapping[str, type[Component]] | None = None
    hint: Callable[[Any], str | None] | None = None

    @property
    def allowed(self) -> str:
        """The rule in words."""
        return self.words if isinstance(self.words, str) else self.words()

    def checked(self, value: Any, where: str) -> Any:
        """The value in its plain form, or the error that says what is allowed."""
        try:
            return self.accept(value)
        except (ValueError, TypeError, OverflowError) as error:
            if isinstance(error, QuickpropError):
                raise
            raise SettingError(
                "a setting outside what is allowed",
                where=where,
                allowed=self.allowed,
                given=repr(value)[:80],
                hint=self.hint(value) if self.hint else None,
            ) from None


def setting(rule: Rule, default: Any = dataclasses.MISSING, *, later: bool = False) -> Any:
    """A dataclass field that allows what the rule says.

    Parameters
    ----------
    rule : Rule
    default : optional
    later : bool
        Whether it came after documents had been written: they have it only where it is not at its
        default.
    """
    metadata = {"rule": rule, "later": later}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    return operator.index(value)


def _real(value: Any) -> float:
    if isinstance(value, bool | str | bytes):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError


#: The largest number of rows, steps, epochs or neurons: an int32.
WHOLE = 2**31 - 1


def integer(low: int, high: int = WHOLE) -> Rule:
    """A whole number from `low` to `high`."""

    def accept(value: Any) -> int:
        number = _whole(value)
        _require(low <= number <= high)
        return number

    span = f"from {low} to {high}" if high != WHOLE else f"of at least {low} and at most {high}"
    return Rule(f"a whole number {span}", accept)


#: Numbers beyond this are slips, and some would overflow in float32.
LARGEST = 1e30


def number(
    low: float, high: float = LARGEST, *, low_open: bool = False, high_open: bool = False
) -> Rule:
    """A finite number between two ends, each of which may itself be left out."""

    def accept(value: Any) -> float:
        number = _real(value)
        _require(number > low if low_open else number >= low)
        _require(number < high if high_open else number <= high)
        return number

    def hint(value: Any) -> str | None:
        return f"the largest is {high:g}" if isinstance(value, float) and value > high else None

    if low == -math.inf:
        return Rule("a finite number", accept, hint=hint)
    text = f"a number {'above' if low_open else 'of at least'} {low:g}"
    if high < LARGEST:
        text += f" and {'below' if high_open else 'at most'} {high:g}"
        return Rule(text, accept)
    return Rule(text, accept, hint=hint)


def boolean() -> Rule:
    """True or False."""

    def accept(value: Any) -> bool:
        if not isinstance(value, bool):
            raise TypeError
        return value

    return Rule("True or False", accept)


def choice(names: Mapping[str, Any]) -> Rule:
    """One of the names of a table, in any usual spelling."""
    registry = names if isinstance(names, Registry) else Registry(names)

    def accept(value: Any) -> str:
        name = registry.meant(value)
        if name is None:
            raise ValueError
        return name

    def hint(value: Any) -> str | None:
        return did_you_mean(value, registry)

    return Rule(lambda: ", ".join(registry), accept, hint=hint)


def optional(rule: Rule) -> Rule:
    """What the rule allows, or None."""
    return Rule(
        lambda: f"{rule.allowed}, or None",
        lambda value: None if value is None else rule.accept(value),
        rule.parts,
        rule.hint,
    )


def sequence_of(rule: Rule, least: int = 1) -> Rule:
    """A sequence of what the rule allows, kept as a tuple."""

    def accept(value: Any) -> tuple[Any, ...]:
        if isinstance(value, str | bytes):
            raise TypeError
        items = tuple(rule.accept(item) for item in value)
        _require(len(items) >= least)
        return items

    return Rule(lambda: f"a list of {least} or more, each {rule.allowed}", accept, rule.parts)


def callback() -> Rule:
    """A function of the user's."""

    def accept(value: Any) -> Any:
        if not callable(value):
            raise TypeError
        return value

    return Rule("a function", accept)


def called(function: Callable[..., Any], where: str, *arguments: Any) -> Any:
    """What a user's function of tensors gives; what it raises is said to be its own."""
    try:
        return function(*arguments)
    except QuickpropError:
        raise
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
        raise SettingError(
            "the function cannot be called with tensors",
            where=where,
            given=f"{type(error).__name__}: {error}"[:200],
            hint=f"write it for {len(arguments)} arguments, with the operators of tensors and the "
            "functions of quickprop.ops",
        ) from error


def text() -> Rule:
    """A non-empty string."""

    def accept(value: Any) -> str:
        _require(isinstance(value, str) and bool(value))
        found: str = value
        return found

    return Rule("a non-empty text", accept)


def component(parts: Mapping[str, type[Component]], base: type[Component] | None = None) -> Rule:
    """An instance of one of these kinds, or the name of one that needs no settings.

    Parameters
    ----------
    parts : mapping of str to type
    base : type, optional
        What kinds of users' own must be. Without it there may be none.
    """

    def accept(value: Any) -> Component:
        if isinstance(value, str):
            return made_by_name(value, parts)
        if not isinstance(value, base or tuple(parts.values())):
            raise TypeError
        assert isinstance(value, Component)
        return value

    def words() -> str:
        return ", ".join(f"{kind}()" for kind in parts)

    def hint(value: Any) -> str | None:
        if isinstance(value, type) and value.__name__ in parts:
            return f"make one: {value.__name__}(...)"
        return did_you_mean(value, parts) if isinstance(value, str) else None

    return Rule(words, accept, parts, hint)


def made_by_name(name: str, kinds: Mapping[str, type[Component]]) -> Component:
    """The component of that name, in any usual spelling, with its default settings.

    Raises
    ------
    ValueError
        When there is none.
    SettingError
        When it needs settings.
    """
    registry = kinds if isinstance(kinds, Registry) else Registry(kinds)
    known = registry.meant(name)
    if known is None:
        raise ValueError(name)
    return kinds[known]()


def by_name(value: Any, kinds: Mapping[str, type[Component]]) -> Any:
    """The component of a name, if there is one of that name; else what is given, as it is."""
    try:
        return made_by_name(value, kinds) if isinstance(value, str) else value
    except ValueError as error:
        if isinstance(error, QuickpropError):
            raise
        return value


class _Signature:
    """The signature of a component's constructor, for help texts: its settings by name."""

    def __get__(self, part: object, kind: type[Component]) -> inspect.Signature:
        if not dataclasses.is_dataclass(kind):
            return inspect.Signature()
        if kind.__init__ is not Component.__init__:
            own = inspect.signature(kind.__init__)
            return own.replace(parameters=list(own.parameters.values())[1:])
        return inspect.Signature(
            [
                inspect.Parameter(
                    item.name,
                    inspect.Parameter.POSITIONAL_OR_KEYWORD,
                    default=inspect.Parameter.empty
                    if item.default is dataclasses.MISSING
                    else item.default,
                    annotation=item.type,
                )
                for item in dataclasses.fields(kind)
            ]
        )


@dataclass(frozen=True)
class Component:
    """A frozen dataclass whose fields are all settings.

    Its constructor is the same for every kind. A dataclass writes one of its own unless there is
    one in the class: so each kind is given this one, which says in words what is wrong with the
    settings that it gets.
    """

    __signature__ = _Signature()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "__init__" not in vars(cls):
            cls.__init__ = Component.__init__  # type: ignore[method-assign]

    def __init__(self, *given: Any, **named: Any) -> None:
        kind = type(self)
        fields = dataclasses.fields(self)
        _check_names(kind, fields, len(given), named)
        values = {**{item.name: item.default for item in fields}, **named}
        values.update(zip((item.name for item in fields), given, strict=False))
        for item in fields:
            object.__setattr__(self, item.name, values[item.name])
        self.__post_init__()

    def __post_init__(self) -> None:
        kind = type(self).__name__
        for item in dataclasses.fields(self):
            value = item.metadata["rule"].checked(getattr(self, item.name), f"{kind}.{item.name}")
            object.__setattr__(self, item.name, value)

    def to_document(self) -> dict[str, Any]:
        """The kind and the settings as plain data, as JSON can hold them."""
        document: dict[str, Any] = {"kind": type(self).__name__}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if not (item.metadata["later"] and value == item.default):
                document[item.name] = _plain(value)
        return document


def _check_names(
    kind: type[Component],
    fields: Sequence[dataclasses.Field[Any]],
    given: int,
    named: Mapping[str, Any],
) -> None:
    """Raise `SettingError` for settings that there are not, and those that are missing."""
    names = [item.name for item in fields]
    allowed = ", ".join(names) or "none"
    for name in named:
        if name not in names or name in names[:given]:
            raise SettingError(
                "no such setting" if name not in names else "a setting is given twice",
                where=f"{kind.__name__}.{name}",
                allowed=allowed,
                hint=None if name in names else did_you_mean(name, names),
            )
    if given > len(names):
        raise SettingError(
            "more settings than there are", where=kind.__name__, allowed=allowed, given=given
        )
    for item in fields[given:]:
        if item.default is dataclasses.MISSING and item.name not in named:
            raise SettingError(
                "a setting is missing",
                where=f"{kind.__name__}.{item.name}",
                allowed=item.metadata["rule"].allowed,
            )


def _plain(value: Any) -> Any:
    if isinstance(value, Component):
        return value.to_document()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def follows_from_settings(part: Component) -> bool:
    """Whether what a component computes follows from its kind and its settings.

    So of the kinds of quickprop itself; not of kinds that users write, nor where a setting is a
    function of theirs: what these compute may change from call to call.
    """
    own = type(part).__module__.partition(".")[0] == __name__.partition(".")[0]
    return own and all(map(_is_plain_setting, vars(part).values()))


def check_known(part: Component, kinds: Mapping[str, type[Component]], where: str) -> None:
    """Raise `SettingError` when a document of the component could not be read back.

    Parameters
    ----------
    part : Component
    kinds : mapping of str to type
        What is read there.
    where : str
    """
    if kinds.get(type(part).__name__) is not type(part):
        raise SettingError(
            "a kind that files do not know",
            where=where,
            given=type(part).__name__,
            hint="pickle it, or put its class into the registry of its kind where it stands",
        )
    for item in dataclasses.fields(part):
        inner = item.metadata["rule"].parts
        value = getattr(part, item.name)
        for one in value if isinstance(value, tuple) else (value,):
            if inner is not None and isinstance(one, Component):
                check_known(one, inner, f"{where}.{item.name}")


def _is_plain_setting(value: Any) -> bool:
    if isinstance(value, Component):
        return follows_from_settings(value)
    if isinstance(value, tuple):
        return all(map(_is_plain_setting, value))
    return value is None or isinstance(value, bool | int | float | str)


def from_document(document: object, kinds: Mapping[str, type[Component]], where: str) -> Component:
    """The component that a document describes.

    Raises
    ------
    ModelFileError
        When a field is missing, unknown or holds what its rule does not allow.
    """
    fields = Fields(document, where)
    name = fields.value("kind")
    if not isinstance(name, str) or name not in kinds:
        raise ModelFileError(
            "unknown kind of part",
            where=where,
            allowed=", ".join(kinds),
            given=repr(name)[:80],
            hint="the file may come from a newer version of quickprop",
        )
    kind = kinds[name]
    known = {item.name: item for item in dataclasses.fields(kind)}
    needed = [name for name, item in known.items() if not item.metadata["later"]]
    fields.check_names(("kind", *needed), known)
    given = {name: fields.value(name) for name in known if name in fields}
    settings: dict[str, Any] = {}
    for name, value in given.items():
        parts = known[name].metadata["rule"].parts
        if parts and isinstance(value, dict):
            value = from_document(value, parts, f"{where}.{name}")
        elif parts and isinstance(value, list):
            value = [
                from_document(item, parts, f"{where}.{name}[{k}]") for k, item in enumerate(value)
            ]
        settings[name] = value
    try:
        return kind(**settings)
    except SettingError as error:
        raise ModelFileError(
            error.what, where=f"{where}.{error.where}", allowed=error.allowed, given=error.given
        ) from None
