import math
import os
import signal
import threading
import time

import numpy as np
import pytest

from quickprop.losses import CrossEntropy, MeanSquaredError
from quickprop.native import background_compile
from quickprop.nn import LSTM, Activation, BatchNorm, Dense, Network
from quickprop.ops import where
from quickprop.optim import LBFGS, SGD, Adam, FunctionOfStep
from quickprop.train import Callback, EpochRecord, History, Progress, StopReason, fit
from quickprop.train.slices import SlicePlanner

BACKENDS = ("reference", "native")


class Watch(Callback):
    """Notes the calls, and the weights after each epoch."""

    def __init__(self, network=None, stop=None, error=KeyboardInterrupt):
        self.network, self.stop, self.error = network, stop, error
        self.calls, self.weights, self.progress = [], [], []

    def _note(self, name, progress=None):
        self.calls.append(name)
        self.progress.append(progress)
        if self.stop == (name, self.calls.count(name)):
            raise self.error

    def on_start(self, progress):
        self._note("start", progress)

    def on_slice(self, progress):
        self._note("slice", progress)

    def on_epoch(self, record, progress):
        if self.network is not None:
            self.weights.append(self.network.weights())
        self._note("epoch", progress)

    def on_end(self, history):
        self.calls.append("end")


def run(network, ring, **settings):
    (x, y), held_out = ring
    settings = {
        "loss": CrossEntropy(),
        "validation": held_out,
        "backend": "reference",
        "epochs": 10,
        **settings,
    }
    return fit(network, x, y, **settings)


def same(left, right):
    return all((left[name] == right[name]).all() for name in left)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_best_weights_come_back(make_network, ring, backend):
    network = make_network()
    watch = Watch(network)
    # Twenty epochs at a rate at which the loss jumps up and down.
    history = run(network, ring, optimizer=Adam(0.5), epochs=20, callbacks=[watch], backend=backend)
    losses = [record.validation_loss for record in history.epochs]
    assert history.best_epoch == int(np.argmin(losses)) + 1
    assert history.best_epoch != len(losses)
    assert same(network.weights(), watch.weights[history.best_epoch - 1])
    (_, _), (x, y) = ring
    f = network.predict(x, backend="reference").astype(float)
    right = f[np.arange(len(y)), y]
    by_hand = np.mean(np.log(np.exp(f).sum(axis=1)) - right)
    assert history.best.validation_loss == pytest.approx(by_hand, rel=1e-5)


def test_without_validation_the_training_loss_decides(make_network, ring):
    network = make_network()
    watch = Watch(network)
    history = run(network, ring, optimizer=Adam(0.5), validation=None, callbacks=[watch])
    losses = [record.train_loss for record in history.epochs]
    assert history.epochs[0].validation_loss is None
    assert history.best_epoch == int(np.argmin(losses)) + 1
    assert same(network.weights(), watch.weights[history.best_epoch - 1])


def test_patience(make_network, ring):
    history = run(make_network(), ring, optimizer=Adam(0.5), epochs=500, patience=4)
    assert history.stopped == "no better validation loss for 4 epochs"
    assert len(history.epochs) == history.best_epoch + 4


def test_no_patience_runs_all_epochs(make_network, ring):
    history = run(make_network(), ring, optimizer=Adam(0.5), epochs=40, patience=None)
    assert history.stopped == "all 40 epochs were run"
    assert len(history.epochs) == 40


def test_until(make_network, ring):
    history = run(make_network(), ring, optimizer=Adam(0.05), epochs=500, until=0.4)
    assert history.stopped == "the validation loss reached 0.4"
    losses = [record.validation_loss for record in history.epochs]
    assert losses[-1] <= 0.4 < min(losses[:-1])
    history = run(make_network(), ring, validation=None, optimizer=Adam(0.05), until=0.6)
    assert history.stopped == "the training loss reached 0.6"


@pytest.mark.parametrize("backend", BACKENDS)
def test_budget(make_network, ring, clock, backend):
    # Every look at the clock takes a millisecond; a slice looks a few times.
    history = run(
        make_network(), ring, epochs=10**6, budget=0.5, patience=None, clock=clock, backend=backend
    )
    assert history.stopped == "the budget of 0.5 s was used up"
    assert 0.45 < history.seconds < 0.52
    assert history.best_epoch > 0


def test_a_budget_that_ends_in_the_first_epoch_keeps_what_was_learned(make_network, ring, clock):
    network = make_network()
    before = network.weights()
    history = run(network, ring, budget=0.025, batch_size=1, clock=clock)
    assert len(history.epochs) == 1
    assert 0 < history.epochs[0].fraction < 1
    assert history.best_epoch == 1
    assert not same(network.weights(), before)


