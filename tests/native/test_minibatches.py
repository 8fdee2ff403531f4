"""Mini-batches: native against reference over networks, losses and batch sizes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from quickprop import ops
from quickprop.autodiff import gradients
from quickprop.execution import Minibatches, function
from quickprop.graph import ROWS, Graph, Tensor, batch_matmul, placeholder, variable
from quickprop.losses import CrossEntropy, MeanSquaredError
from quickprop.native import native_function, native_minibatches, shuffling, thread_count
from quickprop.nn import (
    Activation,
    Dense,
    Dropout,
    Network,
)
from quickprop.ops.elementary import mean
from quickprop.ops.permutation import permutation
from quickprop.optim import Adam
from quickprop.train import fit

ACTIVATIONS = ("relu", "tanh", "sigmoid", "gelu", "silu", "leaky_relu", "elu", "softplus")


def train(
    widths: tuple[int, ...], activation: str, batch: int, backend: str, dtype: str, dropout: float
) -> tuple[list[float], dict[str, np.ndarray]]:
    rng = np.random.default_rng(4)
    rows = 53
    layers = []
    for width in widths[1:-1]:
        layers += [Dense(width), Activation(activation)]
        if dropout:
            layers.append(Dropout(dropout))
    network = Network([*layers, Dense(widths[-1])], widths[0], seed=1, dtype=dtype)
    x = rng.normal(size=(rows, widths[0]))
    if widths[-1] == 1:
        y, loss = rng.normal(size=(rows, 1)), MeanSquaredError()
    else:
        y, loss = rng.integers(0, widths[-1], rows).astype(np.int32), CrossEntropy()
    history = fit(
        network, x.astype(dtype), y, loss=loss, optimizer=Adam(0.01), batch_size=batch, epochs=4,
        patience=None, backend=backend, seed=2,
    )  # fmt: skip
    return [record.train_loss for record in history.epochs], network.weights()


CASES = [
    *(((7, 9, 3), name, 16, 0.0) for name in ACTIVATIONS),
    ((4, 33, 17, 5), "relu", 10, 0.0),
    ((4, 33, 17, 5), "relu", 10, 0.3),
    ((9, 70, 1), "tanh", 1, 0.0),
    ((1, 1), "relu", 53, 0.0),
    ((2, 1, 1), "tanh", 7, 0.0),
    ((3, 300, 64, 10), "relu", 32, 0.1),
    ((70, 5, 2), "gelu", 64, 0.0),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("widths", "activation", "batch", "dropout"), CASES)
def test_native_trains_as_the_reference(
    widths: tuple[int, ...], activation: str, batch: int, dropout: float, dtype: str
):
    plain, weights = train(widths, activation, batch, "reference", dtype, dropout)
    fast, native = train(widths, activation, batch, "native", dtype, dropout)
    tolerance = 2e-4 if dtype == "float32" else 1e-9
    np.testing.assert_allclose(fast, plain, rtol=tolerance, atol=tolerance)
    for name, array in weights.items():
        # Adam's first steps have the size of the rate whatever the gradient: noise in a gradient
        # near zero shows at once.
        np.testing.assert_allclose(native[name], array, rtol=20 * tolerance, atol=20 * tolerance)


def train_wide(threads: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """A network wide enough to be shared, with the cost model told that it is worth it."""
    monkeypatch.setenv("QUICKPROP_NUM_THREADS", "3")
    monkeypatch.setattr(native_minibatches, "thread_count", lambda work, asked=None: asked or 1)
    rng = np.random.default_rng(5)
    network = Network(
        [Dense(200), Activation("tanh"), Dense(260), Activation("relu"), Dense(3)], 30
    )
    x = rng.normal(size=(200, 30)).astype(np.float32)
    y = rng.integers(0, 3, 200).astype(np.int32)
    fit(network, x, y, loss=CrossEntropy(), batch_size=64, epochs=6, patience=None, threads=threads)
    return network.weights()


def test_the_same_bits_with_any_number_of_threads(monkeypatch: pytest.MonkeyPatch):
    one = train_wide(1, monkeypatch)
    for count in (2, 3):
        for name, array in train_wide(count, monkeypatch).items():
            np.testing.assert_array_equal(array, one[name])


def test_predictions_in_several_threads_are_the_same(monkeypatch: pytest.MonkeyPatch):
    x_values = np.random.default_rng(0).normal(size=(5000, 20)).astype(np.float32)
    results = []
    for count in (1, 2, 3):
        monkeypatch.setattr(
            native_function, "thread_count", lambda work, asked=None, count=count: count
        )
        network = Network([Dense(64), Activation("relu"), Dense(5)], 20, seed=3)
        run = function(network.inputs, network.output())
        results += [run(x_values), run(x_values)]
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


def test_products_of_stacks_have_the_same_bits_with_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("QUICKPROP_NUM_THREADS", "3")
    monkeypatch.setattr(native_minibatches, "thread_count", lambda work, asked=None: asked or 1)
    rng = np.random.default_rng(2)
    start = rng.normal(size=(1, 7, 20)).astype(np.float32)
    data = rng.normal(size=(50, 3, 11, 7)).astype(np.float32)
    results = []
    for count in (1, 2, 3):
        x, w = placeholder((None, 3, 11, 7)), variable(start, name="w")
        h = ops.tanh(x @ w)
        scores = ops.softmax(batch_matmul(h, h, transpose_b=True) * 0.2)
        loss = ops.mean(ops.square(scores @ h - x[:, :, :, :1]))
        (gradient,) = gradients(loss, [w])
        graph = Graph((x,), (loss,), ((w, w - gradient * 0.3),))
        steps = Minibatches(graph, {x: data}, 16, threads=count)
        losses = [steps.run(0, 4, {}) for _ in range(6)]
        results.append((losses, w.value))
    assert results[0][0][0] > results[0][0][-1]
    for losses, value in results[1:]:
        assert losses == results[0][0]
        np.testing.assert_array_equal(value, results[0][1])


@pytest.mark.parametrize("rows", [1, 2, 3, 100, 1001])
@pytest.mark.parametrize(("seed", "epoch"), [(0, 0), (7, 3), (2**31 - 1, 10**6)])
def test_rows_are_shuffled_alike(rows: int, seed: int, epoch: int):
    order = np.zeros(rows, np.int32)
    shuffling.shuffle(order, seed, epoch)
    np.testing.assert_array_equal(order, permutation(rows, seed, epoch))
    assert sorted(order) == list(range(rows))


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 7, 100, 1024, 1025, 5000])
def test_rows_are_shuffled_as_by_numpy(rows: int):
    order, expected = np.arange(rows, dtype=np.int32), np.arange(rows)
    random, theirs = np.random.RandomState(5), np.random.RandomState(5)
    shuffle = shuffling.shuffler(order, random)
    for _ in range(3):
        shuffle()
        theirs.shuffle(expected)
        np.testing.assert_array_equal(order, expected)
    # What is drawn next is the same too.
    assert random.randint(2**31) == theirs.randint(2**31)


def test_a_limit_of_others_is_obeyed(monkeypatch: pytest.MonkeyPatch):
    limits = pytest.importorskip("threadpoolctl").threadpool_limits
    monkeypatch.setenv("QUICKPROP_NUM_THREADS", "4")
    with limits(1):
        assert thread_count.thread_count(10**12) == 1


def test_the_tuner_prefers_what_is_quicker_and_tries_the_other_again():
    tuner = thread_count.ThreadTuner(2)
    cost: Callable[[int], float] = {1: 1.0, 2: 2.0}.__getitem__
    chosen = []
    for _ in range(60):
        count = tuner.choose()
        chosen.append(count)
        tuner.note(count, cost(count))
    assert chosen[:2] == [2, 1]
    assert chosen.count(2) == 3
    assert 2 in chosen[20:40]


def test_the_tuner_forgets_what_another_number_of_threads_took():
    tuner = thread_count.ThreadTuner(4)
    tuner.note(4, 1.0)
    tuner.note(1, 2.0)
    assert tuner.choose() == 4
    # Others are at work: only two of four were free.
    tuner.note(2, 3.0)
    assert tuner.choose() == 1
    assert tuner.seconds == {1: 2.0, 2: 3.0}


def test_last_short_batch_counts_by_its_rows():
    x = np.arange(5, dtype=np.float32).reshape(5, 1)
    from_batches: list[float] = []
    for backend in ("native", "reference"):
        network = Network([Dense(1)], 1)
        network.set_weights({"dense1.weight": [[1.0]], "dense1.bias": [0.0]})
        loss = MeanSquaredError()
        target: Tensor = loss.target_placeholder(1)
        cost = loss(network.output(), target)
        graph = Graph((*network.inputs, target), (cost,))
        steps = Minibatches(graph, {network.inputs[0]: x, target: x * 0}, 2, backend=backend)
        from_batches.append(steps.run(0, 3, {}))
    # 0 + 1, 4 + 9, 16: means 0.5, 6.5, 16 times 2, 2, 1 rows.
    assert from_batches == [30.0, 30.0]


@pytest.mark.parametrize("backend", ["native", "reference"])
def test_an_epoch_has_one_sum_however_it_is_cut(backend):
    x = placeholder((ROWS, 3), "float32", "x")
    loss = mean(x * x)
    rows = np.random.default_rng(4).normal(size=(997, 3)).astype(np.float32)
    batches = Minibatches(Graph((x,), (loss,)), {x: rows}, 10, backend=backend)
    whole = batches.run(0, 100, {})
    total, done = 0.0, 0
    for steps in (1, 7, 40, 2, 50):
        total = batches.run(done, steps, {}, total)
        done += steps
    assert total == whole
    # Sums of parts, added up, round otherwise.
    assert sum(batches.run(first, 1, {}) for first in range(100)) == pytest.approx(whole)
