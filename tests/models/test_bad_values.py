"""Whatever fits and models of tables are called with: an error is one of ours."""

from __future__ import annotations

import datetime
import functools
import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import quickprop
from quickprop.errors import QuickpropError
from quickprop.models import TableModel
from quickprop.nn import Dense, Network
from quickprop.train import fit as train

X = np.random.default_rng(0).normal(size=20)
TABLE = {"x": X, "g": ["a", "b"] * 10, "y": X}
ROWS, TARGET = X[:, None], X[:, None]


class Odd:
    """Something that comes from far away."""

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise TypeError("no array")


BAD: list[Any] = [
    None, "x", "", "\ud800", "a\0b", b"x", True, 0, -1, 1.5, 10**400, float("nan"), float("inf"),
    1 + 2j, [], [[]], {}, {"a": 1}, {1: [2]}, {"x": 1}, set(), {1, "a"}, object(), Odd(),
    [1, [2]], ["a"], [None], [1j], [-1], [10**400], [float("nan")], [[1], [2, 3]], (1, 2, 3),
    np.array([object()]), np.array([1 + 2j] * 20), np.zeros((0, 1)), np.zeros((2, 2, 2)),
    np.float32(1), np.array("now", "M8[s]"), np.array([["\ud800"]] * 20), lambda: 1, len, int, Odd,
    Network, (k for k in "ab"), range(3), datetime.datetime(2020, 1, 1), pd.NA, pd.NaT,
    pd.Period("2020-01"), pd.Interval(0, 1), pd.Series([pd.NA] * 20), pd.DataFrame(),
    pd.DataFrame({1: [1]}), pd.DataFrame({"x": [pd.Period("2020-01"), pd.Interval(0, 1)]}),
    pd.DataFrame({"x": [object()] * 20, "g": [[1]] * 20}), np.ma.masked_array([1.0] * 20),
    memoryview(b"abc"), slice(None), Ellipsis,
]  # fmt: skip


def network() -> Network:
    return Network([Dense(1)], 1)


@functools.cache
def model(kind: str) -> TableModel:
    settings: dict[str, Any] = {"epochs": 1, "budget": None, "hidden": [2], "backend": "reference"}
    return quickprop.fit(TABLE, kind, **settings)


def one_training(name: str, bad: Any) -> object:
    given: dict[str, Any] = {
        "network": network(), "inputs": ROWS, "target": TARGET, "loss": "mse", "epochs": 1,
        "backend": "reference",
    }  # fmt: skip
    return train(**{**given, name: bad})


def one_table(name: str, bad: Any) -> object:
    given: dict[str, Any] = {
        "data": TABLE, "target": "y", "hidden": [2], "epochs": 1, "budget": None,
        "backend": "reference",
    }  # fmt: skip
    return quickprop.fit(**{**given, name: bad})


def settings_of(function: Callable[..., Any]) -> list[str]:
    return [
        name
        for name, p in inspect.signature(function).parameters.items()
        if p.kind is not p.VAR_POSITIONAL
    ]


CALLS: dict[str, Callable[[Any], Any]] = {
    **{f"train.{n}": functools.partial(one_training, n) for n in settings_of(train)},
    **{
        f"fit.{n}": functools.partial(one_table, n)
        for n in settings_of(quickprop.fit)
        if n not in ("folds", "fits", "prefer")
    },
    "load": quickprop.load,
    "Network.load": Network.load,
    "Network.save": lambda bad: network().save(bad),
    **{
        f"{method}.{kind}": lambda bad, m=method, k=kind: getattr(model(k), m)(bad)
        for method in ("predict", "evaluate", "check", "trace", "save", "extra_columns")
        for kind in ("y", "g")
    },
    "predict_proba": lambda bad: model("g").predict_proba(bad),
}


@pytest.mark.parametrize("call", CALLS)
def test_no_error_is_foreign(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    foreign = []
    for k, bad in enumerate(BAD):
        if call == "fit.on_stage" and callable(bad):
            continue  # A function of the user's, and so are its errors.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy warns of what it makes of some of them.
            try:
                CALLS[call](bad)
            except QuickpropError:
                continue
            except Exception as error:
                foreign.append((k, type(bad).__name__, type(error).__name__, str(error)[:70]))
    assert not foreign, f"{len(foreign)} calls, the first: {foreign[:4]}"
