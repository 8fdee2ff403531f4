"""What scikit-learn's estimators have not."""

from __future__ import annotations

import _thread
import io
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import quickprop
from quickprop.estimators import MLPClassifier, MLPRegressor
from quickprop.estimators.losses import NUMBER_LOSSES
from quickprop.estimators.optimizer_names import OPTIMIZER_NAMES, SCHEDULE_NAMES
from quickprop.losses import CrossEntropy, GaussianLikelihood, Quantile
from quickprop.optim import Cosine, ReduceOnPlateau, RMSprop

pytestmark = pytest.mark.usefixtures("short_fits")


def classifier(**settings):
    known = {"hidden_layer_sizes": 12, "max_iter": 80, "random_state": 0}
    return MLPClassifier(**known | {"learning_rate_init": 0.02} | settings)


def regressor(**settings):
    known = {"hidden_layer_sizes": 12, "max_iter": 200, "random_state": 0}
    return MLPRegressor(**known | {"learning_rate_init": 0.02} | settings)


def own_class_loss(output, target):
    difference = quickprop.softmax(output) - target
    return quickprop.sum(difference * difference, 1)


def own_number_loss(output, target):
    return quickprop.sum(quickprop.abs(output - target), 1)


CLASSIFIERS = {
    "class weights": {"class_weight": {0: 1.0, 1: 2.0, 2: 2.0}},
    "balanced": {"class_weight": "balanced"},
    "loss by name": {"loss": "focal"},
    "loss object": {"loss": CrossEntropy(label_smoothing=0.1)},
    "loss function": {"loss": own_class_loss},
    "activation by name": {"activation": "gelu"},
    "an activation a layer": {"hidden_layer_sizes": (10, 8), "activation": ["silu", "tanh"]},
    "dropout": {"dropout": 0.2},
    "dropout a layer": {"hidden_layer_sizes": (10, 8), "dropout": [0.1, 0.0]},
    "batch normalisation": {"normalization": "batch"},
    "layer normalisation": {"normalization": "layer"},
    "optimizer by name": {"optimizer": "nadam"},
    "optimizer object": {"optimizer": RMSprop(learning_rate=0.02)},
    "schedule by name": {"schedule": "cosine"},
    "schedule of epochs": {"schedule": "reduce_on_plateau"},
    "weight decay": {"weight_decay": 0.1},
    "single precision": {"dtype": "float32"},
    "ensemble": {"n_ensemble": 3, "max_iter": 40},
    "scaled": {"scale": "auto"},
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_learn_and_are_kept(iris, name):
    X, y = iris
    model = classifier(**CLASSIFIERS[name]).fit(X, y)
    assert model.score(X, y) > 0.93
    found = model.predict_proba(X)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, 1e-5)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), found)
    np.testing.assert_array_equal(classifier(**CLASSIFIERS[name]).fit(X, y).predict_proba(X), found)


@pytest.mark.parametrize(
    "loss",
    ["absolute_error", "huber", "log_cosh", "laplace_likelihood", "gaussian", own_number_loss],
)
def test_regressors_learn(numbers, loss):
    X, y = numbers
    assert regressor(loss=loss, max_iter=400).fit(X, y).score(X, y) > 0.95


def test_class_weights_are_weights_of_rows(iris):
    X, y = iris
    weights = np.array([1.0, 0.5, 3.0])
    by_class = classifier(class_weight=dict(enumerate(weights))).fit(X, y)
    by_row = classifier().fit(X, y, sample_weight=weights[y])
    np.testing.assert_array_equal(by_class.predict_proba(X), by_row.predict_proba(X))
    names = np.array(["no", "yes"])[(y > 0).astype(int)]
    two = classifier(class_weight={"no": 2.0, "yes": 1.0}).fit(X, names)
    by_row = classifier().fit(X, names, sample_weight=np.where(y > 0, 1.0, 2.0))
    np.testing.assert_array_equal(two.predict_proba(X), by_row.predict_proba(X))


