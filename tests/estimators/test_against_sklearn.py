"""The same numbers as scikit-learn's classes, up to rounding, when the random state is the same."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn import neural_network
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning

from quickprop.estimators import MLPClassifier, MLPRegressor
from quickprop.estimators.gradient_engine import GradientEngine

SGD = {"solver": "sgd", "learning_rate_init": 0.05}
ATTRIBUTES = (
    "n_iter_",
    "t_",
    "n_layers_",
    "n_outputs_",
    "out_activation_",
    "n_features_in_",
    "_no_improvement_count",
)
#: A name, the parameters.
SETTINGS = {
    "adam": {},
    "adam, own decays": {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3},
    "sgd": SGD,
    "sgd without momentum": {**SGD, "momentum": 0.0},
    "sgd without nesterov": {**SGD, "nesterovs_momentum": False},
    "invscaling": {**SGD, "learning_rate": "invscaling", "power_t": 0.2},
    "adaptive": {**SGD, "learning_rate": "adaptive", "n_iter_no_change": 1, "tol": 0.05},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.3},
    "one row a batch": {"batch_size": 1, "max_iter": 3},
    "short last batch": {"batch_size": 64},
    "not shuffled": {"shuffle": False, "batch_size": 32},
    "strong penalty": {"alpha": 10.0, "batch_size": 32},
    "lbfgs": {"solver": "lbfgs", "alpha": 0.1},
    "logistic": {"activation": "logistic"},
    "logistic without a hidden layer": {"activation": "logistic", "hidden_layer_sizes": ()},
    "tanh": {"activation": "tanh", "hidden_layer_sizes": (6, 5)},
    "identity": {"activation": "identity", "hidden_layer_sizes": [4]},
}


def pair(theirs, ours, X, y, weights=None, **settings):
    """Both classes fitted alike."""
    models = []
    for kind in (theirs, ours):
        model = kind(**{"random_state": 3, "max_iter": 25, "hidden_layer_sizes": 8, **settings})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            models.append(model.fit(X, y, weights))
    return models


def classifiers(X, y, weights=None, **settings):
    return pair(neural_network.MLPClassifier, MLPClassifier, X, y, weights, **settings)


def regressors(X, y, weights=None, **settings):
    return pair(neural_network.MLPRegressor, MLPRegressor, X, y, weights, **settings)


def assert_alike(theirs, ours, tolerance=1e-9):
    for name in ATTRIBUTES:
        assert getattr(ours, name, None) == getattr(theirs, name, None), name
    names = ("loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_")
    for name in names:
        expected = getattr(theirs, name, None)
        if expected is None:
            assert getattr(ours, name, None) is None, name
        else:
            np.testing.assert_allclose(getattr(ours, name), expected, tolerance, tolerance)
    for a, b in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_):
        np.testing.assert_allclose(a, b, tolerance, tolerance)
        assert a.dtype == b.dtype


@pytest.mark.parametrize("name", SETTINGS)
def test_classes_alike(iris, name):
    X, y = iris
    theirs, ours = classifiers(X, y, **SETTINGS[name])
    assert_alike(theirs, ours, 1e-5 if name == "lbfgs" else 1e-9)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), 1e-5, 1e-9)
    np.testing.assert_allclose(ours.predict_log_proba(X), theirs.predict_log_proba(X), 1e-5, 1e-9)
    assert ours.score(X, y) == theirs.score(X, y)


@pytest.mark.parametrize("name", SETTINGS)
def test_numbers_alike(numbers, name):
    X, y = numbers
    theirs, ours = regressors(X, y, **SETTINGS[name])
    assert_alike(theirs, ours, 1e-5 if name == "lbfgs" else 1e-9)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), 1e-4, 1e-6)


def test_two_classes_alike(iris):
    X, y = iris
    names = np.array(["yes", "no"])[(y > 0).astype(int)]
    theirs, ours = classifiers(X, names, early_stopping=True)
    assert_alike(theirs, ours)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), 1e-9)
    assert list(ours.classes_) == ["no", "yes"]


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_several_labels_alike(solver):
    X, y = make_multilabel_classification(n_samples=60, n_features=6, random_state=0)
    theirs, ours = classifiers(X, y, solver=solver)
    assert_alike(theirs, ours, 1e-5)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_several_numbers_alike(numbers, solver):
    X, y = numbers
    theirs, ours = regressors(X, np.c_[y, -y, y**2], solver=solver, early_stopping=True)
    assert_alike(theirs, ours)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), 1e-9, 1e-9)


def test_several_numbers_with_lbfgs_differ_by_the_value_that_the_line_search_sees(
    numbers, monkeypatch
):
    """scikit-learn's is the mean over the targets of a loss whose gradient is that of the sum.

    All else is in step: with that value the weights agree to rounding.
    """
    X, y = numbers
    targets = np.c_[y, np.tanh(y), np.sin(X[:, 0])]
    settings = {"solver": "lbfgs", "max_iter": 60, "max_fun": 500, "activation": "tanh"}
    theirs, ours = regressors(X, targets, **settings)
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=0.05)
    gradient_of_the_sum = GradientEngine.__call__

    def as_scikit_learn(engine, position, halted):
        value, gradient = gradient_of_the_sum(engine, position, halted)
        return engine.reported(position, value), gradient

    monkeypatch.setattr(GradientEngine, "__call__", as_scikit_learn)
    theirs, ours = regressors(X, targets, **settings)
    for a, b in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_):
        np.testing.assert_allclose(a, b, 1e-6, 1e-6)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_counts_alike(numbers, solver):
    X, y = numbers
    counts = np.random.default_rng(0).poisson(np.exp(0.5 * y))
    theirs, ours = regressors(X, counts, solver=solver, loss="poisson")
    assert_alike(theirs, ours, 1e-4 if solver == "lbfgs" else 1e-9)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), 1e-3)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_weighted_rows_alike(iris, solver):
    X, y = iris
    weights = np.random.default_rng(0).uniform(0.0, 3.0, len(y))
    weights[::7] = 0.0
    theirs, ours = classifiers(X, y, weights, solver=solver, early_stopping=solver != "lbfgs")
    assert_alike(theirs, ours, 1e-5 if solver == "lbfgs" else 1e-9)


def test_warm_start_alike(iris):
    X, y = iris
    models = classifiers(X, y, warm_start=True, solver="sgd", max_iter=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for model in models:
            model.set_params(max_iter=6).fit(X, y)
    assert_alike(*models)
    assert len(models[1].loss_curve_) == 10


def test_partial_fit_alike(iris):
    X, y = iris
    models = [
        kind(hidden_layer_sizes=5, random_state=1, batch_size=40)
        for kind in (neural_network.MLPClassifier, MLPClassifier)
    ]
    for _ in range(5):
        for model in models:
            model.partial_fit(X[:100], y[:100], classes=[0, 1, 2])
            model.partial_fit(X[100:], y[100:])
    assert_alike(*models)


@pytest.mark.parametrize("make", [scipy.sparse.csr_array, scipy.sparse.csc_matrix])
def test_sparse_rows_alike(iris, make):
    X, y = iris
    sparse = make(np.where(X > 0.0, X, 0.0))
    theirs, ours = classifiers(sparse, y, early_stopping=True)
    assert_alike(theirs, ours)
    np.testing.assert_allclose(ours.predict_proba(sparse), theirs.predict_proba(sparse), 1e-9)


@pytest.mark.parametrize("fitted", ["float32", "float64"])
@pytest.mark.parametrize("given", ["float32", "float64", "int64"])
def test_types_alike(numbers, fitted, given):
    X, y = numbers
    theirs, ours = regressors(X.astype(fitted), y.astype(fitted), max_iter=3)
    assert_alike(theirs, ours, 1e-4 if fitted == "float32" else 1e-9)
    expected = theirs.predict(X.astype(given))
    found = ours.predict(X.astype(given))
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, 1e-3, 1e-4)


def test_printing_alike(iris, capsys):
    X, y = iris
    printed = []
    for kind in (neural_network.MLPClassifier, MLPClassifier):
        model = kind(
            verbose=True, random_state=0, solver="sgd", learning_rate="adaptive", tol=0.5,
            n_iter_no_change=1, early_stopping=True,
        )  # fmt: skip
        model.fit(X, y)
        printed.append(capsys.readouterr().out)
    assert printed[1] == printed[0]
    assert "Learning rate too small. Stopping." in printed[1]


def test_parameters_alike():
    for theirs, ours in (
        (neural_network.MLPClassifier, MLPClassifier),
        (neural_network.MLPRegressor, MLPRegressor),
    ):
        expected, found = theirs().get_params(), ours().get_params()
        assert expected.items() <= found.items()
        positional = [8, "tanh"] if theirs is neural_network.MLPClassifier else ["poisson", 8]
        assert ours(*positional).get_params().items() >= theirs(*positional).get_params().items()
        with pytest.raises(TypeError, match="unexpected keyword argument 'alpa'"):
            ours(alpa=1.0)
    assert MLPClassifier().loss == neural_network.MLPClassifier().loss


def test_later_sparse_and_listed_rows_alike(iris):
    X, y = iris
    sparse = scipy.sparse.csr_array(np.where(X > 0.0, X, 0.0))
    models = classifiers(sparse, y)
    for model in models:
        model.partial_fit(sparse, y)
        model.partial_fit(X[:40].tolist(), y[:40].tolist())
    assert_alike(*models)
    models = regressors(sparse, y)
    for model in models:
        model.partial_fit(sparse, y)
    assert_alike(*models)


@pytest.mark.parametrize("labels", [[0, 1], ["no", "yes"], [True, False], [2.0, 10.0]])
def test_the_rows_held_out_are_those_that_scikit_learn_holds_out(labels):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = np.array(labels)[(X[:, 0] + rng.normal(size=300) > 0.8).astype(int)]
    theirs, ours = classifiers(X, y, early_stopping=True)
    assert theirs.validation_scores_ == ours.validation_scores_


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_rows_too_large_to_be_dense(iris, monkeypatch, solver):
    X, y = iris
    sparse = scipy.sparse.csr_array(np.where(X > 0.0, X, 0.0))
    settings = {"solver": solver, "random_state": 0, "max_iter": 10, "early_stopping": True}
    models = []
    for most in (2**28, 0):
        monkeypatch.setattr("quickprop.native.native_minibatches.DENSE_BYTES", most)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            models.append(MLPClassifier(**settings).fit(sparse, y, np.linspace(0, 1, len(y))))
    np.testing.assert_allclose(models[0].coefs_[0], models[1].coefs_[0], 1e-6, 1e-9)
    found = models[1].predict_proba(sparse)
    np.testing.assert_allclose(models[0].predict_proba(sparse), found, 1e-6)


def test_huge_numbers_pass_without_a_warning(numbers):
    X, y = numbers
    theirs, ours = regressors(X, y, activation="tanh")
    huge = X * 1e200
    np.testing.assert_allclose(ours.predict(huge), theirs.predict(huge))
    np.testing.assert_allclose(ours.predict(huge[:, ::-1][:, ::-1]), theirs.predict(huge))
