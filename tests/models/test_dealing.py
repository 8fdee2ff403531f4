"""Copies, groups and time: a test part that is as new rows will be, and words that say so."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import quickprop
from quickprop.data import split_ahead, split_rows
from quickprop.errors import DataError, SettingError
from quickprop.models import prepare


def random_table(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {f"x{k}": random.normal(size=rows) for k in range(4)}


def copied(once: dict[str, np.ndarray], times: int) -> dict[str, np.ndarray]:
    order = np.random.default_rng(1).permutation(len(once["x0"]) * times)
    return {name: np.repeat(cells, times)[order] for name, cells in once.items()}


def fitted(data: dict[str, np.ndarray], **settings_: object) -> quickprop.FitReport:
    return quickprop.fit(data, "y", hidden=[16], epochs=40, budget=None, **settings_).report


def labels(rows: int) -> np.ndarray:
    return np.where(np.random.default_rng(9).random(rows) < 0.5, "no", "yes")


# -- splits ---------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 12), min_size=12, max_size=80), st.integers(0, 99), st.booleans())
def test_a_group_is_in_one_part(codes: list[int], seed: int, by_class: bool):
    groups = np.array([*codes, 20, 21, 22])
    classes = (np.arange(len(groups)) % 2) if by_class else None
    split = split_rows(len(groups), seed=seed, groups=groups, classes=classes)
    parts = [set(groups[part]) for part in (split.train, split.validation, split.test)]
    assert all(parts)
    assert sum(map(len, parts)) == len(set(groups))
    every = np.concatenate([split.train, split.validation, split.test])
    assert sorted(every) == list(range(len(groups)))


def test_two_groups_are_too_few():
    with pytest.raises(DataError, match="too few groups"):
        split_rows(20, seed=0, groups=np.arange(20) % 2)


def test_the_last_are_tested():
    times = np.array([5.0, 1.0, 2.0, 3.0, 4.0, 6.0, 7.0, 8.0, 9.0, 10.0])
    split = split_ahead(times, test=0.2, validation=0.25)
    assert split.test.tolist() == [8, 9]
    assert split.validation.tolist() == [6, 7]
    # No moment is in two parts.
    split = split_ahead(np.repeat([1.0, 2.0, 3.0, 4.0], 5), test=0.1, validation=0.1)
    assert split.test.tolist() == list(range(15, 20))
    with pytest.raises(DataError, match="too few different times"):
        split_ahead(np.ones(20))


# -- what is found --------------------------------------------------------------------------------


@pytest.mark.parametrize("jitter", [0.0, 1e-7])
def test_copies_do_not_make_lots_predictable(jitter: float):
    data = copied(random_table(200) | {"y": labels(200)}, 4)
    for name in ("x0", "x1"):
        data[name] = data[name] + jitter * np.random.default_rng(3).normal(size=800)
    report = fitted(data)
    assert report.verdict.startswith("Not worth having: on the test part it cannot be told")
    assert any("rows are equal, or nearly" in note for note in report.notes)


def test_a_person_is_in_one_part_and_not_learned_from():
    data = random_table(60) | {"patient_id": np.arange(60) * 7 + 3, "y": labels(60)}
    data = copied(data, 8)
    data["x0"] = data["x0"] + 0.05 * np.random.default_rng(3).normal(size=480)
    prepared = prepare(data, "y")
    assert prepared.deal.way == "by group, 'patient_id'"
    assert "patient_id" not in prepared.preprocessor.column_names
    report = fitted(data)
    assert report.split == "by group, 'patient_id'"
    assert report.verdict.startswith("Not worth having: on the test part it cannot be told")
    assert prepare(data, "y", group="none").deal.way == "at random"


def test_shops_that_come_again_are_learned_from():
    random = np.random.default_rng(0)
    shops = np.repeat(np.arange(100), 6)
    y = random.normal(size=100)[shops] + 0.1 * random.normal(size=600)
    data = {"shop": np.array([f"s{k}" for k in shops]), "z": random.normal(size=600), "y": y}
    prepared = prepare(data, "y")
    assert prepared.deal.way == "at random"
    assert "shop" in prepared.preprocessor.column_names
    asked = prepare(data, "y", group="shop")
    assert not set(shops[asked.split.test]) & set(shops[asked.split.train])


def walk(rows: int) -> dict[str, object]:
    random = np.random.default_rng(0)
    first = datetime.date(2015, 1, 1)
    return {
        "day": [str(first + datetime.timedelta(days=k)) for k in range(rows)],
        "x0": random.normal(size=rows).cumsum(),
        "y": random.normal(size=rows).cumsum(),
    }


def test_a_walk_is_not_known_ahead():
    report = fitted(walk(600))
    assert report.scores["network"]["r2"] > 0.7
    assert report.verdict.startswith("Not worth having ahead in time")
    assert set(report.ahead) == {"network", "dummy"}
    assert any("--time day" in note for note in report.notes)
    asked = fitted(walk(600), time="day")
    assert asked.split == "ahead in time, by 'day'"
    assert asked.verdict.startswith("Not worth having")
    assert not asked.ahead


def test_dates_without_drift_are_dealt_at_random():
    data = walk(300) | {"y": np.random.default_rng(5).normal(size=300)}
    assert prepare(data, "y").deal.later is None


def test_one_column_that_tells_all_is_named():
    random = np.random.default_rng(0)
    kind = random.integers(0, 5, 400)
    data = random_table(400) | {
        "outcome": np.array(["won", "lost", "gone", "held", "back"])[kind],
        "y": np.where(kind == 0, "paid", "not"),
    }
    report = fitted(data)
    assert "'outcome' alone tells the target" in report.verdict
    assert any(note.startswith("outcome alone tells the target") for note in report.notes)
    data["y"] = labels(400)
    assert prepare(data, "y").alone == ()


def test_columns_that_cannot_serve():
    data = random_table(60) | {"y": labels(60)}
    with pytest.raises(SettingError, match="not both"):
        prepare(data, "y", group="x0", time="x1")
    with pytest.raises(DataError, match="no column 'x9'"):
        prepare(data, "y", group="x9")
    with pytest.raises(SettingError, match="that is the target"):
        prepare(data, "y", time="y")
    with pytest.raises(DataError, match="holds no times"):
        prepare(data | {"word": np.array(["a", "b"] * 30)}, "y", time="word")


@pytest.mark.slow
@pytest.mark.parametrize("trap", ["plain", "copies", "person", "walk"])
def test_lots_tell_nothing(trap: str):
    claimed = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        data: dict[str, object] = dict(random_table(400, seed)) | {"y": random.normal(size=400)}
        if trap in ("copies", "person"):
            few = {name: np.asarray(cells)[:100] for name, cells in data.items()}
            data = dict(copied(few | {"person": np.arange(100)} if trap == "person" else few, 4))
        if trap == "walk":
            data = dict(walk(400)) | {
                "x0": random.normal(size=400).cumsum(), "y": random.normal(size=400).cumsum()
            }  # fmt: skip
        claimed += not fitted(data, seed=seed).verdict.startswith("Not worth having")  # type: ignore[arg-type]
    assert claimed <= 1
