"""Factors of the learning rate, and decay of weights by a schedule."""

import numpy as np
import pytest

from quickprop import SGD, Adam, Dense, FlatCosine, MeanSquaredError, Network, Scale
from quickprop.errors import SettingError
from quickprop.optim import LBFGS, OPTIMIZERS, ReduceOnPlateau
from quickprop.train import Callback, fit

X = np.array([[1.0, 2.0], [-1.0, 0.5], [0.5, -2.0]])
Y = np.array([[1.0], [0.0], [2.0]])


class Looks(Callback):
    """The weights after every epoch."""

    def __init__(self, network):
        self.network, self.seen = network, []

    def on_epoch(self, record, progress):
        self.seen.append(self.network.weights())


def changes(optimizer, steps=1, **settings):
    """By how much each parameter changed."""
    network = Network([Scale(), Dense(1)], 2, dtype="float64")
    before = network.weights()
    look = Looks(network)
    fit(
        network, X, Y, loss=MeanSquaredError(), optimizer=optimizer, batch_size=3, epochs=steps,
        patience=None, callbacks=[look], **settings,
    )  # fmt: skip
    return {name: look.seen[-1][name] - value for name, value in before.items()}, before


@pytest.mark.parametrize("kind", OPTIMIZERS.values())
def test_changes_of_the_first_step_are_those_times_the_factor(kind):
    plain, _ = changes(kind(0.01))
    factors = {"Scale": 6.0, "bias": 0.1, "dense1.weight": 0.5}
    found, _ = changes(kind(0.01), rate_factors=factors)
    by_parameter = {"scale1.weight": 6.0, "dense1.weight": 0.5, "dense1.bias": 0.1}
    for name, factor in by_parameter.items():
        np.testing.assert_allclose(found[name], plain[name] * factor, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("steps", [1, 4])
def test_a_factor_is_another_rate(steps):
    every = {"scale1": 3.0, "dense1": 3.0}
    found, _ = changes(Adam(0.01), steps, rate_factors=every)
    expected, _ = changes(Adam(0.03), steps)
    for name, change in expected.items():
        np.testing.assert_allclose(found[name], change, rtol=1e-9)


def test_a_factor_of_zero_holds_a_layer_still():
    found, _ = changes(SGD(0.1), 3, rate_factors={"Dense": 0})
    assert not found["dense1.weight"].any()
    assert found["scale1.weight"].all()


def test_decay_goes_with_the_rate_and_has_the_factor_once():
    rate, decay = 0.01, 0.5
    plain, before = changes(SGD(rate))
    found, _ = changes(SGD(rate), weight_decay=decay, rate_factors={"Scale": 6.0})
    shrunk = rate * decay
    name = "scale1.weight"
    np.testing.assert_allclose(found[name], 6.0 * (plain[name] - shrunk * before[name]))
    name = "dense1.weight"
    np.testing.assert_allclose(found[name], plain[name] - shrunk * before[name])
    np.testing.assert_allclose(found["dense1.bias"], plain["dense1.bias"])


def test_decay_by_a_schedule():
    # Without a gradient only decay is left: of 4 steps two at the full strength, then
    # (1 + cos(pi t)) / 2 of it at t = 0 and 1/2.
    network = Network([Dense(1, bias=False)], 1, dtype="float64")
    start = network.weights()["dense1.weight"]
    look = Looks(network)
    fit(
        network, np.zeros((2, 1)), np.ones((2, 1)), loss=MeanSquaredError(), optimizer=SGD(0.1),
        batch_size=2, epochs=4, weight_decay=0.5, decay_schedule=FlatCosine(),
        callbacks=[look],
    )  # fmt: skip
    seen = [weights["dense1.weight"] / start for weights in look.seen]
    np.testing.assert_allclose(
        np.ravel(seen), [0.95, 0.95**2, 0.95**3, 0.95**3 * 0.975], rtol=1e-12
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate_factors": {"Scales": 6}}, "fit.rate_factors: no parameter.*Did you mean 'Scale'"),
        ({"rate_factors": {"Scale": -1}}, "fit.rate_factors"),
        ({"rate_factors": 6}, "fit.rate_factors"),
        ({"weight_decay": -1.0}, "fit.weight_decay"),
        ({"decay_schedule": ReduceOnPlateau()}, "fit.decay_schedule: .*for the learning rate"),
        ({"decay_schedule": "flat_coz"}, "fit.decay_schedule: a setting outside"),
    ],
)
def test_what_is_not_allowed(settings, message):
    with pytest.raises(SettingError, match=message):
        changes(SGD(0.1), **settings)


def test_full_batch_methods_know_no_factors():
    with pytest.raises(SettingError, match=r"fit\.rate_factors"):
        changes(LBFGS(), rate_factors={"bias": 0.1})
