"""Every optimizer, schedule and regulariser in a fit: learning, and resuming to the same bits."""

import numpy as np
import pytest

from quickprop.losses import CrossEntropy, MeanSquaredError
from quickprop.nn import (
    Activation,
    Dense,
    Dropout,
    Network,
)
from quickprop.optim import (
    OPTIMIZERS,
    SCHEDULES,
    SGD,
    Adam,
    Cosine,
    Optimizer,
    ReduceOnPlateau,
    WarmUp,
    WithinBudget,
)
from quickprop.train import Callback, ExponentialAverage, StochasticWeightAverage, fit

BACKENDS = ("reference", "native")

#: Rates for the small problem, where the default of the kind is made for long fits.
RATES = {"Adadelta": 10.0, "Adagrad": 0.3, "SGD": 0.3, "Lion": 0.01, "Quickprop": 0.2}

#: Update rules for mini-batches and full batches. Others of the registry run a fit of their own.
RULES = [name for name, kind in OPTIMIZERS.items() if issubclass(kind, Optimizer)]


class Interrupt(Callback):
    """Ends a fit in an epoch, after so much of it."""

    def __init__(self, epoch, fraction):
        self.epoch, self.fraction = epoch, fraction

    def on_slice(self, progress):
        if progress.epoch == self.epoch and progress.fraction >= self.fraction:
            raise KeyboardInterrupt


def run(ring, backend, dtype="float32", **settings):
    (x, y), held_out = ring
    network = Network([Dense(6), Activation("tanh"), Dropout(0.1), Dense(2)], 2, dtype=dtype)
    settings = {"batch_size": 50, "epochs": 8, "patience": None, **settings}
    history = fit(
        network, x, y, loss=CrossEntropy(), validation=held_out, backend=backend, seed=5,
        checkpoint_seconds=0, **settings,
    )  # fmt: skip
    return network, history


def assert_resumes(ring, tmp_path, backend, dtype="float32", **settings):
    path = tmp_path / "fit.checkpoint"
    network, history = run(ring, backend, dtype, **settings)
    broken = run(ring, backend, dtype, checkpoint=path, callbacks=[Interrupt(4, 0.5)], **settings)
    assert "interrupted" in broken[1].stopped
    twin, again = run(ring, backend, dtype, checkpoint=path, resume=True, **settings)
    weights = twin.weights()
    assert all((array == weights[name]).all() for name, array in network.weights().items())
    assert history.best_epoch == again.best_epoch
    for one, other in zip(history.epochs, again.epochs, strict=True):
        assert one.validation_loss == other.validation_loss
        assert (one.train_loss, one.learning_rate) == (other.train_loss, other.learning_rate)
    return history


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", RULES)
class TestOptimizerContract:
    """What every update rule must do within a fit."""

    def test_resumes_to_the_same_bits(self, kind, backend, ring, tmp_path):
        optimizer = OPTIMIZERS[kind](learning_rate=RATES.get(kind, 0.02))
        assert_resumes(ring, tmp_path, backend, optimizer=optimizer)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_the_loss_goes_down(self, kind, backend, dtype, ring):
        (x, y), _ = ring
        network = Network([Dense(6), Activation("tanh"), Dense(2)], 2, dtype=dtype)
        optimizer = OPTIMIZERS[kind](learning_rate=RATES.get(kind, 0.02))
        history = fit(
            network, x, y, loss=CrossEntropy(), optimizer=optimizer, batch_size=200, epochs=60,
            backend=backend,
        )  # fmt: skip
        assert history.best_loss < 0.75 * history.epochs[0].train_loss

    def test_another_rate_is_another_fit(self, kind, backend, ring):
        slow, fast = (
            run(ring, backend, optimizer=OPTIMIZERS[kind](learning_rate=rate), epochs=1)[0]
            for rate in (1e-3, 2e-3)
        )
        assert any((slow.weights()[name] != fast.weights()[name]).any() for name in fast.weights())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "schedule",
    [
        *(kind() for kind in SCHEDULES.values()),
        WarmUp(5, Cosine(0.1)),
        WarmUp(3, ReduceOnPlateau(0.5, patience=0, threshold=0.05)),
        WithinBudget(WarmUp(4, ReduceOnPlateau(0.5, patience=1, threshold=0.1))),
    ],
    ids=lambda schedule: repr(schedule)[:30],
)
def test_every_schedule_resumes_to_the_same_bits(schedule, backend, ring, tmp_path):
    assert_resumes(ring, tmp_path, backend, optimizer=Adam(0.02), schedule=schedule)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "settings",
    [
        {"l1": 1e-3, "clip_norm": 0.1, "max_norm": 1.0},
        {"clip_value": 0.01, "weight_noise": 0.1},
        {"mixup": 0.3},
        {"averaging": ExponentialAverage(0.9)},
        {"averaging": StochasticWeightAverage(0.3), "mixup": 0.3, "schedule": ReduceOnPlateau()},
    ],
    ids=lambda settings: ", ".join(settings),
)
def test_every_regulariser_resumes_to_the_same_bits(settings, backend, ring, tmp_path):
    assert_resumes(ring, tmp_path, backend, optimizer=Adam(0.02), **settings)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_rate_goes_down_on_a_plateau_and_the_history_tells(backend, ring):
    # No loss is ever better by half of the best, so every epoch but the first is a bad one.
    schedule = ReduceOnPlateau(0.5, patience=0, threshold=0.5)
    _, history = run(ring, backend, optimizer=SGD(0.08), schedule=schedule, epochs=5)
    rates = [record.learning_rate for record in history.epochs]
    np.testing.assert_allclose(rates, [0.08, 0.08, 0.04, 0.02, 0.01], 1e-6)