@pytest.mark.parametrize("budget", [0, 1e-9, 0.002])
def test_a_budget_too_small_for_a_step(make_network, ring, clock, budget):
    network = make_network()
    before = network.weights()
    history = run(network, ring, budget=budget, clock=clock)
    assert history.stopped == (
        f"the budget of {budget:g} s was too small for a single step; "
        "the weights are the starting ones"
    )
    assert (history.epochs, history.best_epoch) == ([], 0)
    assert same(network.weights(), before)


@pytest.mark.parametrize(("width", "optimizer"), [(37, None), (38, LBFGS())])
@pytest.mark.parametrize("watched", [False, True])
def test_a_budget_is_kept_though_compiling_takes_longer(
    width, optimizer, watched, before_compiling
):
    before_compiling(lambda: time.sleep(0.5))
    # A width that no other test has: its code is not in the process yet.
    network = Network([Dense(width + 2 * watched), Activation("tanh"), Dense(1)], 4)
    before = network.weights()
    rows = np.random.default_rng(0).normal(size=(200, 4))
    target = rows[:, :1]
    given = {"validation": (rows[:50], target[:50])} if watched else {}
    settings = {"loss": MeanSquaredError(), "optimizer": optimizer, "epochs": 5, **given}
    begun = time.perf_counter()
    history = fit(network, rows, target, budget=0.1, backend="native", **settings)
    assert time.perf_counter() - begun < 0.3
    assert history.stopped.startswith("the budget of 0.1 s was too small for a single step")
    assert same(network.weights(), before)
    background_compile.wait_for_all()
    history = fit(network, rows, target, budget=30, backend="native", **settings)
    assert len(history.epochs) == 5


def test_an_interrupt_is_heard_while_code_is_compiled(before_compiling):
    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.8)

    before_compiling(interrupt)
    network = Network([Dense(47), Activation("tanh"), Dense(1)], 4)
    before = network.weights()
    rows = np.random.default_rng(0).normal(size=(200, 4))
    begun = time.perf_counter()
    history = fit(network, rows, rows[:, :1], loss=MeanSquaredError(), backend="native")
    assert time.perf_counter() - begun < 0.5
    assert history.stopped == "interrupted before epoch 1"
    assert same(network.weights(), before)
    background_compile.wait_for_all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_divergence_in_the_first_epoch_gives_the_starting_weights_back(backend):
    network = Network([Dense(1)], 1)
    before = network.weights()
    x = np.linspace(-3, 3, 64)[:, None]
    history = fit(
        network,
        x,
        x * 2,
        loss=MeanSquaredError(),
        optimizer=SGD(1e30),
        batch_size=4,
        backend=backend,
    )
    assert history.stopped == (
        "the loss was no longer finite in epoch 1; the weights are the starting ones"
    )
    assert same(network.weights(), before)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("first", "kept", "loss"),
    [(0.25, "those of epoch 1", 0.25), (2.5, "the starting ones", 1.0)],
)
def test_divergence_later_gives_the_best_weights_back(first, kept, loss, backend):
    # Loss w**2 with w = 1, so that a step multiplies w by 1 - 2 * rate. A first step of 0.25 halves
    # it, all steps of 2.5 multiply it by -4: it overflows after about 60 of them.
    network = Network([Dense(1, bias=False)], 1)
    network.set_weights({"dense1.weight": [[1.0]]})
    ones = np.ones((4, 1))
    history = fit(
        network,
        ones,
        ones * 0,
        loss=MeanSquaredError(),
        optimizer=SGD(2.5),
        schedule=FunctionOfStep(lambda base, step: where(step < 1.0, first, base)),
        epochs=500,
        backend=backend,
    )
    assert "no longer finite in epoch" in history.stopped
    assert history.stopped.endswith(kept)
    assert history.reason is StopReason.NOT_FINITE
    assert history.best_loss == loss
    assert abs(network.weights()["dense1.weight"].item()) == loss**0.5


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("stop", [("epoch", 3), ("slice", 5), ("start", 1)])
def test_interrupts_return_the_best_so_far(make_network, ring, stop, backend):
    network = make_network()
    watch = Watch(network, stop=stop)
    history = run(network, ring, callbacks=[watch], batch_size=4, backend=backend)
    assert "interrupted" in history.stopped
    assert watch.calls[-1] == "end"
    assert history.best_epoch == (0 if stop[0] == "start" else len(history.epochs))
    if history.best_epoch:
        assert same(network.weights(), watch.weights[history.best_epoch - 1])


def test_ctrl_c_itself(make_network, ring):
    handler = signal.getsignal(signal.SIGINT)

    class Press(Callback):
        def on_epoch(self, record, progress):
            if record.epoch == 3:
                os.kill(os.getpid(), signal.SIGINT)

    history = run(make_network(), ring, callbacks=[Press()], epochs=1000, patience=None)
    assert history.stopped.startswith("interrupted")
    assert len(history.epochs) == 3
    assert signal.getsignal(signal.SIGINT) is handler


