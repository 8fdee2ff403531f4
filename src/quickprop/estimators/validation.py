"""Checks of the rows and targets that come in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import _check_y, validate_data

from quickprop import data

FORMATS = ("csr", "csc")
FLOATS = (np.float64, np.float32)
_PLAIN = (np.dtype(np.float64), np.dtype(np.float32))


def checked_inputs(estimator: Any, X: Any) -> Any:
    """Rows to predict for, as scikit-learn checks them; a table when they will be scaled.

    A plain array of the right width without NaN passes at once: on one row scikit-learn's checks
    take many times as long as the network.
    """
    if fits_at_once(estimator, X):
        return X
    if estimator._preparation is not None:
        return _table(estimator, X, reset=False)
    return validated(estimator, X, accept_sparse=FORMATS, reset=False)


def checked_pair(
    estimator: Any, X: Any, y: Any, *, reset: bool, numeric: bool
) -> tuple[Any, np.ndarray]:
    """Rows and target of a fit; a column as target is taken as a vector, with a warning."""
    if estimator.scale:
        if y is None:
            raise ValueError(
                f"{type(estimator).__name__} requires y to be passed, but the target y is None."
            )
        X = _table(estimator, X, reset=reset)
        y = _check_y(y, multi_output=True, y_numeric=numeric, estimator=estimator)
        check_consistent_length(range(height(X)), y)
    elif reset and _are_plain(estimator, X, y, "biuf" if numeric else "biu"):
        estimator.n_features_in_ = X.shape[1]
    else:
        X, y = validated(
            estimator,
            X,
            y,
            accept_sparse=FORMATS,
            multi_output=True,
            y_numeric=numeric,
            dtype=FLOATS,
            reset=reset,
        )
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    return X, y


def validated(estimator: Any, X: Any, *target: Any, **settings: Any) -> Any:
    """What scikit-learn's checks make of rows, and of a target; our words for columns alike."""
    try:
        return validate_data(estimator, X, *target, **settings)
    except ValueError:
        if hasattr(X, "columns"):
            data.check_columns(X, where="X")
        raise


def _table(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Rows of any kind of cells as a table, NaN among them."""
    if hasattr(X, "columns"):
        checked = validated(estimator, X, skip_check_array=True, reset=reset)
        return data.as_table(checked, where="X")
    checked = validated(estimator, X, dtype=None, ensure_all_finite="allow-nan", reset=reset)
    return data.as_table(checked, where="X")


def _are_plain(estimator: Any, X: Any, y: Any, kinds: str) -> bool:
    """Whether rows and target of a first fit are plain arrays with nothing to say about them.

    scikit-learn's checks, which ask for frames of all kinds, take longer than a short fit.
    """
    if not _is_plain_matrix(X) or not X.shape[1] or "feature_names_in_" in vars(estimator):
        return False
    if not is_plain_column(y, len(X), kinds) or not _is_tame(X):
        return False
    return y.dtype.kind != "f" or _is_tame(y)


def _is_plain_matrix(X: Any) -> bool:
    """Whether it is an array of numbers that a network computes with, with rows."""
    return type(X) is np.ndarray and X.dtype in _PLAIN and X.ndim == 2 and bool(X.shape[0])


def _is_tame(numbers: np.ndarray) -> bool:
    """Whether all are finite and none is huge; a single product of vectors, no new array."""
    flat = numbers.ravel()
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(flat.dot(flat))


def fits_at_once(estimator: Any, X: Any) -> bool:
    """Whether rows are a plain array as an estimator that was fitted before takes it."""
    if not _is_plain_matrix(X):
        return False
    known = vars(estimator)
    if (
        X.shape[1] != known.get("n_features_in_")
        or "feature_names_in_" in known
        or known.get("_preparation") is not None
    ):
        return False
    return _is_tame(X)


def is_plain_column(y: Any, rows: int, kinds: str) -> bool:
    """Whether a target is a plain vector of some kinds of numbers, of the right length."""
    return type(y) is np.ndarray and y.dtype.kind in kinds and y.shape == (rows,)


def height(X: Any) -> int:
    """How many rows there are."""
    return int(X.shape[0])


def network_rows(X: Any, kind: str) -> Any:
    """Rows of a number type: sparse ones by rows, others as an array in C order."""
    if scipy.sparse.issparse(X):
        return scipy.sparse.csr_array(X).astype(kind, copy=False)
    return np.ascontiguousarray(X, kind)


def dense(X: Any, kind: str) -> np.ndarray:
    """Rows as an array of a number type in C order."""
    if scipy.sparse.issparse(X):
        X = X.toarray()
    return np.ascontiguousarray(X, kind)