def test_a_plateau_is_of_the_training_loss_without_validation(ring):
    (x, y), _ = ring
    network = Network([Dense(2)], 2)
    schedule = ReduceOnPlateau(0.5, patience=0, threshold=0.9)
    history = fit(
        network, x, y, loss=CrossEntropy(), optimizer=SGD(0.08), schedule=schedule, epochs=3
    )
    assert history.epochs[-1].learning_rate == pytest.approx(0.04)


@pytest.mark.parametrize(("ends_with_budget", "lowest"), [(True, 0.1), (False, 0.9)])
def test_the_wave_ends_with_the_budget(make_network, ring, clock, ends_with_budget, lowest):
    # 100000 planned epochs, of which the budget leaves time for few.
    (x, y), _ = ring
    wave = Cosine()
    history = fit(
        make_network(), x, y, loss=CrossEntropy(), optimizer=SGD(1.0), epochs=100000,
        schedule=WithinBudget(wave) if ends_with_budget else wave, budget=2.0, clock=clock,
        backend="reference",
    )  # fmt: skip
    assert "budget" in history.stopped
    assert len(history.epochs) > 20
    rates = [record.learning_rate for record in history.epochs]
    assert (min(rates) < lowest) == ends_with_budget
    if ends_with_budget:
        assert rates[-1] < 0.1 * rates[len(rates) // 4]


def test_without_a_budget_the_wave_is_the_planned_one(ring):
    (one, history), (other, again) = (
        run(ring, "reference", schedule=schedule) for schedule in (Cosine(), WithinBudget())
    )
    assert [r.learning_rate for r in history.epochs] == [r.learning_rate for r in again.epochs]
    assert all((a == other.weights()[name]).all() for name, a in one.weights().items())


@pytest.mark.parametrize(("batch_size", "updates"), [(12, 1), (4, 3), (5, 3), (1, 12)], ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
def test_full_batch_mini_batch_and_stochastic_descent(batch_size, updates, backend):
    # y = w x, one weight, x = 1 for all rows and y = 1: each step takes w to w - rate * 2 (w - 1),
    # whatever rows it sees, so that w - 1 shrinks by 0.8 as often as there are updates.
    network = Network([Dense(1, bias=False)], 1, dtype="float64")
    network.set_weights({"dense1.weight": [[0.0]]})
    x = y = np.ones((12, 1))
    fit(
        network, x, y, loss=MeanSquaredError(), optimizer=SGD(0.1), batch_size=batch_size,
        epochs=1, backend=backend,
    )  # fmt: skip
    assert network.parameters[0].value.item() == pytest.approx(1 - 0.8**updates, rel=1e-12)
