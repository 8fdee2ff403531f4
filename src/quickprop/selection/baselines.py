"""What a network must beat, on the same folds: the same answer always, a line, boosted trees."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from quickprop.data.folds import Folds
from quickprop.foundation.deadline import Deadline
from quickprop.foundation.lazy_module import LazyModule
from quickprop.models.linear_fit import LinearFit, linear_variants
from quickprop.models.prepared import Prepared

#: Loaded when trees are asked for: it takes longer than many a fit.
sklearn_ensemble = LazyModule("sklearn.ensemble", "boosted trees to compare with")


@dataclass(frozen=True, eq=False)
class Baseline:
    """What a baseline says of the held-out rows.

    Attributes
    ----------
    name : str
    predicted : array
        As the task scores them, in the order of ``folds.rows``.
    seconds : float
    """

    name: str
    predicted: np.ndarray
    seconds: float


def dummy_out_of_fold(prepared: Prepared, folds: Folds) -> Baseline:
    """Always the same answer, the best for the rows that were learned from."""
    begun = time.perf_counter()
    truth, task = prepared.truth, prepared.task
    parts = [
        task.always_the_same(truth[folds.train(fold)], len(folds.held_out(fold)))
        for fold in range(folds.used)
    ]
    return Baseline("dummy", _in_order(parts, folds), time.perf_counter() - begun)


def linear_out_of_fold(
    prepared: Prepared, folds: Folds, blocks: np.ndarray, deadline: Deadline
) -> tuple[Baseline, int] | None:
    """The better of two linear models, and its number; None where there is no time.

    Which is the better is decided for the rows of a block on the others.

    Parameters
    ----------
    prepared : Prepared
    folds : Folds
    blocks : int array, shape (held-out rows,)
    deadline : Deadline
    """
    begun = time.perf_counter()
    task, truth = prepared.task, prepared.truth[folds.rows]
    found: list[np.ndarray] = []
    numbers: list[int] = []
    for number, variant in enumerate(linear_variants(prepared)):
        parts: list[np.ndarray] = []
        for fold in range(folds.used):
            fit = variant(folds.train(fold), deadline)
            if fit is None:
                break
            parts.append(fit.said(folds.held_out(fold)))
        if len(parts) < folds.used:
            break
        found.append(_in_order(parts, folds))
        numbers.append(number)
    if not found:
        return None
    losses = np.stack([task.row_losses(truth, one) for one in found])
    losses = np.where(np.isfinite(losses), losses, np.finfo(float).max / len(truth) / 4)
    out = np.empty_like(found[0])
    for block in np.unique(blocks):
        inside = blocks == block
        best = int(losses[:, ~inside].mean(axis=1).argmin())
        out[inside] = found[best][inside]
    chosen = numbers[int(losses.mean(axis=1).argmin())]
    return Baseline("linear", out, time.perf_counter() - begun), chosen


def linear_on_all(prepared: Prepared, number: int, deadline: Deadline) -> LinearFit | None:
    """That linear model, learned from all rows that train."""
    variants = linear_variants(prepared)
    return variants[number](prepared.split.train, deadline)


def boosting_out_of_fold(
    prepared: Prepared, folds: Folds, deadline: Deadline, seed: int
) -> Baseline | None:
    """Histogram gradient boosting of scikit-learn at its defaults; None where there is no time.

    Parameters
    ----------
    prepared : Prepared
        Its matrices: numbers as a network has them, codes of levels as categories.
    folds : Folds
    deadline : Deadline
    seed : int
    """
    begun = time.perf_counter()
    matrices = prepared.matrices
    codes = np.minimum(matrices.categories, 254)
    x = np.hstack([matrices.numeric, codes.astype(np.float32)])
    categorical = np.arange(x.shape[1]) >= matrices.numeric.shape[1]
    classes = prepared.task.classes
    kind = (
        sklearn_ensemble.HistGradientBoostingRegressor
        if classes is None
        else sklearn_ensemble.HistGradientBoostingClassifier
    )
    parts: list[np.ndarray] = []
    for fold in range(folds.used):
        if deadline.over:
            return None
        train, held = folds.train(fold), folds.held_out(fold)
        model = kind(categorical_features=categorical, random_state=seed % 2**32)
        # More threads than cores that are free wait for each other.
        with threadpool_limits(1):
            model.fit(x[train], prepared.truth[train])
            if classes is None:
                parts.append(model.predict(x[held]))
                continue
            said = np.full((len(held), len(classes)), 1e-9)
            said[:, model.classes_] = model.predict_proba(x[held])
            parts.append(said)
    return Baseline("boosting", _in_order(parts, folds), time.perf_counter() - begun)


def _in_order(parts: Sequence[np.ndarray], folds: Folds) -> np.ndarray:
    """Predictions of each fold's rows put in the order of all held-out rows."""
    rows = np.concatenate([folds.held_out(fold) for fold in range(folds.used)])
    together = np.concatenate(parts)
    return np.asarray(together[np.argsort(rows, kind="stable")])
