"""Frozen dataclasses with settings: checked as they are made, written to a document and back.

A field declared by ``setting(rule, default)`` says what it allows; the check, its error message
and the reading of documents are the same for layers, losses, optimizers and schedules.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import operator
from abc import ABCMeta
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from quickprop.errors import ModelFileError, QuickpropError, SettingError, did_you_mean


@dataclass(frozen=True)
class Rule:
    """What a setting allows.

    Parameters
    ----------
    allowed : str
        The rule in words, for error messages.
    accept : callable
        Returns the value in its plain Python form, or raises ValueError or TypeError.
    parts : mapping of str to type, optional
        Components that the setting may hold, by kind.
    hint : callable, optional
        A hint for a refused value.
    """

    allowed: str
    accept: Callable[[Any], Any]
    parts: Mapping[str, type[Component]] | None = None
    hint: Callable[[Any], str | None] | None = None

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


def setting(rule: Rule, default: Any = dataclasses.MISSING) -> Any:
    """A dataclass field that allows what the rule says."""
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata={"rule": rule})
    return dataclasses.field(default=default, metadata={"rule": rule})


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
    """One of the names of a table."""

    def accept(value: Any) -> str:
        _require(isinstance(value, str) and value in names)
        return value

    return Rule(", ".join(names), accept, hint=lambda value: did_you_mean(value, names))


def optional(rule: Rule) -> Rule:
    """What the rule allows, or None."""
    return Rule(
        f"{rule.allowed}, or None",
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

    return Rule(f"a list of {least} or more, each {rule.allowed}", accept, rule.parts)


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
        return value

    return Rule("a non-empty text", accept)


def component(parts: Mapping[str, type[Component]]) -> Rule:
    """An instance of one of these kinds."""

    def accept(value: Any) -> Component:
        if not isinstance(value, tuple(parts.values())):
            raise TypeError
        assert isinstance(value, Component)
        return value

    return Rule(", ".join(f"{kind}()" for kind in parts), accept, parts)


class _Kind(ABCMeta):
    """Says in words which settings a component has when it is made with others."""

    def __call__(cls, *given: Any, **named: Any) -> Any:
        # Only where the dataclass wrote the constructor: others know their arguments themselves.
        if "__dataclass_params__" in cls.__dict__:
            cls._check_names(len(given), named)
        return super().__call__(*given, **named)

    @property
    def __signature__(cls) -> inspect.Signature:
        """That of the constructor, for help texts; else it would be that of `__call__`."""
        whole_one = inspect.signature(cls.__init__)  # type: ignore[misc]
        return whole_one.replace(parameters=list(whole_one.parameters.values())[1:])

    def _check_names(cls, given: int, named: Mapping[str, Any]) -> None:
        fields = [item for item in dataclasses.fields(cls) if item.init]  # type: ignore[arg-type]
        names = [item.name for item in fields]
        allowed = ", ".join(names) or "none"
        for name in named:
            if name not in names:
                raise SettingError(
                    "no such setting",
                    where=f"{cls.__name__}.{name}",
                    allowed=allowed,
                    hint=did_you_mean(name, names),
                )
        if given > len(names):
            raise SettingError(
                "more settings than there are", where=cls.__name__, allowed=allowed, given=given
            )
        for item in fields[given:]:
            wanted = item.default is dataclasses.MISSING
            if wanted and item.default_factory is dataclasses.MISSING and item.name not in named:
                rule = item.metadata.get("rule")
                raise SettingError(
                    "a setting is missing",
                    where=f"{cls.__name__}.{item.name}",
                    allowed=rule.allowed if rule else None,
                )


@dataclass(frozen=True)
class Component(metaclass=_Kind):
    """A frozen dataclass whose fields are all settings."""

    def __post_init__(self) -> None:
        kind = type(self).__name__
        for item in dataclasses.fields(self):
            value = item.metadata["rule"].checked(getattr(self, item.name), f"{kind}.{item.name}")
            object.__setattr__(self, item.name, value)

    def to_document(self) -> dict[str, Any]:
        """The kind and the settings as plain data, as JSON can hold them."""
        document: dict[str, Any] = {"kind": type(self).__name__}
        for item in dataclasses.fields(self):
            document[item.name] = _plain(getattr(self, item.name))
        return document


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
    if not isinstance(document, dict):
        raise ModelFileError(
            "not a description of a part", where=where, given=type(document).__name__
        )
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise ModelFileError(
            "unknown kind of part",
            where=where,
            allowed=", ".join(kinds),
            given=repr(kind)[:80],
            hint="the file may come from a newer version of quickprop",
        )
    known = {item.name: item for item in dataclasses.fields(kinds[kind])}
    given = {name: value for name, value in document.items() if name != "kind"}
    for name in given:
        if name not in known:
            raise ModelFileError(
                "unknown setting",
                where=f"{where}.{str(name)[:80]}",
                allowed=", ".join(known),
                hint="the file may come from a newer version of quickprop",
            )
    for name in known:
        if name not in given:
            raise ModelFileError("a setting is missing", where=f"{where}.{name}")
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
        return kinds[kind](**settings)
    except SettingError as error:
        raise ModelFileError(
            error.what, where=f"{where}.{error.where}", allowed=error.allowed, given=error.given
        ) from None
