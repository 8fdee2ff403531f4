import json
import math
import os
import pathlib
import signal

import numpy as np
import pytest
from scipy.optimize import minimize

from module_beside import module_beside
from quickprop.errors import SettingError
from quickprop.execution import function
from quickprop.foundation.settings import from_document
from quickprop.graph import placeholder
from quickprop.losses import BinaryCrossEntropy, MeanSquaredError
from quickprop.nn import (
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    Network,
)
from quickprop.optim import FULL_BATCH_METHODS, LBFGS, Constant
from quickprop.optim.lbfgs import CurvaturePairs
from quickprop.optim.line_search import CURVATURE, SUFFICIENT_DECREASE, LineSearch
from quickprop.train import Callback, fit

HERE = pathlib.Path(__file__).parent
stored = module_beside(__file__, "make_expected_lbfgs")
EXPECTED = json.loads((HERE / "expected_lbfgs.json").read_text())["iterations"]
BACKENDS = ("reference", "native")


def waves(rows=60, features=2, dtype="float64", seed=3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, features))
    return x.astype(dtype), np.sin(x.sum(axis=1, keepdims=True)).astype(dtype)


def tanh_network(features=2, hidden=6, dtype="float64", seed=0):
    return Network([Dense(hidden), Activation("tanh"), Dense(1)], features, seed=seed, dtype=dtype)


def numpy_loss(x, y, hidden):
    """Mean squared error of a tanh network and its gradient, of one vector."""
    count = x.shape[1]

    def loss(w):
        first = w[: count * hidden].reshape(count, hidden)
        bias = w[count * hidden : (count + 1) * hidden]
        second = w[(count + 1) * hidden : -1]
        h = np.tanh(x @ first + bias)
        r = h @ second + w[-1] - y[:, 0]
        back = 2.0 / len(x) * r
        inside = back[:, None] * second * (1.0 - h * h)
        slopes = [(x.T @ inside).ravel(), inside.sum(axis=0), h.T @ back, [back.sum()]]
        return float(r @ r) / len(x), np.concatenate(slopes)

    return loss


def vector(weights):
    return np.concatenate([array.ravel() for array in weights.values()]).astype(float)


class Path(Callback):
    """Notes the weights of every iterate."""

    def __init__(self, network, stop_at=None):
        self.network, self.stop_at = network, stop_at
        self.points, self.calls = [vector(network.weights())], []

    def on_start(self, progress):
        self.calls.append("start")

    def on_epoch(self, record, progress):
        self.calls.append("epoch")
        self.points.append(vector(self.network.weights()))
        if record.epoch == self.stop_at:
            raise KeyboardInterrupt

    def on_end(self, history):
        self.calls.append("end")


def train(network, x, y, **settings):
    settings = {"loss": MeanSquaredError(), "optimizer": LBFGS(), "epochs": 500, **settings}
    return fit(network, x, y, **settings)


# -- the direction --------------------------------------------------------------------------------


def two_loops(pairs, gradient):
    """Nocedal and Wright (2006), algorithm 7.4, with the scale of equation 7.20."""
    q, factors = gradient.copy(), []
    for step, change in reversed(pairs):
        factors.append((step @ q) / (step @ change))
        q -= factors[-1] * change
    step, change = pairs[-1]
    q *= (step @ change) / (change @ change)
    for (step, change), factor in zip(pairs, reversed(factors), strict=True):
        q += (factor - (change @ q) / (step @ change)) * step
    return q


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("count", "size"), [(1, 3), (2, 5), (3, 4), (10, 17)])
def test_the_direction_is_that_of_the_two_loop_recursion(count, size, backend):
    rng = np.random.default_rng(count)
    hessian = rng.normal(size=(size, size))
    hessian = hessian @ hessian.T + np.eye(size)
    memory = CurvaturePairs(count, size, "float64")
    leaves = [placeholder((size,), "float64", name) for name in ("step", "change", "gradient")]
    take = placeholder((), "float64", "take")
    product, updates = memory.product(*leaves, take)
    run = function([*leaves, take], product, updates, backend=backend)
    pairs = []
    # More pairs than places: the oldest are forgotten.
    for number in range(2 * count + 3):
        step, gradient = rng.normal(size=size), rng.normal(size=size)
        change = hessian @ step
        if number == 2:
            # A curvature below zero would make the matrix indefinite.
            made = run(step, -change, gradient, 1.0)
        elif number == 4:
            made = run(step, change, gradient, 0.0)
        else:
            made = run(step, change, gradient, 1.0)
            pairs = [*pairs, (step, change)][-count:]
        np.testing.assert_allclose(made, two_loops(pairs, gradient), 1e-9, 1e-11)


