"""Weights of an ensemble: chosen on rows new to its members, judged on others; one network."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickprop import Dense, MeanProbability, Network, WeightedMean
from quickprop.data import ClassTarget, RegressionTarget
from quickprop.errors import SettingError
from quickprop.models.calibration import Bounds, Temperature
from quickprop.models.tasks import TASKS
from quickprop.nn import joined
from quickprop.selection.blend import fit_blend, nested_choice, nested_predictions

NUMBERS = TASKS["regression"].of(RegressionTarget(0.0, 1.0))
CLASSES = TASKS["classification"].of(ClassTarget(("a", "b", "c")))


def probabilities(random: np.random.Generator, rows: int, truth: np.ndarray, sure: float):
    logits = random.normal(size=(rows, 3))
    logits[np.arange(rows), truth] += sure
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


@given(seed=st.integers(0, 10_000), rows=st.integers(30, 1500), members=st.integers(1, 6))
@settings(deadline=None, max_examples=40)
def test_weights_add_up_and_lose_to_no_member(seed: int, rows: int, members: int):
    random = np.random.default_rng(seed)
    truth = random.normal(size=rows)
    predicted = [
        truth + random.normal(scale=random.uniform(0.2, 2), size=rows) for _ in range(members)
    ]
    blend = fit_blend(NUMBERS, truth, predicted, np.arange(members))
    assert blend.weights.min() >= 0.0
    assert abs(blend.weights.sum() - 1.0) < 1e-9
    if rows >= 1000:
        mine = NUMBERS.row_losses(truth, blend.apply(predicted)).mean()
        best = min(NUMBERS.row_losses(truth, one).mean() for one in predicted)
        assert mine <= best * (1.0 + 1e-9)


def test_what_is_scored_was_not_chosen_by():
    """Many members of pure noise: the best of them looks good, and what is nested does not."""
    random = np.random.default_rng(0)
    rows = 300
    truth = random.integers(0, 3, rows)
    members = [probabilities(random, rows, random.integers(0, 3, rows), 0.5) for _ in range(200)]
    blocks, bags = np.arange(rows) % 5, np.arange(200)
    even = np.log(3.0)
    chosen = fit_blend(CLASSES, truth, members, bags).apply(members)
    nested = nested_predictions(CLASSES, truth, members, bags, blocks)
    single = nested_choice(CLASSES, truth, members, blocks)
    losses = CLASSES.row_losses(truth, nested)
    assert CLASSES.row_losses(truth, chosen).mean() < even
    assert losses.mean() > even - 2.0 * losses.std() / np.sqrt(rows)
    assert CLASSES.row_losses(truth, single).mean() > even


@given(seed=st.integers(0, 1000), factor=st.floats(0.4, 2.5))
@settings(deadline=None, max_examples=25)
def test_temperature_finds_how_sure_to_be(seed: int, factor: float):
    random = np.random.default_rng(seed)
    rows = 4000
    logits = random.normal(size=(rows, 3)) * 1.5
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (random.random((rows, 1)) > np.cumsum(true, axis=1)).sum(axis=1).clip(0, 2)
    said = true ** (1.0 / factor)
    said /= said.sum(axis=1, keepdims=True)
    found = Temperature.fit(truth, said)
    assert abs(np.log(found.factor / factor)) < 0.15
    np.testing.assert_allclose(found.apply(said).sum(axis=1), 1.0)


def test_few_rows_tell_no_temperature():
    truth = np.zeros(20, int)
    assert Temperature.fit(truth, np.full((20, 3), 1 / 3)).factor == 1.0


def test_one_network_says_what_its_members_say_together():
    networks = [Network([Dense(5, activation="tanh"), Dense(3)], 4, seed=k) for k in range(4)]
    rows = np.random.default_rng(1).normal(size=(9, 4))
    weights = (0.1, 0.2, 0.3, 0.4)
    apart = [CLASSES.scored(network.predict(rows)) for network in networks]
    mean = sum(weight * one for weight, one in zip(weights, apart, strict=True))
    calibration = Temperature(0.7, 0.05)
    whole = joined(networks, calibration.layer(weights))
    np.testing.assert_allclose(
        CLASSES.scored(whole.predict(rows)), calibration.apply(mean), rtol=1e-5, atol=1e-6
    )
    again = Network.from_document(whole.to_document(), whole.weights())
    np.testing.assert_array_equal(again.predict(rows), whole.predict(rows))


def test_one_network_of_numbers_keeps_its_bounds():
    networks = [Network([Dense(1)], 2, seed=k) for k in range(2)]
    rows = np.random.default_rng(1).normal(size=(50, 2)) * 10
    task = TASKS["regression"].of(RegressionTarget(5.0, 2.0))
    bounds = Bounds(4.0, 6.0, 5.0, 2.0)
    whole = joined(networks, bounds.layer((0.5, 0.5)))
    mean = sum(task.scored(network.predict(rows)) for network in networks) / 2
    np.testing.assert_allclose(task.scored(whole.predict(rows)), bounds.apply(mean), rtol=1e-5)


@pytest.mark.parametrize("kind", [WeightedMean, MeanProbability])
def test_weights_that_do_not_add_up_are_refused(kind: type):
    with pytest.raises(SettingError, match="add up to 1"):
        kind((0.5, 0.6))


def test_networks_that_do_not_fit_together_are_refused():
    with pytest.raises(SettingError, match="no networks"):
        joined([], WeightedMean((1.0,)))
    one, other = Network([Dense(1)], 2), Network([Dense(1)], 3)
    with pytest.raises(SettingError, match="different shapes"):
        joined([one, other], WeightedMean((0.5, 0.5)))
