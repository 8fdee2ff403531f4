"""What a fit does beside its steps: nothing that it does not need."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import time
import weakref
from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import LabelBinarizer

from quickprop import ops
from quickprop.estimators import MLPClassifier, MLPRegressor, fitted_network
from quickprop.estimators.validation import checked_pair
from quickprop.foundation.lru_cache import LruCache
from quickprop.losses import MeanSquaredError
from quickprop.native import background_compile, jit
from quickprop.optim import SGD
from quickprop.train import step

pytestmark = pytest.mark.usefixtures("short_fits")


@pytest.fixture
def compiled(monkeypatch, tmp_path):
    """The texts that are compiled, with nothing in the disk cache."""
    # What all fits share is there: the code that shuffles.
    MLPClassifier(2, max_iter=1).fit(np.eye(2), [0, 1])
    monkeypatch.setenv("QUICKPROP_CACHE_DIR", str(tmp_path))
    texts = []

    def counted(text):
        texts.append(text)
        return compile_object(text)

    compile_object = jit.compile_object
    monkeypatch.setattr(jit, "compile_object", counted)
    return texts


def test_a_fit_compiles_its_step_and_predict_the_predictions(compiled, iris):
    X, y = iris
    # A width that no other test has: its code is not in the process yet.
    model = MLPClassifier(23, max_iter=3, random_state=0).fit(X, y)
    assert len(compiled) == 1
    model.predict(X)
    model.predict_proba(X)
    assert len(compiled) == 2
    MLPClassifier(23, max_iter=3, random_state=1, alpha=0.1).fit(X, y).predict(X)
    assert len(compiled) == 2


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_no_time_left_for_the_step_compiles_nothing_more(compiled, iris):
    X, y = iris
    with pytest.warns(ConvergenceWarning, match="no time to write the network's step"):
        model = MLPClassifier(29, max_time=1e-6, early_stopping=True, random_state=0).fit(X, y)
    background_compile.wait_for_all()
    # Nor the step itself: its graph was not written.
    assert compiled == []
    assert model.n_iter_ == 0


@pytest.mark.parametrize(
    ("width", "settings"), [(41, {}), (43, {"early_stopping": True}), (44, {"solver": "lbfgs"})]
)
def test_an_interrupt_is_heard_while_code_is_compiled(
    width, settings, compiled, before_compiling, iris
):
    X, y = iris

    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.8)

    before_compiling(interrupt)
    begun = time.perf_counter()
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = MLPClassifier((width, 7), max_iter=30, random_state=0, **settings).fit(X, y)
    assert time.perf_counter() - begun < 0.5
    assert model.n_iter_ == 0
    assert np.isnan(model.loss_)
    background_compile.wait_for_all()


@pytest.mark.parametrize(
    # Widths that no other test has.
    ("width", "settings"),
    [(31, {}), (33, {"early_stopping": True}), (34, {"solver": "lbfgs"}), (35, {"n_ensemble": 2})],
)
def test_the_time_is_kept_though_compiling_takes_longer(
    width, settings, compiled, before_compiling, iris
):
    X, y = iris
    before_compiling(lambda: time.sleep(0.8))
    settings = {"max_iter": 30, "random_state": 0, **settings}
    begun = time.perf_counter()
    with pytest.warns(ConvergenceWarning, match=r"max_time=0.1 was used up"):
        model = MLPClassifier((width, 7), max_time=0.1, **settings).fit(X, y)
    assert time.perf_counter() - begun < 0.3
    assert model.n_iter_ == 0
    assert model.predict_proba(X).shape == (150, 3)
    background_compile.wait_for_all()
    # What was under way is there for the next fit, and compiled once.
    longer = MLPClassifier((width, 7), max_time=30, **settings).fit(X, y)
    assert longer.n_iter_ > 0
    assert len(compiled) == len(set(compiled))


def test_windows_stay_while_a_fit_runs_and_after_it(iris):
    X, y = iris
    seen = []

    def look(end):
        seen.append([array.copy() for array in end.estimator.coefs_])
        held.append(end.estimator.coefs_[0])

    held = []
    model = MLPClassifier(5, max_iter=3, random_state=0, callbacks=look).fit(X, y)
    # Each epoch moves the weights, and the arrays that were looked at are those of the end.
    assert not np.array_equal(seen[0][0], seen[1][0])
    assert all(array is held[0] for array in held)
    np.testing.assert_array_equal(held[0], model.coefs_[0])
    held[0][...] = 0.0
    model.intercepts_[0][...] = 0.0
    np.testing.assert_array_equal(*model.predict_proba(X[:2]))
    again = pickle.loads(pickle.dumps(model.set_params(callbacks=None)))
    window = again.coefs_[1]
    before = again.predict_proba(X)
    window[...] += 1.0
    assert again.coefs_[1] is window
    np.testing.assert_allclose(again.predict_proba(X), before, atol=1e-12)  # All moved alike.


@pytest.fixture
def written(monkeypatch):
    """The recipes of the steps that are written, with none remembered."""
    for room in (fitted_network, step):
        monkeypatch.setattr(room, "_TEMPLATES", LruCache(128))
    recipes = []

    def counted(network, spec):
        recipes.append(spec)
        return write_step(network, spec)

    write_step = step.write_step
    monkeypatch.setattr(step, "write_step", counted)
    return recipes


def numbers_of(model):
    return [np.array(model.loss_curve_), *model.coefs_, *model.intercepts_]


SETTINGS = [
    {},
    {"solver": "sgd"},
    {"solver": "sgd", "nesterovs_momentum": False},
    {"optimizer": "rprop"},
    {"schedule": "reduce_on_plateau"},
    {"weight_decay": 0.1},
    {"early_stopping": True},
    {"normalization": "batch", "dropout": 0.2},
    {"activation": "tanh"},
    {"dtype": "float32"},
    {"beta_1": 0.5},
]


def test_a_step_is_written_once_for_all_fits_of_its_design(written, iris):
    X, y = iris
    first = []
    for settings in SETTINGS:
        model = MLPClassifier(5, max_iter=4, random_state=0, **settings).fit(X, y)
        first.append((numbers_of(model), model.predict_proba(X)))
    # Early stopping alone takes the step of another.
    assert len(written) == len(SETTINGS) - 1
    for settings, (before, said) in zip(SETTINGS, first, strict=True):
        model = MLPClassifier(5, max_iter=4, random_state=0, **settings).fit(X, y)
        for array, other in zip(numbers_of(model), before, strict=True):
            np.testing.assert_array_equal(array, other)
        np.testing.assert_array_equal(model.predict_proba(X), said)
    assert len(written) == len(SETTINGS) - 1
    # What is not in the code is no other design.
    MLPClassifier(5, max_iter=2, learning_rate_init=0.1, alpha=1.0, random_state=1).fit(X, y)
    assert len(written) == len(SETTINGS) - 1


def test_fits_that_share_a_step_share_no_numbers(written, iris):
    X, y = iris
    models = [MLPClassifier(5, random_state=0) for _ in range(2)]
    for start in (0, 50, 100):
        for model in models:
            model.partial_fit(X[start : start + 50], y[start : start + 50], classes=[0, 1, 2])
    assert len(written) == 1
    for array, other in zip(numbers_of(models[0]), numbers_of(models[1]), strict=True):
        np.testing.assert_array_equal(array, other)
    before = models[1].predict_proba(X)
    models[0].coefs_[0][...] = 0.0
    models[0].partial_fit(X, y)
    np.testing.assert_array_equal(models[1].predict_proba(X), before)


def test_what_is_remembered_holds_no_weights(written, iris):
    X, y = iris
    model = MLPClassifier(5, max_iter=2, random_state=0).fit(X, y)
    model.predict(X)
    stores = [weakref.ref(leaf.attribute("storage")) for leaf in model.network_.variables]
    del model
    written.clear()
    gc.collect()
    assert [store() for store in stores] == [None] * 4


@dataclass(frozen=True)
class OwnSteps(SGD):
    """Steps of a user, with something that no setting says."""

    factor = 1.0

    def updates(self, parameters, gradients, learning_rate, step):
        return super().updates(
            parameters, [slope * OwnSteps.factor for slope in gradients], learning_rate, step
        )


def test_code_of_users_is_asked_at_every_fit(written, numbers, monkeypatch):
    X, y = numbers
    factor = 1.0

    def own_loss(output, target):
        difference = output - target
        return ops.sum(difference * difference * factor, 1)

    def fitted(loss, optimizer):
        model = MLPRegressor(loss, 5, optimizer=optimizer, max_iter=2, random_state=0)
        return np.concatenate([array.ravel() for array in model.fit(X, y).coefs_])

    steps_of_user = OwnSteps(learning_rate=0.01)
    by_loss = fitted(own_loss, None), fitted("squared_error", steps_of_user)
    factor = 0.0
    monkeypatch.setattr(OwnSteps, "factor", 0.0)
    after = fitted(own_loss, None), fitted(MeanSquaredError(), steps_of_user)
    assert len(written) == 4
    for one, other in zip(by_loss, after, strict=True):
        assert not np.array_equal(one, other)


@pytest.mark.parametrize("kind", ["int64", "int32", "uint8", "int8", "bool", ">i4", "U2", "O"])
@pytest.mark.parametrize("classes", [1, 2, 3, 7])
def test_labels_are_what_scikit_learn_says_of_them(kind, classes):
    y = np.tile(np.arange(classes), 40).astype("U2" if kind == "O" else kind)[::-1].astype(kind)
    X = np.arange(len(y), dtype=float)[:, None] / 100
    model = MLPClassifier(3, max_iter=1).fit(X, y)
    expected = LabelBinarizer().fit(y)
    found = model._label_binarizer
    assert vars(found).keys() == vars(expected).keys()
    assert (found.y_type_, found.sparse_input_) == (expected.y_type_, expected.sparse_input_)
    np.testing.assert_array_equal(model.classes_, expected.classes_)
    assert model.classes_.dtype == expected.classes_.dtype
    np.testing.assert_array_equal(found.transform(y), expected.transform(y))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["X", "y"])
def test_what_is_not_finite_is_found_in_plain_arrays(numbers, where, wrong):
    given = dict(zip("Xy", (array.copy() for array in numbers), strict=True))
    given[where].flat[-1] = wrong
    with pytest.raises(ValueError, match=f"Input {where} contains"):
        MLPRegressor(hidden_layer_sizes=3, max_iter=1).fit(**given)


@pytest.mark.parametrize("large", [1.0, 1e200])
def test_plain_arrays_are_taken_as_they_are(numbers, large):
    X, y = (array.copy() for array in numbers)
    X[0, 0] = y[0] = large  # 1e200: its square is no number.
    model = MLPRegressor()
    checked = checked_pair(model, X, y, reset=True, numeric=True)
    assert checked[0] is X
    assert checked[1] is y
    assert model.n_features_in_ == 5


class Onlooker:
    """A callback of a search that counts the tasks below its own when all is done."""

    tasks = None

    def setup(self, estimator, context):
        """Nothing."""

    def teardown(self, estimator, context):
        self.tasks = [task.task_name for task in context]

    def on_fit_task_begin(self, estimator, context):
        """Nothing."""

    def on_fit_task_end(self, estimator, context):
        """Nothing."""


def test_a_search_makes_a_tree_of_tasks_for_those_who_look_on_alone(iris, monkeypatch):
    pytest.importorskip("sklearn.callback", reason="scikit-learn before 1.9 has no callbacks")
    X, y = iris
    made = []

    def counted(self, **settings):
        made.append(settings)
        return make_context(self, **settings)

    make_context = MLPClassifier._init_callback_context
    monkeypatch.setattr(MLPClassifier, "_init_callback_context", counted)
    search = GridSearchCV(MLPClassifier(5, max_iter=3), {"alpha": [0.1, 1.0]}, cv=2)
    search.fit(X, y)
    assert made == []
    onlooker = Onlooker()
    search.set_callbacks(onlooker).fit(X, y)
    # Four fits and the one of the best again, of three epochs each.
    assert made == [{"max_subtasks": 3}] * 5
    assert onlooker.tasks.count("epoch") == 15