# -- the line search ------------------------------------------------------------------------------

#: Functions of a step t with a slope below zero at 0, and their derivatives.
LINES = {
    "parabola": (lambda t: (t - 3) ** 2, lambda t: 2 * (t - 3)),
    "far away": (lambda t: (t / 300 - 1) ** 2, lambda t: 2 / 300 * (t / 300 - 1)),
    "very near": (lambda t: (1e4 * t - 1) ** 2, lambda t: 2e4 * (1e4 * t - 1)),
    # More and Thuente (1994), functions 1 to 3 of section 5.
    "flat end": (lambda t: -t / (t * t + 2), lambda t: (t * t - 2) / (t * t + 2) ** 2),
    "narrow": (
        lambda t: (t + 0.004) ** 5 - 2 * (t + 0.004) ** 4,
        lambda t: 5 * (t + 0.004) ** 4 - 8 * (t + 0.004) ** 3,
    ),
    "wavy": (
        lambda t: 0.1 * np.sin(5 * t) - t + 0.5 * max(0.0, t - 1) ** 2,
        lambda t: 0.5 * np.cos(5 * t) - 1 + max(0.0, t - 1),
    ),
    "wall": (
        lambda t: -np.log(1 - 4 * t) - 6 * t if t < 0.25 else math.nan,
        lambda t: 4 / (1 - 4 * t) - 6 if t < 0.25 else math.nan,
    ),
}


def search_along(line, backend="reference", most=30):
    """Looks until a step is taken: (step, looks), or (None, looks) when there is none."""
    function_of, slope_of = LINES[line]
    search = LineSearch("float64")
    value, slope, most_looks = (placeholder((), "float64", n) for n in ("value", "slope", "most"))
    begin = function([value, slope], [], search.begin(value, slope), backend="reference")
    verdict = search.look(value, slope, most_looks)
    look = function(
        [value, slope, most_looks],
        [verdict.accepted, verdict.failed],
        verdict.updates,
        backend=backend,
    )
    begin(function_of(0.0), slope_of(0.0))
    for looks in range(1, most + 3):
        step = float(search.step.value)
        accepted, failed = look(function_of(step), slope_of(step), most)
        if accepted:
            return step, looks
        if failed:
            return None, looks
    raise AssertionError("the search does not end")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("line", LINES)
def test_steps_fulfil_the_strong_wolfe_conditions(line, backend):
    value, slope = LINES[line]
    assert slope(0.0) < 0
    step, looks = search_along(line, backend)
    assert value(step) <= value(0.0) + SUFFICIENT_DECREASE * step * slope(0.0)
    assert abs(slope(step)) <= CURVATURE * abs(slope(0.0))
    assert looks <= 15


def test_the_cubic_finds_the_minimum_of_a_parabola_at_once():
    # (t - 0.3)**2 from a whole step: too far. The cubic through both ends is the parabola itself.
    LINES["near"] = (lambda t: (t - 0.3) ** 2, lambda t: 2 * (t - 0.3))
    try:
        step, looks = search_along("near")
    finally:
        del LINES["near"]
    assert (step, looks) == (pytest.approx(0.3, rel=1e-12), 2)


