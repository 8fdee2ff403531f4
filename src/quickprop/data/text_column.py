"""Free text: which of the usual runs of letters come in it, and how telling each is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from quickprop.data.cells import LevelCells, level_cells
from quickprop.data.column import Column
from quickprop.data.schema import LevelSpelling
from quickprop.foundation.documents import Fields
from quickprop.foundation.lazy_module import LazyModule

sklearn_text = LazyModule("sklearn.feature_extraction.text", "columns of free text")

_FEATURES = 200
#: Lengths of the runs, within words.
_RUNS = (2, 4)
#: It is free text where a cell has so many words, and so many different ones come.
_WORDS_A_CELL, _DIFFERENT_WORDS = 2.0, 20
_GLANCE = 2000


@dataclass(frozen=True)
class TextColumn(Column):
    """A column of free text: a feature for each of the usual runs of letters (tf-idf).

    Attributes
    ----------
    runs : tuple of str
        Runs of two to four characters within words, in small letters.
    weights : tuple of float
        How much each counts: the rarer it is, the more.
    """

    kind = "text"
    done = ("text column is", "text columns are")

    name: str
    runs: tuple[str, ...]
    weights: tuple[float, ...]

    @classmethod
    def learn(cls, name: str, cells: LevelCells) -> TextColumn:
        """Learn the runs from the training rows."""
        names = cells.names.gather(cells.codes[cells.codes >= 0]).to_list()
        made = sklearn_text.TfidfVectorizer(
            analyzer="char_wb", ngram_range=_RUNS, max_features=_FEATURES, min_df=2,
            sublinear_tf=True,
        ).fit(names)  # fmt: skip
        runs = tuple(str(run) for run in made.get_feature_names_out())
        return cls(name, runs, tuple(float(weight) for weight in made.idf_))

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(f"{self.name}: {run!r}" for run in self.runs)

    @property
    def code_names(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    @property
    def spelling(self) -> LevelSpelling:
        """As it is read where nothing more is known."""
        return LevelSpelling()

    def read(self, series: pl.Series) -> LevelCells:
        """By the different texts."""
        return level_cells(series)

    def write(self, cells: LevelCells, out: np.ndarray) -> None:
        """Of each text the runs; a row's squares add up to their number, and to 0 where missing."""
        out[:] = 0.0
        here = np.flatnonzero(cells.codes >= 0)
        for first in range(0, len(here), _GLANCE):
            rows = here[first : first + _GLANCE]
            texts = cells.names.gather(cells.codes[rows]).to_list()
            weighed = self._counter.transform(texts).toarray()
            out[rows] = weighed * np.sqrt(len(self.runs))

    @cached_property
    def _counter(self) -> Any:
        made = sklearn_text.TfidfVectorizer(
            analyzer="char_wb", ngram_range=_RUNS, sublinear_tf=True, vocabulary=list(self.runs)
        )
        made.idf_ = np.array(self.weights)
        return made

    def to_document(self) -> dict[str, Any]:
        """All fields as JSON."""
        return {
            "kind": self.kind, "name": self.name, "runs": list(self.runs),
            "weights": list(self.weights),
        }  # fmt: skip

    @classmethod
    def from_fields(cls, fields: Fields) -> TextColumn:
        """Read back what `to_document` wrote."""
        runs, weights = fields.texts("runs", least=1), fields.items("weights")
        finite = [one for one in weights if isinstance(one, int | float) and np.isfinite(one)]
        if len(finite) != len(runs) or len(weights) != len(runs):
            fields.refuse("'weights' are not a number for each of 'runs'")
        return cls(fields.text("name"), runs, tuple(float(one) for one in finite))


def is_free_text(texts: pl.Series) -> bool:
    """Whether different texts are made of words, many of them different."""
    words = texts.head(_GLANCE).str.to_lowercase().str.extract_all(r"\p{L}{2,}")
    if not len(words) or float(words.list.len().mean() or 0.0) < _WORDS_A_CELL:  # type: ignore[arg-type]
        return False
    return words.explode().n_unique() >= _DIFFERENT_WORDS
