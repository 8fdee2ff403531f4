"""What a network must beat: always saying the same, and a linear model on the same matrices."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from quickprop.data import Matrices

#: Iterations allowed to the logistic regression.
MOST_ITERATIONS = 200


@dataclass(frozen=True)
class Baselines:
    """Predictions of both on the test part: probabilities, or numbers in the target's unit."""

    dummy: np.ndarray
    linear: np.ndarray


def design_matrix(matrices: Matrices, levels: tuple[int, ...]) -> np.ndarray | sparse.csr_array:
    """The numeric columns, and a 0/1 column for every level of every category."""
    if not levels:
        return matrices.numeric
    starts = np.concatenate([[0], np.cumsum(levels)[:-1]])
    columns = (matrices.categories + starts).ravel()
    rows = np.repeat(np.arange(matrices.rows), len(levels))
    ones = np.ones(len(columns), np.float32)
    hot = sparse.csr_array((ones, (rows, columns)), shape=(matrices.rows, int(sum(levels))))
    # The numeric part is often mostly 0/1 too; a sparse solver is quick either way.
    return sparse.csr_array(sparse.hstack([sparse.csr_array(matrices.numeric), hot]))


def classification_baselines(
    train: Matrices, codes: np.ndarray, test: Matrices, classes: int, levels: tuple[int, ...]
) -> Baselines:
    """Class shares of the training part, and logistic regression (L2, C = 1)."""
    shares = np.bincount(codes, minlength=classes) / len(codes)
    dummy = np.tile(shares, (test.rows, 1))
    with warnings.catch_warnings():
        # A bounded effort is what is meant; the score says how far it came.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(max_iter=MOST_ITERATIONS)
        model.fit(design_matrix(train, levels), codes)
    linear = np.zeros((test.rows, classes))
    linear[:, model.classes_] = model.predict_proba(design_matrix(test, levels))
    return Baselines(dummy, linear)


def regression_baselines(
    train: Matrices, target: np.ndarray, test: Matrices, levels: tuple[int, ...]
) -> Baselines:
    """The mean of the training part, and ridge regression (alpha = 1)."""
    # In units of its own spread: the matrices are float32, which a huge target does not fit.
    size = float(np.abs(target).max()) or 1.0
    mean = float((target / size).mean())
    spread = float((target / size).std()) or 1.0
    solver = "lsqr" if levels else "auto"
    model = Ridge(alpha=1.0, solver=solver)
    model.fit(design_matrix(train, levels), (target / size - mean) / spread)
    linear = model.predict(design_matrix(test, levels)).astype(np.float64) * spread + mean
    return Baselines(np.full(test.rows, mean * size), linear * size)
