"""What is reported is what is kept, and nothing that the fit has come by is better by its count."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quickprop.losses import MeanSquaredError
from quickprop.nn import Activation, Dense, Network
from quickprop.optim import LBFGS, OPTIMIZERS, SGD, Adam, LevenbergMarquardt, Optimizer
from quickprop.train import Callback, ExponentialAverage, fit

RULES = {name: kind for name, kind in OPTIMIZERS.items() if issubclass(kind, Optimizer)}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 3))
Y = X[:, :1] * 3 + np.sin(X[:, 1:2]) + 10


def made(seed=0):
    return Network([Dense(4), Activation("tanh"), Dense(1)], 3, dtype="float64", seed=seed)


def loss_of(network, x=X, y=Y):
    return float(np.mean((network.predict(x) - y) ** 2))


@settings(max_examples=40, deadline=None)
@example("Quickprop", 10.0, 48, 4, False, True)
@given(
    st.sampled_from(sorted(RULES)),
    st.floats(-3, 1).map(lambda power: 10.0**power),
    st.sampled_from([1, 7, 16, 47, 48]),
    st.integers(1, 12),
    st.booleans(),
    st.booleans(),
)
def test_the_reported_loss_is_that_of_the_kept_weights(
    name, rate, batch_size, epochs, validated, averaged
):
    network = made()
    start = loss_of(network, X[:20], Y[:20]) if validated else loss_of(network)
    history = fit(
        network,
        X,
        Y,
        loss=MeanSquaredError(),
        optimizer=RULES[name](learning_rate=rate),
        batch_size=batch_size,
        epochs=epochs,
        averaging=ExponentialAverage(0.5) if averaged else None,
        validation=(X[:20], Y[:20]) if validated else None,
        backend="reference",
    )
    kept = loss_of(network, X[:20], Y[:20]) if validated else loss_of(network)
    assert history.best_loss == pytest.approx(kept, rel=1e-12)
    assert kept <= start * (1 + 1e-12)


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize("method", [LBFGS(), LevenbergMarquardt()])
@pytest.mark.parametrize("validated", [False, True])
def test_so_it_is_of_full_batch_methods(method, validated, backend):
    network = made()
    part = (X[:20], Y[:20])
    settings = {"loss": MeanSquaredError(), "optimizer": method, "backend": backend, "epochs": 7}
    history = fit(network, X, Y, validation=part if validated else None, **settings)
    assert history.best_loss == pytest.approx(loss_of(network, *(part if validated else (X, Y))))


def test_a_step_that_goes_up_is_not_kept():
    network = made()
    before, start = network.weights(), loss_of(network)
    history = fit(
        network, X, Y, loss=MeanSquaredError(), optimizer=SGD(1.5), batch_size=48, epochs=1
    )
    assert history.best_epoch == 0
    assert history.best is None
    assert history.best_loss == pytest.approx(start, rel=1e-12)
    assert all((network.weights()[name] == before[name]).all() for name in before)
    assert "the starting weights kept with loss" in repr(history)


class Weights(Callback):
    def __init__(self, network):
        self.network, self.losses = network, [loss_of(network)]

    def on_epoch(self, record, progress):
        self.losses.append(loss_of(self.network))


def test_of_epochs_of_one_step_the_best_of_all_is_kept():
    network = made()
    watch = Weights(network)
    settings = {"loss": MeanSquaredError(), "batch_size": 48, "epochs": 30, "callbacks": [watch]}
    # So large a rate that the loss goes up and down.
    history = fit(network, X, Y, optimizer=Adam(2.0), **settings)
    assert history.best_epoch == int(np.argmin(watch.losses))
    assert 0 < history.best_epoch < 30
    assert history.best_loss == pytest.approx(min(watch.losses), rel=1e-12)
    assert loss_of(network) == pytest.approx(min(watch.losses), rel=1e-12)


def test_with_many_rows_the_loss_is_measured_by_native_code():
    rows = RNG.normal(size=(70_000, 3)).astype(np.float32)
    target = rows[:, :1] * 2
    network = Network([Dense(60), Activation("tanh"), Dense(1)], 3)
    history = fit(network, rows, target, loss=MeanSquaredError(), epochs=2, backend="native")
    assert history.best_epoch == 2
    assert history.best_loss == pytest.approx(loss_of(network, rows, target), rel=1e-5)
