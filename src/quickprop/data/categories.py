"""Text and booleans: one feature a level when there are few, codes for an embedding when many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl

from quickprop.data.text_cells import level_names
from quickprop.errors import DataError
from quickprop.foundation.documents import Fields

EMBED_FROM = 10
"""From so many levels on a column is embedded."""


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

    def codes(self, series: pl.Series) -> np.ndarray:
        """The code of each cell, int32."""
        if series.dtype.is_nested() or series.dtype in (pl.Binary, pl.Object):
            raise DataError(
                "cells of another kind where there was text at training time",
                where=f"column {series.name!r}",
                given=str(series.dtype),
                hint="make the cells text, or leave them empty",
            )
        text = level_names(series)
        if not self.levels:
            codes = np.zeros(len(text), np.int32)
        else:
            numbers = range(1, len(self.levels) + 1)
            known = text.replace_strict(
                list(self.levels), list(numbers), default=0, return_dtype=pl.Int32
            )
            codes = known.fill_null(0).to_numpy().astype(np.int32)
        if self.codes_missing:
            codes[text.is_null().to_numpy()] = self.count - 1
        return codes

    def to_document(self) -> dict[str, Any]:
        """All fields as JSON."""
        return {"levels": list(self.levels), "codes_missing": self.codes_missing}

    @classmethod
    def from_fields(cls, fields: Fields) -> Levels:
        """Read back what `to_document` wrote."""
        return cls(fields.texts("levels"), fields.flag("codes_missing"))


def rare_below(rows: int) -> int:
    """How often a level must come in so many rows to have a code of its own."""
    return int(np.clip(rows // 200, 2, 10))


@dataclass(frozen=True, eq=False)
class LevelCounts:
    """How often each level of a column comes.

    Parameters
    ----------
    names, rows : Series
        The levels by the names that `level_names` gives, and the cells of each.
    missing : int
        Missing cells.
    """

    names: pl.Series
    rows: pl.Series
    missing: int

    @classmethod
    def of(cls, text: pl.Series) -> LevelCounts:
        """Count the cells, given as `level_names`."""
        counts = text.drop_nulls().alias("name").value_counts(name="rows")
        return cls(counts["name"], counts["rows"], text.null_count())

    @property
    def given(self) -> int:
        """Cells that are not missing."""
        return int(self.rows.sum())

    def common(self) -> tuple[Levels, int]:
        """The levels with a code of their own, and how many cells share code 0."""
        least = rare_below(self.given + self.missing)
        often = self.rows >= least
        rare = self.given - int(self.rows.filter(often).sum())
        codes_missing = self.missing >= least
        levels = Levels(tuple(sorted(self.names.filter(often).to_list())), codes_missing)
        return levels, rare if codes_missing else rare + self.missing


@dataclass(frozen=True)
class OneHotColumn:
    """A column of few levels: a 0/1 feature for each, or one -1/+1 feature for two levels.

    A level that was not seen in training has 0 in all of them, or 1 in "other" where rare levels
    share that feature.
    """

    kind: ClassVar[str] = "one-hot"

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

    def encode(self, series: pl.Series, out: np.ndarray) -> None:
        """Write the features of each row to `out`, shape (rows, features)."""
        codes = self.levels.codes(series)
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
class EmbeddedColumn:
    """A column of many levels: one code a row, for the network to look up."""

    kind: ClassVar[str] = "embedding"

    name: str
    levels: Levels

    def codes(self, series: pl.Series) -> np.ndarray:
        """The code of each cell, int32."""
        return self.levels.codes(series)

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


def category_column(name: str, counts: LevelCounts) -> OneHotColumn | EmbeddedColumn:
    """What is learned of a column of levels.

    Rare ones share a feature when together they are not rare.
    """
    levels, shared = counts.common()
    if levels.count - 1 >= EMBED_FROM:
        return EmbeddedColumn(name, levels)
    return OneHotColumn(name, levels, shared >= rare_below(counts.given + counts.missing))
