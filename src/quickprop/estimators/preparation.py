"""Scaling, missing cells and categories, learned on the training rows when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
import scipy.sparse

from quickprop.data import Preprocessor, read_table
from quickprop.errors import DataError


def as_table(X: Any) -> nw.DataFrame:
    """Rows of any make as a table; columns of an array are called x1, x2, ..."""
    if isinstance(X, nw.DataFrame):
        return X
    if scipy.sparse.issparse(X):
        raise DataError(
            "sparse rows cannot be scaled",
            where="X",
            mend="leave scale at False, or give a dense array",
        )
    if isinstance(X, np.ndarray | list | tuple):
        array = np.asarray(X)
        if array.ndim != 2:
            raise DataError(
                "Expected 2D array with rows and columns. Reshape your data",
                where="X",
                given=f"{array.ndim} axes",
            )
        columns = {f"x{k + 1}": column for k, column in enumerate(array.T)}
        return read_table(
            pl.DataFrame({name: _cells(column) for name, column in columns.items()}), where="X"
        )
    return read_table(X, where="X")


def _cells(column: np.ndarray) -> Any:
    return column.tolist() if column.dtype.kind == "O" else np.ascontiguousarray(column)


@dataclass(frozen=True)
class TargetScale:
    """Numbers brought to mean 0 and deviation 1, column by column."""

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, y: np.ndarray) -> TargetScale:
        """Learned from the training rows; a column that does not vary is only moved."""
        scale = y.std(axis=0, dtype=np.float64)
        return cls(y.mean(axis=0, dtype=np.float64), np.where(scale > 0.0, scale, 1.0))

    def encode(self, y: np.ndarray) -> np.ndarray:
        """As the network learns them."""
        return (y - self.mean) / self.scale

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """In the unit of the target; blocks of columns one after the other are told apart."""
        blocks = outputs.reshape(len(outputs), -1, len(self.mean))
        return (blocks * self.scale + self.mean).reshape(outputs.shape)


@dataclass(frozen=True)
class Preparation:
    """What was learned of the columns, and of the target when it is numbers."""

    columns: Preprocessor
    target: TargetScale | None

    def matrices(self, X: Any, kind: str) -> tuple[np.ndarray, ...]:
        """The inputs of the network."""
        made = self.columns.transform(as_table(X))
        parts = []
        if made.numeric.shape[1]:
            parts.append(np.ascontiguousarray(made.numeric, kind))
        if made.categories.shape[1]:
            parts.append(made.categories)
        return tuple(parts)
