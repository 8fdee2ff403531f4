"""A table is made ready once; networks are trained on it as often as wanted, in threads too."""

from __future__ import annotations

import copy
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from make_golden import table
from sklearn.linear_model import LogisticRegression, Ridge

import quickprop
from quickprop.data import column_choice
from quickprop.errors import ModelFileError, SettingError
from quickprop.foundation.settings import from_document
from quickprop.models import Prepared, Recipe, prepare, train_model
from quickprop.models.inputs import network_inputs
from quickprop.models.recipe import linear_recipe


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepare(table(), "label", seed=5)


RECIPE = Recipe(hidden=(4,), epochs=3)


def same(one: quickprop.Network, other: quickprop.Network) -> bool:
    weights = other.weights()
    return all((array == weights[name]).all() for name, array in one.weights().items())


def test_many_networks_of_one_preparation(prepared: Prepared):
    before = copy.deepcopy(prepared.matrices), prepared.encoded.copy()
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda seed: train_model(prepared, RECIPE, seed=seed), range(12)))
    for seed in (0, 7):
        assert same(made[seed].network, train_model(prepared, RECIPE, seed=seed).network)
    assert not same(made[0].network, made[1].network)
    assert (prepared.matrices.numeric == before[0].numeric).all()
    assert (prepared.matrices.categories == before[0].categories).all()
    assert (prepared.encoded == before[1]).all()


def test_rows_may_be_chosen(prepared: Prepared):
    every = np.concatenate([prepared.split.train, prepared.split.validation])
    fold = train_model(prepared, RECIPE, rows=every[10:], validation=every[:10])
    assert fold.history.epochs[0].validation_loss is not None
    whole = train_model(prepared, replace(RECIPE, patience=None), rows=every)
    assert whole.history.epochs[0].validation_loss is None


def test_fit_is_these_steps(prepared: Prepared):
    model = quickprop.fit(table(), "label", hidden=[4], epochs=3, budget=None, seed=5)
    steps = train_model(
        prepared, replace(quickprop.models.recipe.usual_recipe(40), hidden=(4,), epochs=3), seed=5
    )
    assert model.preprocessor == prepared.preprocessor
    assert same(model.network, steps.network)


def test_a_recipe_is_data():
    recipe = linear_recipe(0.01)
    assert from_document(recipe.to_document(), {"Recipe": Recipe}, "recipe") == recipe
    with pytest.raises(SettingError, match=r"Recipe.dropout"):
        Recipe(hidden=(4,), dropout=1.5)
    with pytest.raises(ModelFileError):
        from_document({**recipe.to_document(), "hidden": [0]}, {"Recipe": Recipe}, "recipe")


def test_a_column_is_read_once(monkeypatch: pytest.MonkeyPatch):
    counted: list[str] = []
    for name in ("number_cells", "level_cells"):
        read = getattr(column_choice, name)

        def counting(series, *rest, read=read):
            counted.append(series.name)
            return read(series, *rest)

        monkeypatch.setattr(column_choice, name, counting)
        monkeypatch.setattr(
            f"quickprop.data.{'numeric' if name[0] == 'n' else 'level'}_column"
            f"{'' if name[0] == 'n' else 's'}.{name}",
            counting,
        )
    prepare(table(), "label")
    # A column of text is looked at as levels before its dates are read.
    assert sorted(counted) == ["colour", "size", "town"]


# -- the linear model -----------------------------------------------------------------------------


def numbers(rows: int = 300) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 3))
    town = random.integers(0, 14, rows)
    y = x @ [1.0, -2.0, 0.5] + np.linspace(-2, 2, 14)[town] + 0.3 * random.normal(size=rows)
    return {
        "a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "town": np.array([f"t{k}" for k in town]), "y": y,
        "kind": np.where(y > 0, "up", "down"),
        "grade": np.array(["low", "mid", "high"])[np.digitize(y, [-1.0, 1.0])],
    }  # fmt: skip


def design(prepared: Prepared, rows: np.ndarray) -> np.ndarray:
    """Features, and a 0/1 column for every code of every embedded column."""
    part = prepared.matrices.take(rows)
    hot = [
        np.eye(count)[codes]
        for codes, count in zip(
            part.categories.T, prepared.preprocessor.category_levels, strict=True
        )
    ]
    return np.hstack([part.numeric, *hot])


@pytest.mark.parametrize("target", ["y", "kind", "grade"])
@pytest.mark.parametrize("with_town", [False, True])
def test_it_is_the_lowest_loss_that_scikit_learn_finds(target: str, with_town: bool):
    columns = {"a", "b", "c", target} | ({"town"} if with_town else set())
    data = {name: cells for name, cells in numbers().items() if name in columns}
    prepared = prepare(data, target)
    assert len(prepared.preprocessor.category_names) == with_town
    task, train, test = prepared.task, prepared.split.train, prepared.split.test
    linear = train_model(prepared, linear_recipe(task.linear_penalty(len(train))))
    inputs = network_inputs(linear.network, prepared.matrices.take(test))
    ours = task.scored(linear.network.predict(*inputs))
    if task.classes is None:
        theirs = Ridge(alpha=1.0, tol=1e-10).fit(design(prepared, train), prepared.encoded[train])
        expected = task.decode(theirs.predict(design(prepared, test)))
    else:
        theirs = LogisticRegression(tol=1e-8, max_iter=2000)
        theirs.fit(design(prepared, train), prepared.encoded[train])
        expected = theirs.predict_proba(design(prepared, test))
    assert ours == pytest.approx(expected, abs=0.01)
    assert "epochs were run" not in linear.history.stopped


