"""Settings of ours, and methods, of the estimators with every kind of bad value.

Errors are ours or those of scikit-learn's contract: what its own validation raises.
"""

from __future__ import annotations

import datetime
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.utils._param_validation import InvalidParameterError

from quickprop.errors import QuickpropError
from quickprop.estimators import MLPClassifier, MLPRegressor
from quickprop.estimators.settings import FurtherSettings

X = np.random.default_rng(0).normal(size=(12, 2))
Y = np.arange(12) % 2


class Odd:
    """Something that comes from far away."""


BAD: list[Any] = [
    None, "x", "", "\ud800", "a\0b", b"x", True, 0, -1, 1.5, 10**400, float("nan"), float("inf"),
    1 + 2j, [], [[]], {}, {"a": 1}, {0: "a"}, set(), object(), Odd(), [1, [2]], ["a"], [None], [1j],
    [-1], [10**400], [float("nan")], [[1], [2, 3]], (1, 2, 3), np.array([object()]),
    np.array([1 + 2j] * 12), np.zeros((0, 1)), np.float32(1), np.array("now", "M8[s]"), int, Odd,
    (k for k in "ab"), datetime.datetime(2020, 1, 1), pd.NA, pd.NaT, pd.Period("2020-01"),
    pd.Interval(0, 1), slice(None),
]  # fmt: skip
OURS = sorted(set(FurtherSettings.__annotations__) | {"hidden_layer_sizes", "activation", "loss"})


def one(kind: type, **settings: Any) -> Any:
    given = {"hidden_layer_sizes": 2, "max_iter": 1, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # One epoch is not enough, and NumPy warns of odd values.
        return kind(**{**given, **settings}).fit(X, Y)


def foreign(call: Any) -> list[tuple[int, str, str, str]]:
    found = []
    for k, bad in enumerate(BAD):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                call(bad)
            except (QuickpropError, InvalidParameterError):
                continue
            except Exception as error:
                found.append((k, type(bad).__name__, type(error).__name__, str(error)[:90]))
    return found


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("name", OURS)
def test_settings(kind: type, name: str):
    found = foreign(lambda bad: one(kind, **{name: bad}))
    if name == "hidden_layer_sizes":
        # In scikit-learn's words.
        found = [one for one in found if not one[3].startswith("hidden_layer_sizes must be > 0")]
    if name == "callbacks":
        # Types can be called: what they raise is the user's own.
        found = [one for one in found if one[1] != "type"]
    assert not found, found[:4]


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_files(kind: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    fitted = one(kind)
    assert not (found := foreign(fitted.save)), found[:4]
    assert not (found := foreign(kind.load)), found[:4]


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("method", ["predict", "X", "y", "sample_weight", "X_val", "groups"])
def test_rows(kind: type, method: str):
    """scikit-learn's own check of rows speaks, of too large numbers by OverflowError."""
    fitted = one(kind)

    def call(bad: Any) -> object:
        if method == "predict":
            return fitted.predict(bad)
        given = {"X": X, "y": Y, method: bad}
        if method == "X_val":
            given["y_val"] = Y
        return kind(hidden_layer_sizes=2, max_iter=1).fit(**given)

    found = [
        one for one in foreign(call) if one[2] not in ("ValueError", "TypeError", "OverflowError")
    ]
    assert not found, found[:4]
