"""Rows that the tests of the estimators share."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_regression


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