def test_it_is_least_squares_of_plain_columns_where_that_is_better(tmp_path):
    random = np.random.default_rng(0)
    income = random.lognormal(10, 1, 400)
    twin = income + random.normal(0, 1.0, 400)
    data = {"income": income, "twin": twin, "tax": 0.3 * income + 50.0 * (twin - income)}
    model = quickprop.fit(data, "tax", epochs=20, budget=None)
    assert model.report.scores["linear"]["r2"] > 0.9999
    assert "Worth having" not in model.report.verdict
    # The penalty of the network's features cannot tell the twins apart.
    assert model.linear.preprocessor != model.preprocessor
    model.save(tmp_path / "m.quickprop")
    again = quickprop.load(tmp_path / "m.quickprop").linear
    assert (again.predict(data) == model.linear.predict(data)).all()


def test_it_can_be_had(tmp_path):
    data = {name: cells for name, cells in numbers().items() if name not in ("kind", "grade")}
    model = quickprop.fit(data, "y", epochs=2, budget=None)
    alone = quickprop.fit(data, "y", hidden=[], budget=None)
    assert alone.is_linear
    assert alone.linear is alone
    assert not model.is_linear
    assert (alone.predict(data) == model.linear.predict(data)).all()
    assert alone.report.scores["network"] == model.report.scores["linear"]
    assert "This is the linear model" in alone.report.verdict
    assert model.linear.report.scores["network"] == model.report.scores["linear"]
    for one in (model, alone):
        one.save(tmp_path / "m.quickprop")
        again = quickprop.load(tmp_path / "m.quickprop")
        assert (again.predict(data) == one.predict(data)).all()
        assert (again.linear.predict(data) == one.linear.predict(data)).all()
        assert again.report == one.report
    without = quickprop.fit(data, "y", epochs=2, budget=None, test=0.0)
    with pytest.raises(SettingError, match=r"no linear model was fitted.*hidden=\[\]"):
        without.linear  # noqa: B018


def test_a_fit_keeps_its_budget():
    random = np.random.default_rng(0)
    data = {f"x{k}": random.normal(size=20_000) for k in range(8)}
    data["y"] = sum(data.values()) + random.normal(size=20_000)
    quickprop.fit(data, "y", budget=2.0)  # Its code is remembered.
    begun = time.perf_counter()
    model = quickprop.fit(data, "y", budget=1.0)
    # Generous for a busy machine: without a budget this takes a minute.
    assert time.perf_counter() - begun < 3.0
    assert model.report.seconds["training"] < 1.0


def test_a_budget_too_short_for_a_step_says_what_took_it():
    random = np.random.default_rng(0)
    data = {f"x{k}": random.normal(size=50_000) for k in range(8)} | {
        "y": random.normal(size=50_000)
    }
    model = quickprop.fit(data, "y", budget=0.001)
    assert "the budget of 0.001 s was used up before the first step: preparing took" in (
        model.report.stopped
    )


# -- names ----------------------------------------------------------------------------------------


def test_a_network_of_a_table_knows_its_names():
    data = {name: cells for name, cells in numbers().items() if name not in ("y", "grade")}
    model = quickprop.fit(data, "kind", hidden=[3], epochs=2, budget=None)
    shown = str(model.trace({"a": 1.0, "b": 0.0, "c": 0.5, "town": "t3"}))
    for name in ("a", "b", "c", "town", "t3", "up", "down"):
        assert name in shown
    assert "a" in model.diagram().svg
    assert model.network.input_names == ("a", "b", "c")
    with_target = model.trace({name: cells[:2] for name, cells in data.items()})
    assert "loss" in str(with_target).lower()
    price = quickprop.fit({"a": data["a"], "price": data["b"]}, "price", epochs=1, budget=None)
    mean, scale = price.target.codec.mean, price.target.codec.scale
    assert f"(price - {mean:.4g}) / {scale:.4g}" in str(price.trace({"a": 1.0}))


# -- what it costs to begin -----------------------------------------------------------------------

NOT_FOR_TABLES = (
    "joblib", "matplotlib", "pandas", "pyarrow", "rich", "scipy", "sklearn", "typer",
)  # fmt: skip
FITTING = """
import sys
import quickprop
from quickprop.data import sample_path

model = quickprop.fit(sample_path("iris"), "species", epochs=2, hidden=[2], budget=None)
assert model.report.scores["linear"]["accuracy"] > 0.8
print([name for name in sys.argv[1:] if name in sys.modules])
"""


def test_a_fit_loads_no_package_that_it_does_not_need():
    done = subprocess.run(
        [sys.executable, "-c", FITTING, *NOT_FOR_TABLES], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
