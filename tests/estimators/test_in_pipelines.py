"""The estimators where scikit-learn's users put them."""

from __future__ import annotations

import copy
import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from quickprop.estimators import MLPClassifier, MLPRegressor

NAMES = ["a", "b", "c", "d"]


pytestmark = pytest.mark.usefixtures("short_fits")


def classifier(**settings):
    return MLPClassifier(
        **{"hidden_layer_sizes": 8, "max_iter": 60, "random_state": 0, "learning_rate_init": 0.02}
        | settings
    )


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_grid_search(iris, n_jobs):
    X, y = iris
    grid = {"alpha": [1e-4, 1e-2], "hidden_layer_sizes": [(4,), (8, 4)]}
    search = GridSearchCV(classifier(), grid, n_jobs=n_jobs, cv=3).fit(X, y)
    assert search.best_score_ > 0.9
    assert len(search.cv_results_["params"]) == 4


def test_pipeline_and_scores(iris):
    X, y = iris
    model = make_pipeline(StandardScaler(), classifier())
    assert cross_val_score(model, X, y, cv=3).mean() > 0.9
    assert cross_val_predict(model, X, y, cv=3, method="predict_proba").shape == (150, 3)


def test_wrappers(iris):
    X, y = iris
    calibrated = CalibratedClassifierCV(classifier(), cv=2).fit(X, y)
    assert calibrated.score(X, y) > 0.9
    bagged = BaggingClassifier(classifier(max_iter=20), n_estimators=3, random_state=0).fit(X, y)
    assert bagged.score(X, y) > 0.8
    sizes, _, scores = learning_curve(
        classifier(), X, y, cv=2, train_sizes=[0.5, 1.0], shuffle=True
    )
    assert (len(sizes), scores.shape) == (2, (2, 2))


def test_inspection(iris):
    X, y = iris
    model = classifier().fit(X, y)
    importances = permutation_importance(model, X, y, n_repeats=2, random_state=0)
    assert importances.importances_mean[3] > importances.importances_mean[1]
    found = partial_dependence(model, X, [3], grid_resolution=5)
    assert found["average"].shape == (3, 5)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_jobs_side_by_side(iris, backend):
    X, y = iris
    run = joblib.Parallel(n_jobs=2, backend=backend)
    models = run(joblib.delayed(classifier(random_state=k).fit)(X, y) for k in (0, 1, 0, 1))
    np.testing.assert_array_equal(models[0].coefs_[0], models[2].coefs_[0])
    np.testing.assert_array_equal(models[1].predict_proba(X), models[3].predict_proba(X))


@pytest.mark.parametrize("copied", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy])
def test_copies_are_whole_and_go_on_alike(iris, copied):
    X, y = iris
    model = classifier(solver="sgd", batch_size=50)
    for _ in range(3):
        model.partial_fit(X, y, classes=[0, 1, 2])
    other = copied(model)
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    for _ in range(3):
        model.partial_fit(X, y)
        other.partial_fit(X, y)
    for a, b in zip(model.coefs_, other.coefs_):
        np.testing.assert_array_equal(a, b)


def test_a_clone_knows_nothing(iris):
    X, y = iris
    model = classifier().fit(X, y)
    other = clone(model)
    assert not hasattr(other, "coefs_")
    assert other.get_params() == model.get_params()
    other.fit(X, y)
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    # A second fit has windows of its own: those of the first do not change under a reader.
    first, before = model.coefs_[0], model.coefs_[0].copy()
    model.set_params(random_state=9).fit(X, y)
    np.testing.assert_array_equal(first, before)
    assert not np.array_equal(model.coefs_[0], before)


def frames(X):
    frame = pd.DataFrame(X, columns=NAMES)
    yield "pandas", frame
    yield "polars", pl.DataFrame(X, schema=NAMES)
    yield "pyarrow", pa.Table.from_pandas(frame)


def test_frames(iris):
    X, y = iris
    expected = classifier().fit(X, y).predict(X)
    for name, frame in frames(X):
        model = classifier().fit(frame, y)
        np.testing.assert_array_equal(model.predict(frame), expected, name)
        if name != "pyarrow":  # scikit-learn reads no names from it.
            assert list(model.feature_names_in_) == NAMES
    targets = pd.Series(y), pl.Series(y)
    for target in targets:
        np.testing.assert_array_equal(classifier().fit(X, target).predict(X), expected)


def test_set_output(iris):
    X, y = iris
    model = make_pipeline(StandardScaler(), classifier()).set_output(transform="pandas")
    model.fit(pd.DataFrame(X, columns=NAMES), y)
    assert list(model[-1].feature_names_in_) == NAMES


def test_weights_are_routed(iris):
    X, y = iris
    weights = np.where(y == 2, 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        model = classifier().set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=False)
        found = cross_validate(
            model, X, y, params={"sample_weight": weights}, cv=3, return_estimator=True
        )
    for fitted in found["estimator"]:
        assert set(fitted.predict(X)) == {0, 1}
    model = classifier().fit(X, y, sample_weight=weights)
    assert set(model.predict(X)) == {0, 1}


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_read_only_memory_maps_are_never_written(iris, tmp_path, solver):
    X, y = iris
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", y.astype(float))
    rows, target = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "Xy")
    before = (tmp_path / "X.npy").read_bytes()
    MLPRegressor(solver=solver, max_iter=5, early_stopping=True).fit(rows, target).predict(rows)
    classifier(solver=solver).fit(rows, target).predict_proba(rows)
    assert (tmp_path / "X.npy").read_bytes() == before


def test_writing_into_the_weights_changes_the_predictions(numbers):
    X, y = numbers
    model = MLPRegressor(hidden_layer_sizes=3, max_iter=5, random_state=0).fit(X, y)
    before = model.predict(X)
    model.intercepts_[-1] += 1.0
    np.testing.assert_allclose(model.predict(X), before + 1.0)
    model.coefs_[-1] = np.zeros((3, 1))
    np.testing.assert_allclose(model.predict(X), model.intercepts_[-1][0])
    other = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(other.predict(X), model.predict(X))


def test_the_network_itself(iris):
    X, y = iris
    model = classifier(hidden_layer_sizes=(5, 4), activation="tanh").fit(X, y)
    assert repr(model.network_) == "<Network 4-5 tanh-4 tanh-3 softmax, 64 parameters, float64>"
    np.testing.assert_array_equal(model.network_.predict(X), model.predict_proba(X))