def test_when_looks_run_out_the_best_step_is_taken():
    # 3 looks at most: 1, 10, 100 are all too short for the curvature condition.
    step, looks = search_along("far away", most=1)
    assert (step, looks) == (1.0, 2)


def test_no_step_goes_down():
    LINES["up"] = (lambda t: t, lambda t: -1.0 if t == 0 else 1.0)
    try:
        assert search_along("up", most=7) == (None, 7)
    finally:
        del LINES["up"]


# -- PyTorch ------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", stored.CASES)
def test_ten_iterations_are_those_of_pytorch(case, backend):
    scale, memory = stored.CASES[case]
    x, y = stored.rows()
    network = tanh_network(hidden=stored.HIDDEN)
    names = ("dense1.weight", "dense1.bias", "dense2.weight", "dense2.bias")
    network.set_weights(dict(zip(names, stored.start(scale), strict=True)))
    path = Path(network)
    optimizer = LBFGS(history=memory, tolerance_change=0.0, tolerance_gradient=0.0)
    train(network, x, y, optimizer=optimizer, epochs=10, callbacks=[path], backend=backend)
    np.testing.assert_allclose(path.points[1:], EXPECTED[case], 1e-6, 1e-7)


@pytest.mark.filterwarnings("ignore")  # Whatever PyTorch says while it is imported.
@pytest.mark.parametrize("case", stored.CASES)
def test_the_stored_iterations_are_those_of_this_pytorch(case):
    pytest.importorskip("torch", reason="PyTorch is not installed; its stored numbers are used")
    made = stored.torch_iterations(*stored.CASES[case])
    np.testing.assert_allclose(made, EXPECTED[case], 1e-6, 1e-7)


# -- what it finds --------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_linear_regression_is_that_of_lstsq(backend):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(50, 4)) * [1.0, 3.0, 0.2, 1.0]
    y = x @ rng.normal(size=(4, 2)) + 0.3 * rng.normal(size=(50, 2)) + 2.0
    network = Network([Dense(2)], 4, dtype="float64")
    history = train(network, x, y, backend=backend, optimizer=LBFGS(tolerance_change=0.0))
    expected, *_ = np.linalg.lstsq(np.column_stack([x, np.ones(50)]), y, rcond=None)
    weights = network.weights()
    np.testing.assert_allclose(weights["dense1.weight"], expected[:-1], 1e-5, 1e-6)
    np.testing.assert_allclose(weights["dense1.bias"], expected[-1], 1e-5, 1e-6)
    assert len(history.epochs) < 60
    assert history.best_epoch == len(history.epochs)


def test_a_quadratic_takes_few_more_iterations_than_it_has_directions():
    # Columns at right angles with lengths 1 to 8: the loss is a quadratic in 8 unknowns.
    rng = np.random.default_rng(2)
    basis, _ = np.linalg.qr(rng.normal(size=(40, 8)))
    x = basis * np.sqrt(40) * np.arange(1.0, 9.0)
    y = x @ rng.normal(size=(8, 1))
    network = Network([Dense(1, bias=False)], 8, dtype="float64")
    history = train(network, x, y, optimizer=LBFGS(history=20), epochs=100)
    assert history.best_loss < 1e-12
    # Exact line searches would take 8; the first step, down the gradient, is a guess.
    assert len(history.epochs) <= 3 * 8


# From start 3 our path, which is PyTorch's, leads to the other one of two minima, and from start 0
# SciPy's does.
@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5])
def test_as_low_as_scipy_from_the_same_start(seed):
    rng = np.random.default_rng(4)
    x, y = waves()
    y = y + 0.3 * rng.normal(size=y.shape)
    network = tanh_network(hidden=2, seed=seed)
    plain, penalty = numpy_loss(x, y, 2), 1e-3 * np.array([1, 1, 1, 1, 0, 0, 1, 1, 0])

    def loss(w):
        value, slope = plain(w)
        return value + 0.5 * penalty @ (w * w), slope + penalty * w

    limits = {"maxiter": 3000, "maxfun": 10**5, "ftol": 0.0, "gtol": 1e-8}
    theirs = minimize(loss, vector(network.weights()), jac=True, options=limits, method="L-BFGS-B")
    optimizer = LBFGS(tolerance_gradient=1e-8, tolerance_change=0.0)
    train(network, x, y, l2=1e-3, optimizer=optimizer, epochs=3000)
    reached, slope = loss(vector(network.weights()))
    assert reached <= theirs.fun * (1 + 1e-9)
    assert np.abs(slope).max() < 1e-6


