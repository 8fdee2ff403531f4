"""Checks of the rows that come in."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils.validation import validate_data

FORMATS = ("csr", "csc")
FLOATS = (np.float64, np.float32)
_PLAIN = (np.dtype(np.float64), np.dtype(np.float32))


def checked_inputs(estimator: Any, X: Any) -> Any:
    """Rows to predict for, as scikit-learn checks them.

    A plain array of the right width without NaN passes at once: on one row scikit-learn's checks
    take many times as long as the network.
    """
    if fits_at_once(estimator, X):
        return X
    return validate_data(estimator, X, accept_sparse=FORMATS, reset=False)


def fits_at_once(estimator: Any, X: Any) -> bool:
    """Whether rows are a plain array as an estimator that was fitted before takes it."""
    return (
        type(X) is np.ndarray
        and X.dtype in _PLAIN
        and X.ndim == 2
        and X.shape[1] == estimator.n_features_in_
        and X.shape[0] > 0
        and "feature_names_in_" not in vars(estimator)
        and bool(np.isfinite(X).all())
    )


def is_plain_column(y: Any, rows: int, kinds: str) -> bool:
    """Whether a target is a plain vector of some kinds of numbers, of the right length."""
    return type(y) is np.ndarray and y.dtype.kind in kinds and y.shape == (rows,)


def dense(X: Any, kind: str) -> np.ndarray:
    """Rows as an array of a number type in C order."""
    if scipy.sparse.issparse(X):
        X = X.toarray()
    return np.ascontiguousarray(X, kind)


def result_type(X: Any, kind: str) -> np.dtype:
    """The type of predictions: as that of a product of the rows with weights of a type."""
    return np.result_type(X.dtype, kind)
