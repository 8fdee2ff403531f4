"""What a fit does beside its steps: nothing that it does not need."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from quickprop.estimators import MLPClassifier
from quickprop.native import jit


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@pytest.fixture
def compiled(monkeypatch, tmp_path):
    """The texts that are compiled, with nothing in the disk cache."""
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


def test_no_time_left_after_compiling_compiles_nothing_more(compiled, iris):
    X, y = iris
    model = MLPClassifier(29, max_time=1e-6, early_stopping=True, random_state=0).fit(X, y)
    assert len(compiled) == 1
    assert model.n_iter_ == 0


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