def test_fits_in_other_threads(make_network, ring):
    networks = [make_network(seed=0), make_network(seed=0)]
    threads = [threading.Thread(target=run, args=(network, ring)) for network in networks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same(networks[0].weights(), networks[1].weights())


def test_an_error_of_a_callback_is_passed_on_with_the_best_weights_in_place(make_network, ring):
    network = make_network()
    watch = Watch(network, stop=("epoch", 2), error=ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        run(network, ring, callbacks=[watch])
    assert same(network.weights(), watch.weights[1])


def test_what_callbacks_are_told(make_network, ring, clock):
    watch = Watch()
    run(make_network(), ring, callbacks=[watch], batch_size=50, epochs=2, budget=10, clock=clock)
    assert watch.calls[0] == "start"
    assert watch.calls[-2:] == ["epoch", "end"]
    assert watch.calls.count("epoch") == 2
    slices = [p for name, p in zip(watch.calls, watch.progress) if name == "slice"]
    assert {p.epochs for p in slices} == {2}
    assert [p.epoch for p in slices] == sorted(p.epoch for p in slices)
    assert slices[0].fraction == 0.25
    assert slices[-1].fraction == 1.0
    assert all(0 < p.train_loss < 3 for p in slices)
    assert all(math.isclose(p.seconds + p.seconds_left, 10, abs_tol=0.01) for p in slices)


def test_slices_grow_to_five_milliseconds():
    planner = SlicePlanner()
    assert planner.steps(1000, math.inf) == 1
    planner.learn(1, 2**-17)
    # 655 would fit into 5 ms, but the time is not known well yet.
    assert planner.steps(1000, math.inf) == 8
    planner.learn(8, 2**-14)
    assert planner.steps(1000, math.inf) == 64
    planner.learn(64, 2**-11)
    assert planner.steps(10**6, math.inf) == 512  # Eight times as many.
    planner.learn(512, 2**-8)
    assert planner.steps(10**6, math.inf) == 655
    assert planner.steps(20, math.inf) == 20
    assert planner.steps(1000, 2**-10) == 128
    assert planner.steps(1000, 5e-6) == 0
    assert planner.steps(1000, 0.0) == 0


def test_slow_steps_are_run_one_by_one():
    planner = SlicePlanner()
    planner.learn(1, 0.5)
    assert planner.steps(10, 100.0) == 1
    assert planner.steps(10, 0.4) == 0


def test_history_survives_its_document(make_network, ring):
    history = run(make_network(), ring, epochs=3)
    again = History.from_document(history.to_document())
    assert again == history
    assert repr(again).startswith("<History: 3 epochs, best 3 with loss ")


@pytest.mark.parametrize("end", ["budget", "interrupt"])
@pytest.mark.parametrize(
    "layers",
    [
        [part for _ in range(150) for part in (Dense(3), BatchNorm(), Activation("tanh"))],
        [LSTM(3)],
    ],
    ids=["deep", "recurrent"],
)
def test_a_fit_ends_in_time_while_its_graph_is_written(layers, end):
    rows = np.zeros((40, 150, 2) if isinstance(layers[0], LSTM) else (40, 2))
    network = Network([*layers, Dense(1)], rows.shape[1:])
    before = network.weights()
    given = {"budget": 0.1} if end == "budget" else {}
    pressed = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    if end == "interrupt":
        pressed.start()
    begun = time.perf_counter()
    history = fit(network, rows, np.ones((40, 1)), loss=MeanSquaredError(), **given)
    assert time.perf_counter() - begun < 0.6
    assert history.reason is (StopReason.OUT_OF_TIME if end == "budget" else StopReason.INTERRUPTED)
    assert same(network.weights(), before)


def test_on_epoch_is_told_of_the_epoch_that_ended() -> None:
    told: list[tuple[int, int, int, float, bool]] = []

    class Note(Callback):
        def on_epoch(self, record: EpochRecord, progress: Progress) -> None:
            same = progress.train_loss == pytest.approx(record.train_loss, rel=1e-6)
            told.append((record.epoch, progress.epoch, progress.epochs, progress.fraction, same))

    x = np.linspace(0.0, 1.0, 20, dtype=np.float32)[:, None]
    for optimizer in (Adam(), LBFGS()):
        told.clear()
        network = Network([Dense(1)], features=1, seed=0)
        fit(
            network, x, 3.0 * x, loss=MeanSquaredError(), optimizer=optimizer, epochs=2,
            callbacks=[Note()],
        )  # fmt: skip
        assert told == [(1, 1, 2, 1.0, True), (2, 2, 2, 1.0, True)]
