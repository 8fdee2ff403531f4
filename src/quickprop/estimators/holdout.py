"""Which rows are learned from and which are looked at."""

from __future__ import annotations

from typing import Any

import numpy as np

from quickprop.errors import DataError
from quickprop.foundation.lazy_module import LazyModule

model_selection = LazyModule("sklearn.model_selection", "dealing rows")


def share_split(
    rows: int, share: float, strata: np.ndarray | None, random: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """A share of the rows is looked at, dealt as scikit-learn's estimators deal it."""
    numbers, settings = np.arange(rows), {"random_state": random, "test_size": share}
    column = None if strata is None else strata.ravel()
    try:
        # Of a matrix scikit-learn would make a text of every row first.
        learned, held_out = model_selection.train_test_split(numbers, stratify=column, **settings)
    except ValueError:
        # With its own words for the classes, which are such texts.
        model_selection.train_test_split(numbers, stratify=strata, **settings)
        raise
    if len(held_out) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            "dataset."
        )
    return learned, held_out


def splitter_split(
    splitter: Any, rows: int, y: np.ndarray, groups: Any
) -> tuple[np.ndarray, np.ndarray]:
    """The last split of a splitter: of splits in time that is the one that learns from most."""
    try:
        parts = list(splitter.split(np.zeros((rows, 1)), y, groups))
    except ValueError as error:
        raise DataError(
            "the splitter gives no validation part",
            where="validation",
            given=str(error),
            hint="give the groups of the rows to fit(..., groups=...)"
            if groups is None and "groups" in str(error)
            else None,
        ) from error
    learned, held_out = parts[-1]
    if not len(learned) or not len(held_out):
        raise DataError("the splitter gives an empty part", where="validation")
    return np.asarray(learned), np.asarray(held_out)
