"""What scikit-learn builds around an estimator, with tables of every make."""

from __future__ import annotations

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingRegressor, StackingClassifier
from sklearn.inspection import PartialDependenceDisplay, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_score,
    learning_curve,
    validation_curve,
)
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from quickprop.estimators import AutoencoderTransformer, MLPClassifier, MLPRegressor

ROWS = 120
NAMES = ["a", "b", "c", "d"]
X = np.random.default_rng(0).normal(size=(ROWS, 4))
Y = (X[:, 0] > 0.0).astype(int)
FRAMES = {
    "numpy": X,
    "pandas": pd.DataFrame(X, columns=NAMES),
    "polars": pl.DataFrame(X, schema=NAMES),
    "pyarrow": pa.table([*X.T], names=NAMES),
}
MIXED = pd.DataFrame(
    {
        "size": X[:, 0],
        "kind": np.array(["u", "v", "w"])[np.arange(ROWS) % 3],
        "old": np.arange(ROWS) % 2 == 0,
        "level": pd.Categorical(np.array(["low", "high"])[(np.arange(ROWS) // 7) % 2]),
    }
)
FAST = {"hidden_layer_sizes": 6, "max_iter": 30, "random_state": 0, "learning_rate_init": 0.02}
FAST |= {"tol": 0.0, "n_iter_no_change": 30}


pytestmark = pytest.mark.usefixtures("short_fits")


def classifier(**settings):
    return MLPClassifier(**FAST | settings)


def regressor(**settings):
    return MLPRegressor(**FAST | settings)


def codes(**settings):
    return AutoencoderTransformer(2, **FAST | {"max_iter": 3} | settings)


@pytest.mark.parametrize("scale", [False, "auto"])
@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_the_same_from_a_table_of_any_make(frame, scale):
    for model, y in ((classifier(scale=scale), Y), (regressor(scale=scale), X[:, 0])):
        assert cross_val_score(model, frame, y, cv=2).min() > 0.8
        np.testing.assert_array_equal(
            cross_val_score(model, frame, y, cv=2), cross_val_score(model, X, y, cv=2)
        )
        curves = learning_curve(model, frame, y, cv=2, train_sizes=[0.5, 1.0])
        assert curves[2].shape == (2, 2)
        found = validation_curve(model, frame, y, cv=2, param_name="alpha", param_range=[0.1, 50.0])
        assert found[0][0].mean() > found[0][1].mean()


@pytest.mark.parametrize("scale", [False, "auto"])
def test_learning_bit_by_bit_in_a_learning_curve(scale):
    scores = learning_curve(
        classifier(scale=scale),
        X,
        Y,
        cv=2,
        train_sizes=[0.5, 1.0],
        exploit_incremental_learning=True,
    )
    assert np.isfinite(scores[2]).all()


@pytest.mark.parametrize("make", [classifier, regressor])
def test_pictures_of_partial_dependence(make):
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib draws the pictures")
    matplotlib.use("Agg")
    pyplot = pytest.importorskip("matplotlib.pyplot", reason="matplotlib draws the pictures")
    model = make().fit(X, Y)
    shown = PartialDependenceDisplay.from_estimator(model, X, [0, (0, 1)], grid_resolution=4)
    line = shown.axes_[0, 0].get_lines()[0]
    # The first column alone decides: the more, the surer.
    assert np.all(np.diff(line.get_ydata()) > 0.0)
    frame = FRAMES["pandas"]
    PartialDependenceDisplay.from_estimator(make().fit(frame, Y), frame, ["a"], kind="both")
    model = make(scale="auto").fit(MIXED, Y)
    PartialDependenceDisplay.from_estimator(
        model, MIXED, ["size", "kind", ("kind", "level")], categorical_features=["kind", "level"]
    )
    pyplot.close("all")


def test_importance_of_columns_of_every_kind():
    model = classifier(scale="auto").fit(MIXED, Y)
    found = [
        permutation_importance(model, MIXED, Y, n_repeats=2, random_state=0, n_jobs=jobs)
        for jobs in (1, 2)
    ]
    assert found[0].importances_mean.argmax() == 0
    np.testing.assert_array_equal(found[0].importances, found[1].importances)


def test_wrappers_around_columns_of_every_kind():
    model = classifier(scale="auto")
    assert CalibratedClassifierCV(model, cv=2).fit(MIXED, Y).score(MIXED, Y) > 0.9
    stack = StackingClassifier([("net", model), ("other", classifier(scale=True))], cv=2)
    assert stack.fit(MIXED, Y).score(MIXED, Y) > 0.9
    bag = BaggingRegressor(regressor(), n_estimators=2, max_features=0.9, random_state=0)
    assert bag.fit(FRAMES["pandas"], X[:, 0]).score(FRAMES["pandas"], X[:, 0]) > 0.5
    search = GridSearchCV(model, {"alpha": [1e-4, 50.0]}, cv=2, n_jobs=2).fit(MIXED, Y)
    assert search.best_params_ == {"alpha": 1e-4}


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_large_rows_that_joblib_maps_into_its_workers(backend):
    """From a megabyte on an array comes to a worker as a read-only map of memory."""
    rows = np.random.default_rng(0).normal(size=(20000, 8))
    y = rows[:, 0]
    for model in (regressor(max_iter=2), regressor(max_iter=2, scale=True), codes(max_iter=1)):
        alone = cross_val_score(model, rows, y, cv=2)
        with joblib.parallel_config(backend, n_jobs=2):
            np.testing.assert_array_equal(cross_val_score(model, rows, y, cv=2), alone)


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_codes_of_a_table_of_any_make(frame):
    model = codes().fit(frame)
    expected = model.transform(frame)
    np.testing.assert_array_equal(codes().fit(X).transform(X), expected)
    names = ["autoencodertransformer0", "autoencodertransformer1"]
    for kind, table in (("pandas", pd.DataFrame), ("polars", pl.DataFrame)):
        made = codes().set_output(transform=kind).fit_transform(frame)
        assert isinstance(made, table)
        assert list(made.columns) == names
        np.testing.assert_array_equal(made.to_numpy(), expected)
        np.testing.assert_array_equal(
            model.inverse_transform(made.to_numpy()), model.inverse_transform(expected)
        )


def test_codes_beside_other_features():
    both = FeatureUnion([("pca", PCA(1)), ("net", codes())]).set_output(transform="pandas")
    assert both.fit_transform(FRAMES["pandas"]).shape == (ROWS, 3)
    some = make_column_transformer((codes(), ["a", "b", "c"]), remainder="passthrough")
    made = some.set_output(transform="polars").fit_transform(FRAMES["polars"])
    assert made.columns[-1] == "remainder__d"
    pipe = make_pipeline(StandardScaler(), codes(), LogisticRegression())
    grid = {"autoencodertransformer__n_components": [1, 4]}
    assert GridSearchCV(pipe, grid, cv=2, n_jobs=2).fit(X, Y).best_score_ > 0.4
    assert GridSearchCV(codes(max_iter=30), {"n_components": [1, 3]}, cv=2).fit(X).best_params_ == {
        "n_components": 3
    }


def test_weights_through_pipelines_and_searches():
    weights = np.where(Y == 1, 0.0, 1.0)
    alone = classifier().fit(X, Y, sample_weight=weights)
    assert set(alone.predict(X)) == {0}
    pipe = make_pipeline(classifier()).fit(X, Y, mlpclassifier__sample_weight=weights)
    np.testing.assert_array_equal(pipe.predict_proba(X), alone.predict_proba(X))
    search = GridSearchCV(classifier(), {"alpha": [1e-4]}, cv=2).fit(X, Y, sample_weight=weights)
    np.testing.assert_array_equal(search.predict_proba(X), alone.predict_proba(X))
    with sklearn.config_context(enable_metadata_routing=True):
        asking = classifier().set_fit_request(sample_weight=True)
        for model in (
            make_pipeline(asking),
            GridSearchCV(asking.set_score_request(sample_weight=True), {"alpha": [1e-4]}, cv=2),
        ):
            model.fit(X, Y, sample_weight=weights)
            np.testing.assert_array_equal(model.predict_proba(X), alone.predict_proba(X))
        with pytest.raises(TypeError, match="sample_weight"):
            make_pipeline(classifier().set_fit_request(sample_weight=False)).fit(
                X, Y, sample_weight=weights
            )
        first = make_pipeline(codes().set_fit_request(sample_weight=True), StandardScaler())
        first[1].set_fit_request(sample_weight=False)
        first.fit(X, sample_weight=weights)
        np.testing.assert_array_equal(
            first[0].transform(X), codes().fit(X, sample_weight=weights).transform(X)
        )
        held = make_pipeline(
            StandardScaler(),
            regressor().set_fit_request(X_val=True, y_val=True),
            transform_input=["X_val"],
        ).fit(X, X[:, 0], X_val=X, y_val=X[:, 0])
        assert held[1].best_validation_score_ > 0.9
