"""Rows that are only looked at: given, by share, by a splitter; the best epoch is what stays."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import sklearn
from sklearn.model_selection import GroupShuffleSplit, PredefinedSplit, TimeSeriesSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from quickprop.estimators import MLPClassifier, MLPRegressor
from quickprop.estimators.scores import r2


def model(**settings):
    known = {"hidden_layer_sizes": 6, "max_iter": 30, "random_state": 0, "learning_rate_init": 0.05}
    return MLPClassifier(**known | settings)


pytestmark = pytest.mark.usefixtures("short_fits")


def test_the_best_epoch_stays(iris):
    X, y = iris
    fitted = model(n_iter_no_change=5).fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    assert fitted.best_validation_score_ == max(fitted.validation_scores_)
    assert fitted.score(X[1::2], y[1::2]) == fitted.best_validation_score_
    assert fitted.best_loss_ is None
    assert len(fitted.validation_scores_) == fitted.n_iter_


def test_a_splitter_deals_the_rows_as_it_says(iris):
    X, y = iris
    # The rows that a predefined split looks at, given by hand, make the same fit.
    looked_at = np.arange(len(y)) % 3 == 0
    split = PredefinedSplit(np.where(looked_at, 0, -1))
    by_splitter = model(validation=split).fit(X, y)
    by_hand = model().fit(X[~looked_at], y[~looked_at], X_val=X[looked_at], y_val=y[looked_at])
    assert by_splitter.validation_scores_ == by_hand.validation_scores_
    np.testing.assert_array_equal(by_splitter.coefs_[0], by_hand.coefs_[0])


def test_groups_stay_together_and_time_goes_on(iris):
    X, y = iris
    groups = np.arange(len(y)) // 10
    grouped = model(validation=GroupShuffleSplit(1, random_state=0)).fit(X, y, groups=groups)
    assert len(grouped.validation_scores_) == grouped.n_iter_
    # The last of five splits in time learns from the first 125 rows.
    timed = MLPRegressor(validation=TimeSeriesSplit(5), max_iter=3).fit(X, y)
    assert timed.t_ == 3 * 125


def test_weights_count_in_the_score(numbers):
    X, y = numbers
    part, target = X[:50], y[:50]
    weights = np.r_[np.zeros(25), np.ones(25)]
    fitted = MLPRegressor(max_iter=5, random_state=0).fit(
        X[50:], y[50:], X_val=part, y_val=target, sample_weight_val=weights
    )
    assert fitted.best_validation_score_ == pytest.approx(fitted.score(part[25:], target[25:]))


class Stop(Exception):
    pass


@pytest.mark.parametrize("way_out", ["callback", "error", "interrupt", "time"])
def test_the_best_epoch_stays_on_every_way_out(iris, way_out):
    X, y = iris
    seen = []

    def look(end):
        seen.append(end.score)
        if len(seen) < 12:
            return False
        if way_out == "error":
            raise Stop
        if way_out == "interrupt":
            raise KeyboardInterrupt
        return way_out == "callback"

    settings = {"max_time": 1.0, "max_iter": 10**6} if way_out == "time" else {"callbacks": look}
    fitted = model(n_iter_no_change=np.inf, learning_rate_init=0.5, **settings)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Training interrupted by user")
            fitted.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    except Stop:
        pass
    assert fitted.score(X[1::2], y[1::2]) == max(fitted.validation_scores_)
    assert way_out == "time" or len(fitted.validation_scores_) == 12


def test_scales_know_nothing_of_the_validation_part(numbers):
    X, y = numbers
    far = np.where(np.arange(len(y)) < 100, 0.0, 1e6)[:, None] + X
    split = PredefinedSplit(np.where(np.arange(len(y)) < 100, -1, 0))
    fitted = MLPRegressor(scale="auto", validation=split, max_iter=2).fit(far, y)
    learned = MLPRegressor(scale="auto", max_iter=2).fit(far[:100], y[:100])
    assert fitted._preparation.columns == learned._preparation.columns


def test_a_pipeline_prepares_the_validation_part_too(iris):
    X, y = iris
    with sklearn.config_context(enable_metadata_routing=True):
        net = model(max_iter=5).set_fit_request(X_val=True, y_val=True)
        whole = Pipeline([("scale", StandardScaler()), ("net", net)], transform_input=["X_val"])
        whole.fit(7.0 + 100.0 * X[::2], y[::2], X_val=7.0 + 100.0 * X[1::2], y_val=y[1::2])
        score = whole.score(7.0 + 100.0 * X[1::2], y[1::2])
    assert whole[-1].best_validation_score_ == score


def test_the_score_of_numbers_too_large_to_square():
    target = np.array([[0.0], [1.0]], np.float32)
    assert r2(target, np.full((2, 1), 1e30, np.float32), None) == -np.inf
