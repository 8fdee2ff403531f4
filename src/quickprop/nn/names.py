"""What the numbers that go into a network and come out of it are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from quickprop.errors import SettingError
from quickprop.foundation.settings import optional, sequence_of, text

_TEXTS = optional(sequence_of(text()))
_LEVELS = optional(sequence_of(sequence_of(text())))


@dataclass(frozen=True)
class Names:
    """Names for views and messages; what is None goes by its number.

    Parameters
    ----------
    inputs : tuple of str, optional
        Of the numeric columns, in the order of the inputs.
    categories : tuple of str, optional
        Of the columns of category codes.
    levels : tuple of tuple of str, optional
        Of the levels of each column of codes, in the order of the codes.
    outputs : tuple of str, optional
        Of the numbers that come out: classes, or targets with their units.

    Raises
    ------
    SettingError
        When one is not a list of texts.
    """

    inputs: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None
    levels: tuple[tuple[str, ...], ...] | None = None
    outputs: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name, keyword in KEYWORDS.items():
            rule = _LEVELS if name == "levels" else _TEXTS
            value = rule.checked(getattr(self, name), f"Network.{keyword}")
            object.__setattr__(self, name, value)

    def check_counts(self, features: int, levels: Sequence[int], outputs: int) -> None:
        """Raise `SettingError` when there is not one for each.

        Parameters
        ----------
        features : int
            Numeric columns.
        levels : sequence of int
            How many levels each column of codes has.
        outputs : int
            Numbers in a row of all outputs.
        """
        _check_count("input_names", self.inputs, features, "input")
        _check_count("category_names", self.categories, len(levels), "column of categories")
        _check_count("level_names", self.levels, len(levels), "column of categories")
        for column, (names, count) in enumerate(zip(self.levels or (), levels, strict=False)):
            _check_count(f"level_names[{column}]", names, count, "level")
        _check_count("output_names", self.outputs, outputs, "output")

    def to_document(self) -> dict[str, Any]:
        """Those that are given, by the keywords of `Network`, as JSON can hold them."""
        given = {KEYWORDS[item.name]: getattr(self, item.name) for item in fields(self)}
        return {
            keyword: [list(one) if isinstance(one, tuple) else one for one in value]
            for keyword, value in given.items()
            if value is not None
        }


#: The keywords of `Network` and fields of its document.
KEYWORDS = {
    "inputs": "input_names",
    "categories": "category_names",
    "levels": "level_names",
    "outputs": "output_names",
}


#: Columns and outputs go by their numbers.
NAMELESS = Names()


def _check_count(keyword: str, names: Sequence[object] | None, count: int, what: str) -> None:
    if names is not None and len(names) != count:
        raise SettingError(
            f"not a name for each {what}",
            where=f"Network.{keyword}",
            allowed=f"{count} names",
            given=len(names),
        )