def test_logistic_regression_is_that_of_scipy():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(80, 3))
    y = (x @ [1.0, -2.0, 0.5] + rng.normal(size=80) > 0).astype(float)
    network = Network([Dense(1)], 3, dtype="float64")
    settings = {"tolerance_gradient": 1e-10, "tolerance_change": 0.0}
    history = train(network, x, y, loss=BinaryCrossEntropy(), optimizer=LBFGS(**settings))

    def loss(w):
        f = x @ w[:-1] + w[-1]
        back = (1 / (1 + np.exp(-f)) - y) / len(y)
        return np.mean(np.logaddexp(0, f) - f * y), np.append(x.T @ back, back.sum())

    theirs = minimize(loss, np.zeros(4), jac=True, options={"gtol": 1e-10})
    np.testing.assert_allclose(vector(network.weights()), theirs.x, 1e-6, 1e-7)
    assert history.best_loss == pytest.approx(theirs.fun, rel=1e-10)


def test_every_iteration_fulfils_the_strong_wolfe_conditions():
    x, y = waves()
    network = tanh_network()
    path = Path(network)
    history = train(network, x, y, callbacks=[path], epochs=60)
    loss = numpy_loss(x, y, 6)
    assert len(path.points) == 61
    for before, after, record in zip(path.points, path.points[1:], history.epochs, strict=False):
        (old, old_slope), (new, new_slope) = loss(before), loss(after)
        step = after - before
        assert old_slope @ step < 0
        assert new <= old + SUFFICIENT_DECREASE * (old_slope @ step) + 1e-14
        assert abs(new_slope @ step) <= CURVATURE * abs(old_slope @ step) * (1 + 1e-9)
        assert record.train_loss == pytest.approx(new, rel=1e-9)


def test_one_by_one_and_in_slices_come_to_the_same_bits():
    x, y = waves()
    watched, quick = tanh_network(), tanh_network()
    slow = train(watched, x, y, callbacks=[Path(watched)], epochs=100)
    fast = train(quick, x, y, epochs=100)
    assert [r.train_loss for r in slow.epochs] == [r.train_loss for r in fast.epochs]
    assert [r.learning_rate for r in slow.epochs] == [r.learning_rate for r in fast.epochs]
    assert (vector(watched.weights()) == vector(quick.weights())).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_native_and_reference_agree(dtype):
    x, y = waves(dtype=dtype)
    losses = {}
    for backend in BACKENDS:
        network = tanh_network(dtype=dtype)
        history = train(network, x, y, backend=backend, epochs=15)
        losses[backend] = [record.train_loss for record in history.epochs]
    tolerance = 1e-9 if dtype == "float64" else 2e-3
    np.testing.assert_allclose(losses["native"], losses["reference"], tolerance)


def test_float32_goes_as_far_as_it_can_tell():
    x, y = waves(dtype="float32")
    network = tanh_network(dtype="float32")
    optimizer = LBFGS(tolerance_change=0.0, tolerance_gradient=0.0)
    history = train(network, x, y, optimizer=optimizer, epochs=20000)
    assert history.stopped in (
        "no lower loss was found that float32 can tell from the last",
        "the loss hardly changed any more in an iteration",
    )
    assert history.best_loss < 1e-3


