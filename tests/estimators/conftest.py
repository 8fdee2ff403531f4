"""What the tests of the estimators share."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_regression
from sklearn.exceptions import ConvergenceWarning


@pytest.fixture
def short_fits():
    """Fits too short to converge, which is not what is tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@pytest.fixture(scope="session")
def iris():
    X, y = load_iris(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    X.setflags(write=False)
    return X, y


@pytest.fixture(scope="session")
def numbers():
    X, y = make_regression(n_samples=150, n_features=5, noise=5.0, random_state=0)
    X, y = X.astype(np.float64), y / y.std()
    X.setflags(write=False)
    return X, y