def test_weight_decay_by_hand():
    # One row x = 0 gives the weights no slope: w becomes w (1 - rate * decay) at each step.
    model = MLPRegressor(
        hidden_layer_sizes=1, activation="identity", solver="sgd", alpha=0.0, weight_decay=0.5,
        learning_rate_init=0.1, max_iter=1, random_state=0, momentum=0.0,
    )  # fmt: skip
    start = np.random.RandomState(0).uniform(-np.sqrt(3.0), np.sqrt(3.0), (1, 1))
    model.fit([[0.0]], [0.0])
    np.testing.assert_allclose(model.coefs_[0], start * (1.0 - 0.1 * 0.5))


def test_quantiles(numbers):
    X, y = numbers
    model = regressor(loss=Quantile((0.1, 0.5, 0.9))).fit(X, y)
    low, middle, high = model.predict(X, quantiles=[0.1, 0.5, 0.9]).T
    np.testing.assert_array_equal(model.predict(X), middle)
    np.testing.assert_array_equal(model.predict(X, quantiles=0.9), high)
    assert 0.0 < np.mean(y < low) < 0.3 < 0.7 < np.mean(y < high) < 1.0
    several = regressor(loss="quantile").fit(X, np.c_[y, -y])
    assert several.predict(X, quantiles=[0.1, 0.9]).shape == (len(y), 2, 2)
    np.testing.assert_array_equal(several.predict(X), several.predict(X, quantiles=0.5))


@pytest.mark.parametrize("settings", [{}, {"scale": "auto"}, {"n_ensemble": 2}])
def test_distributions(numbers, settings):
    X, y = numbers
    target = y * 50.0 + 300.0 if "scale" in settings else y
    model = regressor(loss=GaussianLikelihood(), **settings).fit(X, target)
    found = model.predict_dist(X)
    np.testing.assert_allclose(found.mean[:, 0], model.predict(X), 1e-5, 1e-5)
    np.testing.assert_allclose(
        model.predict(X, quantiles=0.8), found.quantile(0.8)[:, 0], 1e-5, 1e-5
    )
    assert 0.6 < np.mean(target < model.predict(X, quantiles=0.8)) < 1.0
    spread = np.std(target)
    assert found.log_likelihood(target).mean() > -np.log(spread) - 1.42  # That of one normal.


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_the_time_ends_a_fit(solver):
    # Labels at random: no solver is done with them soon.
    random = np.random.default_rng(0)
    X, y = random.normal(size=(3000, 20)), random.integers(0, 2, 3000)
    settings = {
        "solver": solver, "hidden_layer_sizes": 50, "max_iter": 10**6, "max_fun": 10**6,
        "tol": 0.0, "n_iter_no_change": np.inf,
    }  # fmt: skip
    with pytest.warns(ConvergenceWarning, match=r"max_time=0.05 was used up"):
        model = classifier(**settings, max_time=0.05).fit(X, y)
    assert model.predict(X).shape == (3000,)
    with pytest.warns(ConvergenceWarning, match="max_time=1e-09 was used up"):
        model = classifier(**settings, max_time=1e-9).fit(X, y)
    assert model.n_iter_ == 0
    assert np.isnan(model.loss_)


def test_functions_look_on_and_end_the_fit(iris):
    X, y = iris
    seen = []

    def look(end):
        seen.append((end.epoch, end.loss, end.score, end.estimator.n_iter_))
        return end.epoch == 4

    model = classifier(callbacks=look).fit(X, y)
    assert [one[0] for one in seen] == [1, 2, 3, 4] == [one[3] for one in seen]
    assert [one[1] for one in seen] == model.loss_curve_
    seen.clear()
    model = classifier(callbacks=[look], solver="lbfgs", max_iter=50).fit(X, y)
    assert model.n_iter_ == 4