def test_the_penalty_gives_ridge_regression():
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))
    network = Network([Dense(1, bias=False)], 3, dtype="float64")
    settings = {"tolerance_gradient": 1e-11, "tolerance_change": 0.0}
    history = train(network, x, y, l2=0.3, optimizer=LBFGS(**settings))
    # The gradient of |xw - y|**2 / 40 + 0.15 |w|**2 is zero.
    expected = np.linalg.solve(2 / 40 * x.T @ x + 0.3 * np.eye(3), 2 / 40 * x.T @ y)
    np.testing.assert_allclose(network.weights()["dense1.weight"], expected, 1e-8)
    # What is reported is the loss of the data alone.
    assert history.best_loss == pytest.approx(np.mean((x @ expected - y) ** 2), rel=1e-9)


def test_weighted_rows_count_as_often():
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(12, 2)), rng.normal(size=(12, 1))
    times = rng.integers(1, 4, 12)
    network = Network([Dense(1)], 2, dtype="float64")
    train(network, x, y, weights=times, optimizer=LBFGS(tolerance_change=0.0))
    columns = np.column_stack([x, np.ones(12)]).repeat(times, axis=0)
    expected, *_ = np.linalg.lstsq(columns, y.repeat(times, axis=0), rcond=None)
    np.testing.assert_allclose(vector(network.weights()), expected[:, 0], 1e-6, 1e-7)


# -- what ends it ---------------------------------------------------------------------------------


