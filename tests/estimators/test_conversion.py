"""Trained networks from scikit-learn's classes and back, with equal predictions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from quickprop.errors import SettingError
from quickprop.estimators import MLPClassifier, MLPRegressor, from_sklearn

TARGETS = {
    "classes": lambda y: y,
    "two classes": lambda y: np.where(y > 0, "yes", "no"),
    "labels": lambda y: np.c_[y > 0, y > 1].astype(int),
}


pytestmark = pytest.mark.usefixtures("short_fits")


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("name", TARGETS)
def test_classifiers_both_ways(iris, name, solver):
    X, y = iris
    y = TARGETS[name](y)
    theirs = neural_network.MLPClassifier(7, "tanh", solver=solver, max_iter=20).fit(X, y)
    ours = from_sklearn(theirs)
    assert isinstance(ours, MLPClassifier)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), 1e-10, 1e-14)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    back = ours.to_sklearn()
    assert type(back) is neural_network.MLPClassifier
    np.testing.assert_array_equal(back.predict_proba(X), theirs.predict_proba(X))
    assert back.get_params() == theirs.get_params()
    if solver == "adam":
        ours.partial_fit(X, y)
        back.partial_fit(X, y)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_regressors_both_ways(numbers, loss):
    X, y = numbers
    ours = MLPRegressor(loss, (6, 5), random_state=0, max_iter=20).fit(X, np.abs(y))
    theirs = ours.to_sklearn()
    np.testing.assert_allclose(theirs.predict(X), ours.predict(X), 1e-10)
    np.testing.assert_array_equal(from_sklearn(theirs).predict(X), ours.predict(X))
    assert theirs.loss_curve_ == ours.loss_curve_


#: What is given, what the error says.
REFUSED = {
    "another estimator": (lambda: from_sklearn(LogisticRegression()), "not a multi-layer"),
    "not fitted": (lambda: from_sklearn(neural_network.MLPClassifier()), "not fitted yet"),
    "activation": (lambda: fitted(activation="gelu").to_sklearn(), "activation: MLPRegressor of"),
    "loss": (
        lambda: fitted(loss="huber").to_sklearn(),
        "loss: MLPRegressor of scikit-learn has no",
    ),
    "normalisation": (lambda: fitted(normalization="layer").to_sklearn(), "normalization: "),
    "scaling": (lambda: fitted(scale="auto").to_sklearn(), "scale: "),
    "ensemble": (lambda: fitted(n_ensemble=2).to_sklearn(), "n_ensemble: "),
    "not fitted here": (lambda: MLPClassifier().to_sklearn(), "not fitted yet"),
}


def fitted(**settings):
    rows = np.arange(12.0).reshape(6, 2) ** 1.5
    return MLPRegressor(hidden_layer_sizes=3, max_iter=2, **settings).fit(rows, np.arange(6.0))


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, said = REFUSED[name]
    with pytest.raises((SettingError, NotFittedError), match=said):
        call()


def test_a_subclass_with_parameters_of_its_own(iris):
    class Named(neural_network.MLPClassifier):
        def __init__(self, name="", hidden_layer_sizes=(4,), max_iter=3):
            super().__init__(hidden_layer_sizes, max_iter=max_iter)
            self.name = name

    X, y = iris
    theirs = Named("first").fit(X, y)
    ours = from_sklearn(theirs)
    assert type(ours) is MLPClassifier
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-12)
