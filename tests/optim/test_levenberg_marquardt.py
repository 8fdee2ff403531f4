import numpy as np
import pytest
from scipy.optimize import least_squares

from quickprop.errors import SettingError
from quickprop.execution import function
from quickprop.foundation.settings import from_document
from quickprop.graph import ROWS, placeholder, variable
from quickprop.losses import BinaryCrossEntropy, MeanSquaredError
from quickprop.nn import (
    Activation,
    BatchNorm,
    Conv1D,
    Dense,
    Dropout,
    Flatten,
    LayerNorm,
    Network,
    PReLU,
    Reshape,
)
from quickprop.ops import mean, sum, tanh
from quickprop.optim import FULL_BATCH_METHODS, LevenbergMarquardt, levenberg_marquardt
from quickprop.optim import jacobian as jacobian_module
from quickprop.optim.jacobian import RowJacobian
from quickprop.train import Callback, fit

BACKENDS = ("reference", "native")


def train(network, x, y, **settings):
    defaults = {"loss": MeanSquaredError(), "optimizer": LevenbergMarquardt(), "epochs": 300}
    return fit(network, x, y, **(defaults | settings))


def vector(weights):
    return np.concatenate([array.ravel() for array in weights.values()]).astype(float)


def put(network, numbers):
    """Give a network the weights of one vector."""
    weights, start = {}, 0
    for name, array in network.weights().items():
        weights[name] = numbers[start : start + array.size].reshape(array.shape)
        start += array.size
    network.set_weights(weights)


def two_clouds(rows=30, features=3, outputs=1, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, features))
    return x, np.tanh(x @ rng.normal(size=(features, outputs))) + 0.1 * rng.normal(
        size=(rows, outputs)
    )


# -- the Jacobian ---------------------------------------------------------------------------------

STACKS = {
    "linear": [Dense(2)],
    "no bias": [Dense(3, bias=False), Activation("tanh"), Dense(2, bias=False)],
    "deep": [Dense(4), Activation("sigmoid"), Dense(3), Activation("gelu"), Dense(2)],
    "softmax": [Dense(3), Activation("tanh"), Dense(3), Activation("softmax")],
    "one neuron": [Dense(1), Activation("tanh")],
    "slopes and norms": [Dense(3), PReLU(), LayerNorm(), Dense(2)],
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("most_spread", [0, 2**18])
def test_the_jacobian_is_that_of_finite_differences(stack, backend, most_spread, monkeypatch):
    # Block by block, or all of it as a product of two products.
    monkeypatch.setattr(jacobian_module, "MOST_SPREAD", most_spread)
    network = Network(STACKS[stack], 3, dtype="float64", seed=1)
    x = np.random.default_rng(1).normal(size=(5, 3))
    parts = {parameter: parameter for parameter in network.parameters}
    jacobian = RowJacobian(network.output(), parts)
    output = network.output()
    blocks = [jacobian.of_output(k, output[:, k : k + 1]) for k in range(network.width)]
    made = function(network.inputs, blocks, backend=backend)(x)
    for k, block in enumerate(made):
        np.testing.assert_allclose(block[:, -1], network.predict(x, backend="reference")[:, k])
    start, step = vector(network.weights()), 1e-6
    for place in range(len(start)):
        ends = []
        for sign in (1, -1):
            moved = start.copy()
            moved[place] += sign * step
            put(network, moved)
            ends.append(network.predict(x, backend="reference"))
        expected = (ends[0] - ends[1]) / (2 * step)
        for k, block in enumerate(made):
            np.testing.assert_allclose(block[:, place], expected[:, k], 1e-6, 1e-8)


def test_a_neuron_by_hand():
    # y = tanh(a), a = 2 x1 - x2 + 0.5. In the row (1, 2): a = 0.5, dy/da = 1 - tanh(0.5)**2
    # = 0.786448; by the weights times 1 and 2, by the bias times 1.
    network = Network([Dense(1), Activation("tanh")], 2, dtype="float64")
    network.set_weights({"dense1.weight": [[2.0], [-1.0]], "dense1.bias": [0.5]})
    jacobian = RowJacobian(network.output(), {p: p for p in network.parameters})
    made = jacobian.of_output(0, network.output())
    made = function(network.inputs, made, backend="reference")([[1.0, 2.0]])
    np.testing.assert_allclose(made, [[0.786448, 1.572895, 0.786448, np.tanh(0.5)]], atol=1e-6)


def test_a_parameter_may_be_used_twice():
    # A skip connection with shared weights: y = tanh(x W) W + b.
    x = placeholder((ROWS, 2), "float64", "x")
    w = variable([[0.3, -0.2], [0.5, 0.4]], "float64", "w")
    output = tanh(x @ w) @ w
    made = RowJacobian(output, {w: w}).of_output(1, x[:, 0:1])
    run = function([x], made, backend="reference")
    rows = np.array([[1.0, -1.0], [0.5, 2.0]])
    start, made = w.value, run(rows)
    for place in range(4):
        ends = []
        for sign in (1, -1):
            moved = start.copy()
            moved.flat[place] += sign * 1e-6
            ends.append((np.tanh(rows @ moved) @ moved)[:, 1])
        np.testing.assert_allclose(made[:, place], (ends[0] - ends[1]) / 2e-6, 1e-6, 1e-9)


def _mixed_rows(x, w):
    a = x @ w
    return a - mean(a, 0, keepdims=True)


def _squared_weights(x, w):
    return x @ (w * w)


def _summed_weights(x, w):
    return x * sum(w)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_mixed_rows, "a layer mixes rows"),
        (_squared_weights, r"a parameter is used by mul .*given: w \[2, 2\]"),
        (_summed_weights, "a parameter is used by sum"),
    ],
)
def test_what_has_no_jacobian_by_rows_is_refused(make, message):
    x = placeholder((ROWS, 2), "float64", "x")
    w = variable(np.eye(2), "float64", "w")
    with pytest.raises(SettingError, match=message):
        RowJacobian(make(x, w), {w: w})