def test_callbacks_of_quickprop_look_on(iris):
    X, y = iris
    seen = []

    class Look(quickprop.Callback):
        def on_start(self, progress):
            seen.append("start")

        def on_epoch(self, record, progress):
            seen.append(record.epoch)

        def on_end(self, history):
            seen.append(len(history.epochs))

    classifier(callbacks=Look(), max_iter=3).fit(X, y)
    assert seen == ["start", 1, 2, 3, 3]


class Recorder:
    """A callback by scikit-learn's protocol that ends the fit after the third epoch."""

    def __init__(self):
        self.seen = []

    def setup(self, estimator, context):
        self.seen.append("setup")

    def teardown(self, estimator, context):
        self.seen.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.seen.append(f"{context.task_name} begins")

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        self.seen.append(f"{context.task_name} ends")
        if context.task_name == "epoch":
            self.accuracy = fitted_estimator.score(X, Y)
        return context.task_name == "epoch" and context.task_id == 2


Y = np.repeat([0, 1, 2], 50)
BEFORE = "scikit-learn before 1.9 has no callbacks"


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_callbacks_of_sklearn_look_on(iris, solver):
    X, y = iris
    pytest.importorskip("sklearn.callback", reason=BEFORE)
    recorder = Recorder()
    model = classifier(solver=solver).set_callbacks(recorder).fit(X, y)
    epochs = ["epoch begins", "epoch ends"] * 3
    assert recorder.seen == ["setup", "fit begins", *epochs, "fit ends", "teardown"]
    assert model.n_iter_ == 3
    # What the callback was given was a copy: asking it changed nothing.
    alone = classifier(solver=solver, callbacks=lambda end: end.epoch == 3).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), alone.predict_proba(X))


def test_the_progress_bar_of_sklearn_goes_through_a_search(iris, capsys):
    X, y = iris
    ProgressBar = pytest.importorskip("sklearn.callback", reason=BEFORE).ProgressBar
    search = GridSearchCV(classifier(max_iter=3), {"alpha": [0.1, 1.0]}, cv=2)
    make_pipeline(StandardScaler(), search.set_callbacks(ProgressBar()).fit(X, y))
    assert "MLPClassifier" in capsys.readouterr().out


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_on_a_terminal_in_place_of_lines(iris, monkeypatch):
    X, y = iris
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    classifier(verbose=True, max_iter=3).fit(X, y)
    assert "epoch 3 of 3" in screen.getvalue()
    assert "Iteration" not in screen.getvalue()


def test_an_ensemble_is_the_mean_of_its_members(iris):
    X, y = iris
    model = classifier(n_ensemble=3).fit(X, y)
    members = [member.predict_proba(X) for member in model.estimators_]
    assert not np.array_equal(members[0], members[1])
    np.testing.assert_allclose(model.predict_proba(X), np.mean(members, axis=0), 1e-12)


FRAME = {
    "size": [1.0, 2.0, None, 4.0, 5.0, 6.0] * 20,
    "kind": ["a", "b", "c", "a", None, "b"] * 20,
    "many": [f"level {k % 30}" for k in range(120)],
    "text": ["1", "2", "3", "4", "5", "6"] * 20,
}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_frames_with_categories_and_gaps(make):
    frame = make(FRAME)
    y = np.array([0, 1, 1, 0, 1, 0] * 20)
    model = classifier(scale="auto").fit(frame, y)
    assert model.score(frame, y) == 1.0
    assert list(model.feature_names_in_) == list(FRAME)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(frame), model.predict_proba(frame))
    numbers = regressor(scale="auto").fit(frame, y * 1000.0 + 5000.0)
    assert numbers.score(frame, y * 1000.0 + 5000.0) > 0.95


def test_missing_numbers(iris):
    X, y = iris
    holes = np.where(np.random.default_rng(0).random(X.shape) < 0.2, np.nan, X)
    assert classifier(scale="auto").fit(holes, y).score(holes, y) > 0.85


