"""Calls and tables that cannot be meant: each is one error of ours that says what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quickprop
from quickprop.errors import DataError, SettingError

ROWS = 40
X = np.random.default_rng(0).normal(size=ROWS)
TABLE = {"x": X, "y": X}
QUICK = {"epochs": 1, "budget": None, "hidden": [2]}


def network() -> quickprop.Network:
    return quickprop.Network([quickprop.Dense(1)], 1)


CALLS = [
    (lambda: quickprop.fit(X[:, None], X), r"MLPClassifier\(\)\.fit\(X, y\)"),
    (lambda: quickprop.fit([[1], [2]], [1, 2]), r"quickprop.fit\(table, 'column'\)"),
    (lambda: quickprop.fit(pd.DataFrame(TABLE), pd.Series(X)), "not the name of a column"),
    (lambda: quickprop.fit(network(), X[:, None], X), r"quickprop.train.fit\(network, x, y"),
    (lambda: quickprop.fit(network(), "y"), r"quickprop.train.fit\(network, x, y"),
    (lambda: quickprop.fit(TABLE, "y", "regression"), "Give settings by their names"),
    (lambda: quickprop.fit(TABLE, 5), "not the name of a column"),
]
SETTINGS = [
    ({"seed": None}, "seed: "),
    ({"seed": "a"}, "seed: "),
    ({"seed": 2**64}, "from 0 to 18446744073709551615"),
    ({"on_stage": 5}, "on_stage: "),
    ({"callbacks": 5}, "callbacks: not a list of callbacks"),
    ({"verbose": 5}, "verbose: "),
    ({"budget": float("inf")}, "budget: "),
    ({"threads": "a"}, "threads: "),
    ({"task": 5}, "task: "),
    ({"test": 1.0}, "test: "),
    ({"hidden": [16384] * 16}, r"hidden: training 4,0\d\d,\d+,\d+ weights needs about 11\d GB"),
    ({"hidden": [4] * 65}, "too many layers"),
]
TARGETS = [
    (X + 1j, "can be neither numbers nor classes.*given: complex"),
    ([object() for _ in range(ROWS)], "given: object"),
    (["\ud800", "b"] * (ROWS // 2), "not Unicode"),
    ([10**400 + k for k in range(ROWS)], "no number type can hold"),
    ([10**5000 + k for k in range(ROWS)], "a number of about 498. digits"),
    ([2**62 + k % 5 for k in range(ROWS)], "differences are lost in float64"),
    (pd.cut(pd.Series(X), 3), "can be neither numbers nor classes"),
]
COLUMNS = [
    ["\ud800", "b"] * (ROWS // 2),
    [10**400 + k for k in range(ROWS)],
]


@pytest.mark.parametrize(("call", "message"), CALLS)
def test_two_functions_are_called_fit(call, message):
    with pytest.raises(SettingError, match=message):
        call()


@pytest.mark.parametrize(("settings", "message"), SETTINGS, ids=str)
def test_settings(settings: dict, message: str):
    with pytest.raises(SettingError, match=message):
        quickprop.fit(TABLE, "y", **{**QUICK, **settings})


@pytest.mark.parametrize(("cells", "message"), TARGETS, ids=range(len(TARGETS)))
def test_targets(cells, message: str):
    with pytest.raises(DataError, match=message):
        quickprop.fit({"x": X, "y": cells}, "y", **QUICK)


@pytest.mark.parametrize("cells", COLUMNS, ids=["surrogate", "digits"])
def test_columns(cells):
    with pytest.raises(DataError, match="column 'c' holds"):
        quickprop.fit({**TABLE, "c": cells}, "y", **QUICK)
    with pytest.raises(DataError, match="not Unicode"):
        quickprop.fit({**TABLE, "\ud800": X}, "y", **QUICK)


KINDS = [
    pd.period_range("2020-01", periods=ROWS, freq="M"),
    pd.interval_range(0, ROWS),
    pd.cut(pd.Series(X), 4),
    X + 1j,
    [object() for _ in range(ROWS)],
]


@pytest.mark.parametrize("cells", KINDS, ids=range(len(KINDS)))
def test_columns_of_odd_kinds_are_used_or_dropped_with_a_note(cells):
    model = quickprop.fit(pd.DataFrame({**TABLE, "odd": cells}), "y", **QUICK)
    assert any("odd" in note for note in model.report.notes)


def test_lengths_of_time_are_predicted_in_seconds():
    hours = pd.DataFrame({"x": X, "y": pd.to_timedelta(X, unit="h")})
    model = quickprop.fit(hours, "y", **{**QUICK, "hidden": []})
    assert "in seconds" in model.report.reason
    assert model.target.codec.scale == pytest.approx(3600 * X[:26].std(), rel=0.5)


@pytest.mark.parametrize("seed", [2**31, 2**40, 2**64 - 1])
def test_large_seeds(seed: int):
    model = quickprop.fit(TABLE, "y", **QUICK, seed=seed)
    again = quickprop.fit(TABLE, "y", **QUICK, seed=seed)
    assert (model.predict(TABLE) == again.predict(TABLE)).all()


@pytest.mark.parametrize("path", [None, 5])
def test_no_path(path):
    model = quickprop.fit(TABLE, "y", **QUICK)
    with pytest.raises(SettingError, match="save: not the path of a file"):
        model.save(path)


def test_verbose_says_how_it_goes(capsys: pytest.CaptureFixture[str]):
    quickprop.fit(TABLE, "y", **QUICK, verbose=True)
    said = capsys.readouterr()
    assert said.out == ""
    assert "quickprop: reading the table" in said.err
    assert "1 epochs in" in said.err
