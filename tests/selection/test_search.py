"""The search from end to end: a model of a table, its leaderboard, its time, the same bits."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import polars as pl
import pytest

import quickprop
from quickprop.errors import SettingError
from quickprop.selection import search as search_file


def bent(rows: int = 400, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    x, y = random.uniform(-2, 2, (2, rows))
    kind = random.choice(["a", "b"], rows)
    target = np.sin(2 * x) * y + (kind == "a") + 0.1 * random.normal(size=rows)
    return pl.DataFrame({"x": x, "y": y, "kind": kind, "target": target})


def straight(rows: int = 300, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 3))
    target = x @ [1.0, -2.0, 0.5] + random.normal(size=rows)
    return pl.DataFrame({f"x{k}": x[:, k] for k in range(3)} | {"target": target})


@pytest.fixture(scope="module")
def model() -> quickprop.TableModel:
    return quickprop.fit(bent(), "target", fits=10)


def test_it_beats_the_line_where_the_truth_is_bent(model: quickprop.TableModel):
    scores = model.report.scores
    assert scores["network"]["r2"] > 0.9
    assert scores["linear"]["r2"] < 0.5
    assert model.report.verdict.startswith("Worth having: better than the linear model out of fold")
    assert not model.is_linear


def test_scores_out_of_fold_are_those_of_new_rows(model: quickprop.TableModel):
    new = bent(4000, seed=9)
    assert abs(model.evaluate(new)["r2"] - model.report.scores["network"]["r2"]) < 0.03


def test_the_leaderboard_is_in_order(model: quickprop.TableModel):
    board = model.leaderboard
    assert [one.loss for one in board] == sorted(one.loss for one in board)
    assert {one.name for one in board} >= {"ensemble", "best single network", "linear", "dummy"}
    (kept,) = (one for one in board if one.kept)
    assert kept.name == "ensemble"
    assert kept.networks > 1
    assert kept.parameters == model.network.parameter_count
    assert all(one.error > 0.0 for one in board)


def test_a_file_holds_the_ensemble(model: quickprop.TableModel, tmp_path):
    path = tmp_path / "bent.quickprop"
    model.save(path)
    again = quickprop.load(path)
    np.testing.assert_array_equal(again.predict(bent(seed=5)), model.predict(bent(seed=5)))
    assert again.leaderboard == model.leaderboard
    assert again.linear.is_linear


def test_nothing_is_predicted_that_was_never_seen(model: quickprop.TableModel):
    far = bent().with_columns(pl.col("x") * 1e6)
    said = model.predict(far)
    seen = bent()["target"]
    assert said.min() >= seen.min() - 1e-4
    assert said.max() <= seen.max() + 1e-4


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_fits_give_the_same_bits(model: quickprop.TableModel, threads: int):
    again = quickprop.fit(bent(), "target", fits=10, threads=threads)
    np.testing.assert_array_equal(again.predict(bent()), model.predict(bent()))
    assert again.report.scores == model.report.scores


def test_where_the_line_is_as_good_it_is_the_model():
    model = quickprop.fit(straight(), "target", fits=5)
    assert model.is_linear
    assert "The model is the linear one" in model.report.verdict
    accurate = quickprop.fit(straight(), "target", fits=5, prefer="accurate")
    assert not accurate.is_linear


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_called_noise(seed: int):
    random = np.random.default_rng(seed)
    table = {f"x{k}": random.normal(size=200) for k in range(5)}
    table["label"] = random.choice(["p", "q"], 200).tolist()
    model = quickprop.fit(table, "label", fits=30)
    assert model.report.verdict.startswith("Not worth having")
    board = {one.name: one for one in model.leaderboard}
    assert board["ensemble"].loss > board["dummy"].loss - 2.0 * board["ensemble"].error


def test_classes_have_probabilities():
    table = (
        bent()
        .with_columns(
            label=pl.when(pl.col("target") > 0.5).then(pl.lit("high")).otherwise(pl.lit("low"))
        )
        .drop("target")
    )
    model = quickprop.fit(table, "label", fits=5)
    said = model.predict_proba(table)
    assert said.shape == (400, 2)
    np.testing.assert_allclose(said.sum(axis=1), 1.0, rtol=1e-5)
    assert model.report.scores["network"]["auc"] > 0.9


def test_a_part_set_aside_is_never_learned_from():
    model = quickprop.fit(bent(), "target", fits=5, test=0.25)
    assert model.report.rows["test"] == 100
    assert model.report.judged == "on the test part"
    assert model.report.scores["network"]["r2"] > 0.8


def test_a_group_is_in_one_fold():
    random = np.random.default_rng(0)
    person = np.repeat(np.arange(40), 10)
    own = random.normal(size=40)[person]
    table = {
        "person": [f"p{k}" for k in person],
        "x": (own + 0.01 * random.normal(size=400)).tolist(),
        "target": random.permutation(random.normal(size=40))[person].tolist(),
    }
    model = quickprop.fit(table, "target", fits=5, group="person")
    assert model.report.split == "by group, 'person'"
    assert model.report.scores["network"]["r2"] < 0.3


@pytest.mark.parametrize("budget", [1.6, 3.0])
def test_the_budget_is_kept(budget: float):
    table = bent(5000)
    quickprop.fit(table, "target", budget=budget)  # Its code is remembered.
    begun = time.perf_counter()
    model = quickprop.fit(table, "target", budget=budget)
    # Generous for a busy machine.
    assert time.perf_counter() - begun < budget + 0.7
    assert model.leaderboard


def test_an_interrupt_gives_back_what_was_found(monkeypatch: pytest.MonkeyPatch):
    waves = []
    plain = search_file.Search._train

    def pressed_in_the_second(self, wave):
        waves.append(len(wave))
        if len(waves) == 2:
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        return plain(self, wave)

    monkeypatch.setattr(search_file.Search, "_train", pressed_in_the_second)
    model = quickprop.fit(bent(3000), "target", budget=60.0)
    assert model.report.stopped == "interrupted"
    assert model.leaderboard
    assert len(waves) == 2


def test_without_time_for_a_network_the_line_is_the_model(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(search_file.Search, "run", lambda self: None)
    model = quickprop.fit(straight(), "target", budget=5.0)
    assert model.is_linear
    assert "no time for a network" in model.report.verdict
    assert model.report.scores["network"]["r2"] > 0.7
    assert len(model.predict(straight())) == 300


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"folds": 1}, "folds"),
        ({"folds": 5.5}, "folds"),
        ({"fits": 0}, "fits"),
        ({"prefer": "best"}, "prefer"),
        ({"fits": 5, "hidden": [4]}, "one network was asked for"),
        ({"folds": 3, "epochs": 4}, "one network was asked for"),
    ],
)
def test_wrong_settings_are_refused(settings: dict, words: str):
    with pytest.raises(SettingError, match=words):
        quickprop.fit(bent(50), "target", **settings)


def kinds_of_columns() -> dict[str, dict[str, list]]:
    random = np.random.default_rng(0)
    few = random.choice(["a", "b", "c"], 120).tolist()
    many = [f"k{k}" for k in random.integers(0, 25, 120)]
    number = random.normal(size=120).tolist()
    gaps = [None if k % 7 == 0 else v for k, v in enumerate(number)]
    days = [f"2024-{1 + k % 12:02d}-{1 + k % 28:02d}" for k in random.integers(0, 400, 120)]
    return {
        "few": {"c": few}, "many": {"c": many}, "number": {"c": number}, "gaps": {"c": gaps},
        "days": {"c": days}, "few and many": {"c": few, "d": many},
        "all": {"a": few, "b": many, "c": number, "d": gaps, "e": days},
    }  # fmt: skip


@pytest.mark.parametrize("kind", kinds_of_columns())
@pytest.mark.parametrize("target", ["number", "class"])
def test_any_kind_of_columns(kind: str, target: str):
    random = np.random.default_rng(1)
    truth = random.normal(size=120).tolist()
    if target == "class":
        truth = ["p" if value > 0.0 else "q" for value in truth]
    table = kinds_of_columns()[kind] | {"target": truth}
    # Every recipe of the portfolio, and the first with another seed.
    model = quickprop.fit(table, "target", fits=14, folds=2, prefer="accurate")
    assert len(model.predict(table)) == 120


@pytest.mark.parametrize("rows", [8, 12, 20])
def test_few_rows(rows: int):
    model = quickprop.fit(bent(rows), "target", fits=5)
    assert len(model.predict(bent(rows))) == rows