def test_the_page_has_the_diagram_beside_the_parameters(iris):
    X, y = iris
    model = classifier()
    assert "<svg" not in model._repr_html_()
    page = model.fit(X, y)._repr_html_()
    assert "<svg" in page
    assert "hidden_layer_sizes" in page


def test_another_kind_of_fit_goes_on_from_the_weights(iris):
    X, y = iris
    model = classifier(solver="lbfgs", warm_start=True, max_iter=5).fit(X, y)
    model.set_params(solver="adam").fit(X, y)
    assert len(model.loss_curve_) == 5
    model.set_params(early_stopping=True).fit(X, y)
    assert (len(model.loss_curve_), len(model.validation_scores_)) == (10, 5)
    model.set_params(early_stopping=False).fit(X, y)
    assert (len(model.loss_curve_), model.validation_scores_) == (15, None)
    assert np.isfinite(model.best_loss_)


def test_names_stand_for_all_that_need_nothing_more(iris):
    X, y = iris
    for name in (*OPTIMIZER_NAMES, *SCHEDULE_NAMES):
        kind = "optimizer" if name in OPTIMIZER_NAMES else "schedule"
        assert classifier(**{kind: name}, max_iter=2).fit(X, y).n_iter_ == 2
    for name in NUMBER_LOSSES:
        found = regressor(loss=name, max_iter=2).fit(X, y + 1).predict(X)
        assert found.shape == (150,)
        assert np.isfinite(found).all()


def test_a_later_fit_knows_nothing_of_an_ensemble(iris):
    X, y = iris
    settings = {"hidden_layer_sizes": 4, "max_iter": 3, "random_state": 0}
    model = MLPClassifier(n_ensemble=3, **settings).fit(X, y)
    model.set_params(n_ensemble=1).fit(X, y)
    assert not hasattr(model, "estimators_")
    alone = MLPClassifier(**settings).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), alone.predict_proba(X))


def test_schedules_without_a_planned_end_go_through_partial_fit(iris):
    X, y = iris
    settings = {"hidden_layer_sizes": 4, "random_state": 0, "learning_rate_init": 0.01}
    ended = MLPClassifier(schedule=Cosine(steps=2), **settings)
    for _ in range(2):
        ended.partial_fit(X, y, classes=[0, 1, 2])
    before = ended.predict_proba(X)
    np.testing.assert_array_equal(ended.partial_fit(X, y).predict_proba(X), before)
    # A gain of half the loss is asked of every pass: the rate is soon as good as none.
    plateau = MLPClassifier(
        schedule=ReduceOnPlateau(factor=1e-9, patience=1, threshold=0.5), **settings
    )
    for _ in range(4):
        plateau.partial_fit(X, y, classes=[0, 1, 2])
    before = plateau.predict_proba(X)
    now = plateau.partial_fit(X, y).predict_proba(X)
    np.testing.assert_allclose(now, before, rtol=1e-6)


def test_an_error_in_one_member_ends_the_others(iris):
    X, y = iris

    def fail(end):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        classifier(n_ensemble=2, callbacks=fail, max_iter=10**6, n_iter_no_change=np.inf).fit(X, y)


def test_an_interrupted_ensemble_is_whole(iris):
    X, y = iris
    pressed = []

    def press(end):
        if end.epoch == 5 and not pressed:
            pressed.append(end.epoch)
            _thread.interrupt_main()

    model = classifier(
        n_ensemble=2, max_iter=10**9, n_iter_no_change=np.inf, tol=0.0, callbacks=press
    )
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, y)
    assert model.predict_proba(X).shape == (150, 3)


def test_a_warning_points_at_the_line_of_the_user(iris):
    X, y = iris
    for settings in ({}, {"solver": "lbfgs", "tol": 0.0}):
        model = MLPClassifier(4, max_iter=1, random_state=0, **settings)
        with pytest.warns(ConvergenceWarning) as told:
            model.fit(X, y)
        assert {one.filename for one in told} == {__file__}
