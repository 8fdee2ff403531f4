"""Text and booleans: one feature a level when there are few, codes for an embedding when many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from quickprop.data.cells import LevelCells, level_cells
from quickprop.data.column import Column
from quickprop.data.deviations import Deviation, deviations
from quickprop.data.schema import LevelSpelling
from quickprop.data.text_cells import FLAG_WORDS
from quickprop.foundation.documents import Fields

EMBED_FROM = 10
#: Rows from which a level must come three times, not two.
_MANY = 600
"""From so many levels on a column is embedded."""

_SHARED = "Levels that come too seldom to learn from share one feature in"


@dataclass(frozen=True)
class Levels:
    """The levels of a column that come often enough to learn something about each.

    Code 0 is shared by rare and unseen levels, codes 1, 2, ... are the levels in the order of
    their names, and the last code is a missing cell where that comes often enough too.
    """

    levels: tuple[str, ...]
    codes_missing: bool

    @property
    def count(self) -> int:
        """Number of codes, with code 0."""
        return 1 + len(self.levels) + self.codes_missing

    def codes(self, cells: LevelCells) -> np.ndarray:
        """The code of each cell, int32."""
        code_of = self._codes_of_names(cells)
        # The last stands for what is missing, which has place -1.
        code_of.append(self.count - 1 if self.codes_missing else 0)
        return np.asarray(np.array(code_of, np.int32)[cells.codes])

    def _codes_of_names(self, cells: LevelCells) -> list[int]:
        """The code of each name, however its value is typed."""
        known = {level: code for code, level in enumerate(self.levels, start=1)}
        names = cells.names.to_list()
        codes = [known.get(name, 0) for name in names]
        if all(codes):
            return codes
        flags = self._flags
        numbers = self._numbers if cells.are_numbers else {}
        for place, (name, code) in enumerate(zip(names, codes, strict=True)):
            if code:
                continue
            if flags and (value := _flag_of(name)) is not None:
                codes[place] = known[flags[value]]
            elif numbers and _is_number(name):
                codes[place] = known.get(numbers.get(float(name), ""), 0)
            elif name.endswith(".0"):
                codes[place] = known.get(name[:-2], 0)
        return codes

    @property
    def _flags(self) -> dict[float, str]:
        """The levels for 1 and 0, where there are these two and no others."""
        values = {_flag_of(level): level for level in self.levels}
        return values if set(values) == {0.0, 1.0} and len(self.levels) == 2 else {}  # type: ignore[return-value]

    @property
    def _numbers(self) -> dict[float, str]:
        """The levels by the numbers that they spell, where no two spell the same."""
        spelled = [level for level in self.levels if _is_number(level)]
        by_value = {float(level): level for level in spelled}
        return by_value if len(by_value) == len(spelled) else {}

    def deviations(
        self, column: str, cells: LevelCells, shares_other: bool
    ) -> tuple[Deviation, ...]:
        """Levels that are not known, and gaps where there were none."""
        rows = len(cells.codes)
        codes = np.array([*self._codes_of_names(cells), -1], np.int32)[cells.codes]
        count = int((codes == 0).sum())
        names = cells.names.to_list()
        first = dict.fromkeys(cells.codes[codes == 0].tolist())
        shown = [names[place] for place in list(first)[:4]]
        found = deviations(
            column, "new or too rare at training time, so nothing was learned of them", count, rows,
            shown,
        )  # fmt: skip
        if self.codes_missing or shares_other:
            return found
        return found + deviations(
            column, "missing, which hardly any was at training time", cells.missing, rows
        )

    @property
    def names(self) -> tuple[str, ...]:
        """What each code stands for."""
        return ("other", *self.levels, *(("missing",) if self.codes_missing else ()))

    def to_document(self) -> dict[str, Any]:
        """All fields as JSON."""
        return {"levels": list(self.levels), "codes_missing": self.codes_missing}

    @classmethod
    def from_fields(cls, fields: Fields) -> Levels:
        """Read back what `to_document` wrote."""
        return cls(fields.texts("levels"), fields.flag("codes_missing"))


def _flag_of(name: str) -> float | None:
    """1 or 0 for what says so, such as yes, true and 1."""
    if name in ("0", "1"):
        return float(name)
    return FLAG_WORDS.get(name.lower())


def _is_number(name: str) -> bool:
    return name.replace(".", "", 1).removeprefix("-").isdecimal() and name.isascii()


def rare_below(rows: int) -> int:
    """How often a level must come in so many rows to have a code of its own."""
    return 2 if rows < _MANY else 3


def common_levels(cells: LevelCells) -> tuple[Levels, int]:
    """The levels with a code of their own, and how many cells share code 0."""
    least = rare_below(len(cells.codes))
    often = cells.counts >= least
    rare = cells.given - int(cells.counts[often].sum())
    codes_missing = cells.missing >= least
    levels = Levels(tuple(sorted(cells.names.filter(pl.Series(often)).to_list())), codes_missing)
    return levels, rare if codes_missing else rare + cells.missing


@dataclass(frozen=True)
class OneHotColumn(Column):
    """A column of few levels: a 0/1 feature for each, or one -1/+1 feature for two levels.

    A level that was not seen in training has 0 in all of them, or 1 in "other" where rare levels
    share that feature.
    """

    kind = "one-hot"
    done = ("category column is", "category columns are")

    name: str
    levels: Levels
    shares_other: bool

    @property
    def _is_pair(self) -> bool:
        return self.levels.count == 3 and not self.shares_other

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        names = [f"{self.name}={level}" for level in self.levels.levels]
        if self.levels.codes_missing:
            names.append(f"{self.name} is missing")
        if self._is_pair:
            return (names[-1],)
        return (*names, f"{self.name}=other") if self.shares_other else tuple(names)

    @property
    def code_names(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """Rare levels."""
        return (_SHARED,) if self.shares_other else ()

    @property
    def spelling(self) -> LevelSpelling:
        """As it is read where nothing more is known."""
        return LevelSpelling()

    def read(self, series: pl.Series) -> LevelCells:
        """By the names of levels."""
        return level_cells(series)

    def deviations(self, cells: LevelCells) -> tuple[Deviation, ...]:
        """Levels that are not known, and gaps."""
        return self.levels.deviations(self.name, cells, self.shares_other)

    def write(self, cells: LevelCells, out: np.ndarray) -> None:
        """A 1 for the level."""
        codes = self.levels.codes(cells)
        if self._is_pair:
            out[:, 0] = np.array([0.0, -1.0, 1.0], np.float32)[codes]
            return
        for code in range(1, self.levels.count):
            out[:, code - 1] = codes == code
        if self.shares_other:
            out[:, -1] = codes == 0

    def to_document(self) -> dict[str, Any]:
        """All fields as JSON."""
        return {
            "kind": self.kind,
            "name": self.name,
            **self.levels.to_document(),
            "shares_other": self.shares_other,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> OneHotColumn:
        """Read back what `to_document` wrote."""
        column = cls(fields.text("name"), Levels.from_fields(fields), fields.flag("shares_other"))
        if not column.features:
            fields.refuse("a column without any level")
        return column


@dataclass(frozen=True)
class EmbeddedColumn(Column):
    """A column of many levels: one code a row, for the network to look up."""

    kind = "embedding"
    done = ("category column is", "category columns are")

    name: str
    levels: Levels

    @property
    def features(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def code_names(self) -> tuple[str, ...]:
        """The levels, after one for those that are rare or unseen."""
        return self.levels.names

    @property
    def remarks(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    @property
    def spelling(self) -> LevelSpelling:
        """As it is read where nothing more is known."""
        return LevelSpelling()

    def read(self, series: pl.Series) -> LevelCells:
        """By the names of levels."""
        return level_cells(series)

    def deviations(self, cells: LevelCells) -> tuple[Deviation, ...]:
        """Levels that are not known, and gaps."""
        return self.levels.deviations(self.name, cells, True)

    def write(self, cells: LevelCells, out: np.ndarray) -> None:
        """The code."""
        out[:] = self.levels.codes(cells)

    def to_document(self) -> dict[str, Any]:
        """All fields as JSON."""
        return {"kind": self.kind, "name": self.name, **self.levels.to_document()}

    @classmethod
    def from_fields(cls, fields: Fields) -> EmbeddedColumn:
        """Read back what `to_document` wrote."""
        column = cls(fields.text("name"), Levels.from_fields(fields))
        if column.levels.count < 2:
            fields.refuse("a column without any level")
        return column


def learn_levels(name: str, cells: LevelCells) -> OneHotColumn | EmbeddedColumn:
    """What is learned of a column of levels.

    Rare ones share a feature when together they are not rare.
    """
    levels, shared = common_levels(cells)
    if levels.count - 1 >= EMBED_FROM:
        return EmbeddedColumn(name, levels)
    return OneHotColumn(name, levels, shared >= rare_below(len(cells.codes)))
