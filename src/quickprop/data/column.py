"""What a column of a table is to a network, and the kinds of columns there are."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import polars as pl

from quickprop.data.cells import Cells
from quickprop.data.deviations import Deviation
from quickprop.data.schema import Spelling
from quickprop.foundation.documents import Fields

#: The kinds of columns by name; each puts itself in.
COLUMNS: dict[str, type[Column]] = {}


class Column(ABC):
    """What was learned about one column of the training rows.

    The cells of a series are read once (`read`), and written from there (`write`): as numeric
    features, or, of a column that is embedded, as codes.

    Attributes
    ----------
    name : str
    """

    kind: ClassVar[str]
    #: What is done to such columns: one of them, several of them.
    done: ClassVar[tuple[str, str]]

    name: str

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if not inspect.isabstract(cls):
            COLUMNS[cls.kind] = cls

    @property
    @abstractmethod
    def features(self) -> tuple[str, ...]:
        """Names of the numeric features; empty for a column that is embedded."""

    @property
    def continuous(self) -> tuple[int, ...]:
        """Which of its features are numbers of a range, and not 0 or 1."""
        return ()

    @property
    @abstractmethod
    def code_names(self) -> tuple[str, ...]:
        """What each code stands for, code 0 first; empty for a column of features."""

    @property
    @abstractmethod
    def remarks(self) -> tuple[str, ...]:
        """What else is done to it, each as the beginning of a sentence that names columns."""

    @property
    @abstractmethod
    def spelling(self) -> Spelling:
        """How its cells are read where nothing more is known of them."""

    @abstractmethod
    def read(self, series: pl.Series) -> Cells:
        """The cells of new rows (`DataError`)."""

    @abstractmethod
    def write(self, cells: Any, out: np.ndarray) -> None:
        """Write what the cells mean to `out`: features (rows, features), or codes (rows,)."""

    def deviations(self, cells: Any) -> tuple[Deviation, ...]:
        """In which ways the cells of new rows are other than those of training."""
        del cells
        return ()

    @abstractmethod
    def to_document(self) -> dict[str, Any]:
        """All fields as JSON."""

    @classmethod
    @abstractmethod
    def from_fields(cls, fields: Fields) -> Column:
        """Read back what `to_document` wrote (`ModelFileError`)."""