def test_a_start_at_the_minimum_is_left_alone():
    network = Network([Dense(1)], 1, dtype="float64")
    network.set_weights({"dense1.weight": [[2.0]], "dense1.bias": [1.0]})
    history = train(network, [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    assert (history.epochs, history.best_epoch) == ([], 0)
    assert history.stopped == "the gradient is at most 1e-07 everywhere"
    assert vector(network.weights()).tolist() == [2.0, 1.0]


def test_epochs_are_iterations():
    x, y = waves()
    history = train(tanh_network(), x, y, epochs=37)
    assert history.stopped == "all 37 epochs were run"
    assert [record.epoch for record in history.epochs] == list(range(1, 38))
    losses = [record.train_loss for record in history.epochs]
    assert losses == sorted(losses, reverse=True)
    seconds = [record.seconds for record in history.epochs]
    assert seconds == sorted(seconds)
    assert all(record.learning_rate > 0 for record in history.epochs)


@pytest.mark.parametrize("backend", BACKENDS)
def test_until_is_exact(backend):
    x, y = waves()
    history = train(tanh_network(), x, y, until=0.05, backend=backend)
    assert history.stopped == "the training loss reached 0.05"
    losses = [record.train_loss for record in history.epochs]
    assert losses[-1] <= 0.05 < losses[-2]
    again = train(tanh_network(), x, y, until=10.0)
    assert (again.stopped, again.epochs) == ("the training loss reached 10", [])


def test_the_best_weights_on_validation_rows_come_back():
    x, y = waves(rows=40)
    rng = np.random.default_rng(1)
    y = y + 0.5 * rng.normal(size=y.shape)
    network = tanh_network(hidden=12)
    path = Path(network)
    history = train(
        network, x[:20], y[:20], validation=(x[20:], y[20:]), patience=15, callbacks=[path]
    )
    losses = [record.validation_loss for record in history.epochs]
    assert history.stopped == "no better validation loss for 15 epochs"
    assert history.best_epoch == int(np.argmin(losses)) + 1 == len(losses) - 15
    assert (vector(network.weights()) == path.points[history.best_epoch]).all()
    expected, _ = numpy_loss(x[20:], y[20:], 12)(vector(network.weights()))
    assert history.best_loss == pytest.approx(expected, rel=1e-9)


def test_ctrl_c_keeps_what_was_reached():
    x, y = waves()
    network = tanh_network()
    path = Path(network, stop_at=9)
    history = train(network, x, y, callbacks=[path])
    assert history.stopped == "interrupted in epoch 10"
    assert len(history.epochs) == history.best_epoch == 9
    assert (vector(network.weights()) == path.points[-1]).all()
    assert path.calls == ["start", *["epoch"] * 9, "end"]


def test_the_signal_of_ctrl_c_is_noticed():
    class Pressing(Callback):
        def on_epoch(self, record, progress):
            if record.epoch == 3:
                os.kill(os.getpid(), signal.SIGINT)

    x, y = waves()
    history = train(tanh_network(), x, y, callbacks=[Pressing()])
    assert history.stopped == "interrupted in epoch 4"
    assert len(history.epochs) == 3


class Ticking:
    """A clock that goes on by a millisecond whenever it is read."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 0.001
        return self.now


def test_a_budget_is_kept():
    x, y = waves()
    optimizer = LBFGS(tolerance_change=0.0, tolerance_gradient=0.0)
    history = train(
        tanh_network(), x, y, optimizer=optimizer, epochs=10**6, budget=0.2, clock=Ticking()
    )
    assert history.stopped == "the budget of 0.2 s was used up"
    assert 0.15 < history.seconds < 0.21


@pytest.mark.parametrize("budget", [0, 1e-9, 0.002])
def test_a_budget_too_small_for_a_step(budget):
    x, y = waves()
    network = tanh_network()
    before = vector(network.weights())
    history = train(network, x, y, budget=budget, clock=Ticking())
    assert history.stopped == (
        f"the budget of {budget:g} s was too small for a single step; "
        "the weights are the starting ones"
    )
    assert (vector(network.weights()) == before).all()


def test_an_error_in_a_callback_leaves_the_best_weights():
    class Failing(Path):
        def on_epoch(self, record, progress):
            super().on_epoch(record, progress)
            if record.epoch == 3:
                raise RuntimeError("mine")

    x, y = waves()
    network = tanh_network()
    path = Failing(network)
    with pytest.raises(RuntimeError, match="mine"):
        train(network, x, y, callbacks=[path])
    assert (vector(network.weights()) == path.points[3]).all()


def test_a_start_without_a_finite_loss():
    network = Network([Dense(1)], 1)
    network.set_weights({"dense1.weight": [[1e30]], "dense1.bias": [0.0]})
    history = train(network, [[1.0], [2.0]], [1.0, 2.0])
    assert history.stopped == "the loss of the starting weights is not finite"


# -- wrong use ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"schedule": Constant()}, "fit.schedule: LBFGS chooses the length of each step itself"),
        ({"batch_size": 10}, "fit.batch_size: LBFGS takes all rows at each step .*at least 60"),
        ({"checkpoint": "fit.state"}, "fit.checkpoint: a fit by LBFGS keeps no checkpoints"),
        ({"optimizer": LBFGS}, "fit.optimizer: not an optimizer .*LBFGS"),
    ],
)
def test_settings_that_do_not_suit(settings, message):
    x, y = waves()
    with pytest.raises(SettingError, match=message):
        train(tanh_network(), x, y, **settings)


def test_a_loss_that_chance_changes_is_refused():
    x, y = waves()
    network = Network([Dense(4), Dropout(0.5), Dense(1)], 2, dtype="float64")
    with pytest.raises(SettingError, match="full-batch method needs a loss that chance does not"):
        train(network, x, y)


def test_running_averages_are_not_gathered():
    x, y = waves()
    network = Network([Dense(4), BatchNorm(), Dense(1)], 2, dtype="float64")
    with pytest.raises(SettingError, match="LBFGS does not gather running averages"):
        train(network, x, y)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LBFGS(history=0), "LBFGS.history: .*from 1 to 100; given: 0"),
        (lambda: LBFGS(tolerance_gradient=-1), "LBFGS.tolerance_gradient: .*at least 0"),
        (lambda: LBFGS(tolerance_change=1.0), "LBFGS.tolerance_change: .*below 1"),
        (lambda: LBFGS(line_search_evaluations=1), "LBFGS.line_search_evaluations: .*from 2"),
    ],
)
def test_settings_outside_what_is_allowed(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_survives_its_document():
    method = LBFGS(history=5, tolerance_gradient=1e-4)
    assert from_document(method.to_document(), FULL_BATCH_METHODS, "optimizer") == method
