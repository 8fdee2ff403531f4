"""Model files with a valid checksum and a hostile report, settings of odd types, huge targets."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from make_golden import table

import quickprop
from quickprop.data import RegressionTarget
from quickprop.errors import ModelFileError, SettingError
from quickprop.foundation.model_file import read_model_file, write_model_file
from quickprop.models.tasks import Regression

GOLDEN = Path(__file__).parent / "golden_v1.quickprop"
#: Where in the report, what stands there instead.
HOSTILE = [
    (("rows",), {}),
    (("rows", "read"), "x"),
    (("rows", "train"), None),
    (("rows", "test"), 1.5),
    (("rows", "test"), -1),
    (("rows", "test"), 10**400),
    (("seconds",), {"a": 1}),
    (("seconds", "total"), [1]),
    (("seconds", "total"), float("nan")),
    (("scores",), {"network": {}}),
    (("scores", "linear"), 5),
    (("scores", "network", "accuracy"), "x"),
    (("scores", "dummy", "log_loss"), True),
]


@pytest.mark.parametrize(("at", "value"), HOSTILE, ids=str)
def test_a_hostile_report_is_one_error(tmp_path: Path, at: tuple[str, ...], value: object):
    document, weights = read_model_file(GOLDEN)
    place = document["report"]
    for key in at[:-1]:
        place = place[key]
    place[at[-1]] = value
    write_model_file(tmp_path / "m.quickprop", document, weights)
    with pytest.raises(ModelFileError):
        quickprop.load(tmp_path / "m.quickprop")


def test_weights_that_are_not_finite_are_refused(tmp_path: Path, monkeypatch):
    path = tmp_path / "m.quickprop"
    document, weights = read_model_file(GOLDEN)
    name = next(iter(weights))
    weights[name] = np.full_like(weights[name], np.nan)
    with pytest.raises(ModelFileError, match="not finite"):
        write_model_file(path, document, weights)
    assert not path.exists()
    # What wrote the file may not have looked.
    with monkeypatch.context() as patch:
        patch.setattr(np, "isfinite", np.ones_like)
        write_model_file(path, document, weights)
    with pytest.raises(ModelFileError, match="not finite"):
        quickprop.load(path)


def test_what_is_no_path_is_refused():
    with pytest.raises(ModelFileError, match="not a path"):
        quickprop.load(5)


ODD_SETTINGS = [
    {"budget": "30s"},
    {"budget": True},
    {"hidden": 64},
    {"hidden": "64,64"},
    {"epochs": 0},
    {"test": "a"},
    {"folds": None, "test": "0.1"},
    {"folds": 1},
    {"fits": 0},
    {"prefer": "best"},
]


@pytest.mark.parametrize("setting", ODD_SETTINGS, ids=str)
def test_settings_of_odd_types_are_refused(setting: dict):
    with pytest.raises(SettingError):
        quickprop.fit(table(), "label", **setting)


def test_widths_may_be_numpy_integers():
    model = quickprop.fit(table(), "label", hidden=[np.int64(4)], epochs=2, budget=None)
    assert "4 relu" in model.report.network


@pytest.mark.parametrize("unit", [1.0, 1e60, 1e200, 1e300])
def test_a_target_too_large_for_float32(unit: float):
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=80)
    columns = {"a": x, "p": (3 * x + 0.1 * numbers.normal(size=80)) * unit}
    model = quickprop.fit(columns, "p", hidden=[8], epochs=30, budget=None)
    scores = model.report.scores
    assert all(np.isfinite(value) for part in scores.values() for value in part.values())
    # The true slope is 3 with noise 0.1: a line leaves (0.1 / 3)^2 of the variance, about 0.001.
    assert scores["linear"]["r2"] > 0.98


def test_scores_are_in_the_unit_of_the_target():
    # Errors 0, 0, 2 in units of 1e200: RMSE sqrt(4/3), MAE 2/3, R2 = 1 - 4/2.
    true, predicted = np.array([1.0, 2.0, 3.0]) * 1e200, np.array([1.0, 2.0, 5.0]) * 1e200
    scores = Regression(RegressionTarget(0.0, 1.0)).scores(true, predicted)
    assert scores["rmse"] / 1e200 == pytest.approx((4 / 3) ** 0.5)
    assert scores["mae"] / 1e200 == pytest.approx(2 / 3)
    assert scores["r2"] == pytest.approx(-1.0)


def test_a_model_cannot_ask_for_more_than_its_file_holds(tmp_path: Path):
    document, weights = read_model_file(GOLDEN)
    for layer in document["network"]["layers"]:
        if layer["kind"] == "Dense":
            layer["width"] = 16384
    document["network"]["layers"][-1:] = document["network"]["layers"][-1:] * 6
    write_model_file(tmp_path / "m.quickprop", document, weights)
    tracemalloc.start()
    with pytest.raises(ModelFileError):
        quickprop.load(tmp_path / "m.quickprop")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**24  # The weights that it asks for would be 5 GiB.