# -- what it finds --------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("outputs", [1, 3])
def test_linear_regression_takes_one_step(outputs, backend):
    x, y = two_clouds(outputs=outputs)
    network = Network([Dense(outputs)], 3, dtype="float64")
    optimizer = LevenbergMarquardt(damping=1e-12)
    train(network, x, y, optimizer=optimizer, backend=backend, epochs=1)
    expected, *_ = np.linalg.lstsq(np.column_stack([x, np.ones(30)]), y, rcond=None)
    weights = network.weights()
    np.testing.assert_allclose(weights["dense1.weight"], expected[:-1], 1e-8, 1e-9)
    np.testing.assert_allclose(weights["dense1.bias"], expected[-1], 1e-8, 1e-9)


def test_a_damped_step_by_hand():
    # y = w x from w = 0 on the rows (1, 2) and (2, 4): H = 2/2 (1 + 4) = 5, g = -2/2 (2 + 8) = -10.
    # With a damping of 1 * 5 the step is 10 / 10 = 1: half the way to 2. The loss falls from
    # (4 + 16) / 2 = 10 to (1 + 4) / 2 = 2.5, and 7.5 was foretold: a gain of 1.
    network = Network([Dense(1, bias=False)], 1, dtype="float64")
    network.set_weights({"dense1.weight": [[0.0]]})
    history = train(network, [[1.0], [2.0]], [2.0, 4.0], epochs=1, optimizer=LevenbergMarquardt(1))
    assert network.weights()["dense1.weight"][0, 0] == pytest.approx(1.0, rel=1e-12)
    assert history.best_loss == pytest.approx(2.5, rel=1e-12)
    # The gain makes the damping 5 / 3: the next step is 5 / (5 + 5 / 3) = 0.75.
    network.set_weights({"dense1.weight": [[0.0]]})
    train(network, [[1.0], [2.0]], [2.0, 4.0], epochs=2, optimizer=LevenbergMarquardt(1))
    assert network.weights()["dense1.weight"][0, 0] == pytest.approx(1.75, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_a_sine_is_learned_to_a_millionth(seed):
    x = np.linspace(-np.pi, np.pi, 100)[:, None]
    network = Network([Dense(10), Activation("tanh"), Dense(1)], 1, seed=seed, dtype="float64")
    history = train(network, x, np.sin(x), until=1e-6, epochs=1000)
    assert history.stopped == "the training loss reached 1e-06"
    assert np.mean((network.predict(x) - np.sin(x)) ** 2) <= 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_as_low_as_scipy_from_the_same_start(seed):
    x, y = two_clouds(rows=60, features=2, seed=5)
    network = Network([Dense(2), Activation("tanh"), Dense(1)], 2, seed=seed, dtype="float64")
    start, penalised = vector(network.weights()), np.array([1, 1, 1, 1, 0, 0, 1, 1, 0])
    # The penalty as further residuals: there is one minimum then, but for exchanges of neurons.
    root = np.sqrt(1e-3 * 60 / 2) * penalised

    def residuals(w):
        h = np.tanh(x @ w[:4].reshape(2, 2) + w[4:6])
        return np.concatenate([h @ w[6:8] + w[8] - y[:, 0], root * w])

    def loss(w):
        return np.mean(residuals(w)[:60] ** 2) + 0.5e-3 * penalised @ (w * w)

    tight = {"ftol": 1e-14, "xtol": 1e-14, "gtol": 1e-14}
    theirs = least_squares(residuals, start, method="lm", max_nfev=10**5, **tight)
    assert loss(theirs.x) == pytest.approx(2 * theirs.cost / 60, rel=1e-12)
    train(network, x, y, l2=1e-3, epochs=2000)
    assert loss(vector(network.weights())) <= loss(theirs.x) * (1 + 1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_and_penalty(backend):
    x, y = two_clouds(rows=12, features=2, outputs=2)
    times = np.random.default_rng(3).integers(1, 4, 12)
    network = Network([Dense(2, bias=False)], 2, dtype="float64")
    train(network, x, y, weights=times, l2=0.1, backend=backend)
    # The gradient of sum(times |xw - y|**2) / (2 sum(times)) + 0.05 |w|**2 is zero.
    weighted = x.T * times / times.sum()
    expected = np.linalg.solve(weighted @ x + 0.1 * np.eye(2), weighted @ y)
    np.testing.assert_allclose(network.weights()["dense1.weight"], expected, 1e-7)


def test_weights_of_single_targets():
    x, y = two_clouds(rows=12, features=2, outputs=2)
    factors = np.random.default_rng(3).integers(1, 4, (12, 2))
    network = Network([Dense(2)], 2, dtype="float64")
    train(network, x, y, weights=factors)
    columns = np.column_stack([x, np.ones(12)])
    for k in range(2):
        root = np.sqrt(factors[:, k])
        expected, *_ = np.linalg.lstsq(columns * root[:, None], y[:, k] * root, rcond=None)
        made = [*network.weights()["dense1.weight"][:, k], network.weights()["dense1.bias"][k]]
        np.testing.assert_allclose(made, expected, 1e-6, 1e-7)


@pytest.mark.parametrize("backend", BACKENDS)
def test_many_rows_are_taken_in_pieces(monkeypatch, backend):
    x, y = two_clouds(rows=50)
    losses = []
    for rows in (256, 16):
        monkeypatch.setattr(levenberg_marquardt, "CHUNK_ROWS", rows)
        monkeypatch.setattr(levenberg_marquardt, "CHUNK_NUMBERS", 1)
        network = Network([Dense(2), Activation("tanh"), Dense(1)], 3, dtype="float64")
        history = train(network, x, y, backend=backend, epochs=10)
        losses.append([record.train_loss for record in history.epochs])
    np.testing.assert_allclose(losses[0], losses[1], 1e-8)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_native_and_reference_agree(dtype):
    x, y = two_clouds()
    losses = []
    for backend in BACKENDS:
        network = Network([Dense(3), Activation("tanh"), Dense(1)], 3, dtype=dtype)
        history = train(network, x, y, backend=backend, epochs=8)
        losses.append([record.train_loss for record in history.epochs])
    np.testing.assert_allclose(*losses, rtol=1e-9 if dtype == "float64" else 1e-3)


def test_float32_goes_as_far_as_it_can_tell():
    x, y = two_clouds()
    network = Network([Dense(3), Activation("tanh"), Dense(1)], 3)
    optimizer = LevenbergMarquardt(tolerance_change=0.0, tolerance_gradient=0.0)
    history = train(network, x, y, optimizer=optimizer, epochs=5000)
    assert history.stopped == "no lower loss was found that float32 can tell from the last"
    assert history.best_epoch == len(history.epochs)


# -- what ends it ---------------------------------------------------------------------------------


def small():
    return Network([Dense(3), Activation("tanh"), Dense(1)], 3, dtype="float64")


class Path(Callback):
    """Notes the weights of every iterate, and ends the fit at one."""

    def __init__(self, network, stop_at=None):
        self.network, self.stop_at, self.points = network, stop_at, []

    def on_epoch(self, record, progress):
        self.points.append(vector(self.network.weights()))
        if record.epoch == self.stop_at:
            raise KeyboardInterrupt


def test_epochs_are_steps_down():
    x, y = two_clouds()
    history = train(small(), x, y, epochs=12)
    assert history.stopped == "all 12 epochs were run"
    losses = [record.train_loss for record in history.epochs]
    assert len(losses) == history.best_epoch == 12
    assert losses == sorted(losses, reverse=True)


def test_until():
    x, y = two_clouds()
    history = train(small(), x, y, until=0.05)
    losses = [record.train_loss for record in history.epochs]
    assert losses[-1] <= 0.05 < losses[-2]


def test_ctrl_c_keeps_what_was_reached():
    x, y = two_clouds()
    network = small()
    path = Path(network, stop_at=4)
    history = train(network, x, y, callbacks=[path])
    assert history.stopped == "interrupted in epoch 5"
    assert (vector(network.weights()) == path.points[-1]).all()


def test_the_best_weights_on_validation_rows_come_back():
    x, y = two_clouds(rows=40)
    network = Network([Dense(8), Activation("tanh"), Dense(1)], 3, dtype="float64")
    path = Path(network)
    history = train(
        network, x[:20], y[:20], validation=(x[20:], y[20:]), patience=5, callbacks=[path]
    )
    losses = [record.validation_loss for record in history.epochs]
    assert history.stopped == "no better validation loss for 5 epochs"
    assert history.best_epoch == int(np.argmin(losses)) + 1
    assert (vector(network.weights()) == path.points[history.best_epoch - 1]).all()


class Ticking:
    """A clock that goes on by a millisecond whenever it is read."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 0.001
        return self.now


def test_a_budget_is_kept():
    x, y = two_clouds()
    endless = LevenbergMarquardt(tolerance_change=0.0, tolerance_gradient=0.0)
    history = train(small(), x, y, epochs=10**6, budget=0.012, clock=Ticking(), optimizer=endless)
    assert history.stopped == "the budget of 0.012 s was used up"
    assert 0.008 < history.seconds < 0.017
    network = small()
    before = vector(network.weights())
    history = train(network, x, y, budget=0.002, clock=Ticking())
    assert history.stopped.startswith("the budget of 0.002 s was too small for a single step")
    assert (vector(network.weights()) == before).all()


def test_a_budget_ends_within_a_look_at_many_rows(monkeypatch):
    monkeypatch.setattr(levenberg_marquardt, "CHUNK_ROWS", 1)
    monkeypatch.setattr(levenberg_marquardt, "CHUNK_NUMBERS", 1)
    x, y = two_clouds(rows=30)
    network = small()
    before = vector(network.weights())
    # A look reads the clock before each of the 29 pieces after the first.
    history = train(network, x, y, budget=0.02, clock=Ticking())
    assert history.stopped.startswith("the budget of 0.02 s was too small for a single step")
    assert history.seconds < 0.03
    assert (vector(network.weights()) == before).all()
    history = train(network, x, y, budget=0.1, clock=Ticking())
    assert history.stopped == "the budget of 0.1 s was used up"
    assert history.seconds < 0.11
    assert np.mean((network.predict(x) - y) ** 2) == pytest.approx(history.best_loss, rel=1e-12)


def test_a_start_at_the_minimum_is_left_alone():
    network = Network([Dense(1)], 1, dtype="float64")
    network.set_weights({"dense1.weight": [[2.0]], "dense1.bias": [1.0]})
    history = train(network, [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    assert (history.epochs, history.stopped) == ([], "the gradient is at most 1e-10 everywhere")


def test_a_dead_network_ends_at_once():
    network = Network([Dense(2), Activation("relu"), Dense(1, bias=False)], 1, dtype="float64")
    # No neuron is ever active: all derivatives are zero.
    network.set_weights(
        {"dense1.weight": [[-1.0, -1.0]], "dense1.bias": [0, 0], "dense2.weight": [[1.0], [1.0]]}
    )
    history = train(network, [[1.0], [2.0]], [1.0, 2.0])
    assert history.stopped == "the gradient is at most 1e-10 everywhere"


def test_a_start_without_a_finite_loss():
    network = Network([Dense(1)], 1)
    network.set_weights({"dense1.weight": [[3e38]], "dense1.bias": [0.0]})
    history = train(network, [[10.0], [20.0]], [1.0, 2.0])
    assert history.stopped == "the loss of the starting weights is not finite"


# -- wrong use ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "settings", "message"),
    [
        (
            Network([Dense(1)], 3),
            {"loss": BinaryCrossEntropy()},
            r"fit.loss: Levenberg-Marquardt needs a sum of squares .*MeanSquaredError\(\)",
        ),
        (
            Network([Dense(1300), Dense(1)], 3),
            {},
            "too many parameters .*at most 5,000; given: 6,501.*LBFGS",
        ),
        (
            Network([Dense(4), Dropout(0.5), Dense(1)], 3),
            {},
            "a full-batch method needs a loss that chance does not change",
        ),
        (
            Network([Dense(4), BatchNorm(), Dense(1)], 3),
            {},
            "LevenbergMarquardt does not gather running averages .*given: batchnorm1.mean",
        ),
        (
            Network([Reshape((3, 1)), Conv1D(2, 2), Flatten(), Dense(1)], 3),
            {},
            "a parameter is used by matmul .*given: conv1d1.weight",
        ),
        (Network([Dense(1)], 3), {"batch_size": 8}, "LevenbergMarquardt takes all rows"),
        (Network([Dense(1)], 3), {"checkpoint": "a"}, "LevenbergMarquardt keeps no checkpoints"),
    ],
)
def test_fits_that_cannot_be(network, settings, message):
    x, y = two_clouds()
    with pytest.raises(SettingError, match=message):
        train(network, x, (y > 0).astype(float), **settings)


def test_tables_of_categories_are_refused():
    network = Network([Dense(1)], 0, categories=[3])
    with pytest.raises(SettingError, match=r"a parameter is used by .*given: embedding"):
        train(network, np.array([[0], [1], [2]]), [0.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LevenbergMarquardt(damping=0), "LevenbergMarquardt.damping: .*above 0"),
        (lambda: LevenbergMarquardt(tolerance_gradient=-1), "tolerance_gradient: .*at least 0"),
        (lambda: LevenbergMarquardt(tolerance_change=1), "tolerance_change: .*below 1"),
    ],
)
def test_settings_outside_what_is_allowed(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_survives_its_document():
    method = LevenbergMarquardt(damping=0.5, tolerance_change=1e-3)
    assert from_document(method.to_document(), FULL_BATCH_METHODS, "optimizer") == method
