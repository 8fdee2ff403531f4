import numpy as np
import pytest

from quickprop.errors import GraphError, SettingError
from quickprop.execution import Minibatches
from quickprop.graph import ROWS, Graph, placeholder
from quickprop.losses import CrossEntropy, MeanSquaredError
from quickprop.nn import Activation, Dense, Network
from quickprop.ops.elementary import mean
from quickprop.optim import SGD, Adam
from quickprop.train import fit
from quickprop.train.arrays import TrainingData
from quickprop.train.mixup import Mixup

RNG = np.random.default_rng(8)


def part(weights=None):
    x = RNG.normal(size=(50, 3)).astype(np.float32)
    return TrainingData((x,), RNG.integers(0, 3, 50).astype(np.int32), weights)


def test_every_row_is_mixed_with_its_partner():
    rows = TrainingData((np.arange(50.0).reshape(50, 1),), np.arange(50, dtype=np.int32), None)
    mixed = Mixup(0.5, rows, 1).rows(3)
    own, other = np.arange(50.0), mixed.partner_target.astype(float)
    assert sorted(other) == own.tolist()
    np.testing.assert_allclose(mixed.weights + mixed.partner_weights, 1.0)
    expected = mixed.weights * own + mixed.partner_weights * other
    np.testing.assert_allclose(mixed.inputs[0][:, 0], expected, rtol=1e-12)
    assert 0 <= mixed.weights.min() < 0.1
    assert 0.9 < mixed.weights.max() <= 1


def test_rows_depend_on_seed_and_epoch_alone():
    rows = part()
    one = Mixup(0.3, rows, 1).rows(2)
    assert (one.inputs[0] == Mixup(0.3, rows, 1).rows(2).inputs[0]).all()
    assert (one.inputs[0] != Mixup(0.3, rows, 1).rows(3).inputs[0]).any()
    assert (one.inputs[0] != Mixup(0.3, rows, 2).rows(2).inputs[0]).any()


@pytest.mark.parametrize("alpha", [1e-30, 1e-3, 1e30])
def test_extreme_shares(alpha):
    mixed = Mixup(alpha, part(), 0).rows(1)
    assert np.isfinite(mixed.inputs[0]).all()
    assert mixed.inputs[0].dtype == mixed.weights.dtype == np.float32
    middle = np.abs(mixed.weights - 0.5)
    assert middle.max() < 1e-3 if alpha > 1 else middle.min() > 0.3


@pytest.mark.parametrize("columns", [None, 2])
def test_weights_go_with_their_rows(columns):
    shape = 50 if columns is None else (50, columns)
    weights = RNG.uniform(size=shape).astype(np.float32)
    mixed = Mixup(1.0, part(weights), 0).rows(1)
    assert mixed.weights.shape == mixed.partner_weights.shape == weights.shape
    own = mixed.weights / weights
    assert own.max() <= 1.00001
    if columns:
        np.testing.assert_allclose(own[:, 0], own[:, 1], 1e-5)


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_the_loss_is_that_of_the_mixed_target(backend):
    # Before the first step: -sum over classes of the mixed one-hot target times ln(probability).
    rows = part()
    network = Network([Dense(7), Activation("tanh"), Dense(3)], 3)
    start = network.weights()
    history = fit(
        network, rows.inputs[0], rows.target, loss=CrossEntropy(), optimizer=SGD(1e-20),
        epochs=1, batch_size=50, mixup=0.8, seed=4, backend=backend,
    )  # fmt: skip
    mixed = Mixup(0.8, rows, 4).rows(1)
    network.set_weights(start)
    f = network.predict(mixed.inputs[0], backend="reference").astype(float)
    log_p = f - np.log(np.exp(f).sum(axis=1, keepdims=True))
    soft = mixed.weights[:, None] * np.eye(3)[rows.target]
    soft += mixed.partner_weights[:, None] * np.eye(3)[mixed.partner_target]
    expected = -(soft * log_p).sum(axis=1).mean()
    assert history.epochs[0].train_loss == pytest.approx(expected, rel=1e-5)


def test_both_backends_make_the_same_steps_and_leave_the_arrays_alone():
    x = RNG.normal(size=(90, 5)).astype(np.float32)
    y = RNG.normal(size=(90, 2)).astype(np.float32)
    before = x.copy(), y.copy()
    weights = {}
    for backend in ("reference", "native"):
        network = Network([Dense(6), Activation("tanh"), Dense(2)], 5)
        fit(
            network, x, y, loss=MeanSquaredError(), optimizer=Adam(0.01), epochs=4, mixup=0.4,
            weights=np.linspace(0.5, 1.5, 90), backend=backend,
        )  # fmt: skip
        weights[backend] = network.weights()
    assert (x == before[0]).all()
    assert (y == before[1]).all()
    for name, array in weights["native"].items():
        np.testing.assert_allclose(array, weights["reference"][name], 1e-3, 1e-5)


def test_mixup_learns(make_network, ring):
    (x, y), held_out = ring
    network = make_network()
    history = fit(
        network, x, y, loss=CrossEntropy(), optimizer=Adam(0.03), epochs=60, mixup=0.2,
        validation=held_out,
    )  # fmt: skip
    assert (network.predict(held_out[0]).argmax(axis=1) == held_out[1]).mean() > 0.9
    assert history.best_epoch > 1


def test_categories_cannot_be_mixed():
    network = Network([Dense(2)], 1, [3])
    x, codes = np.zeros((4, 1), np.float32), np.zeros((4, 1), np.int32)
    with pytest.raises(SettingError, match=r"fit.mixup: category codes cannot be mixed.*one-hot"):
        fit(network, (x, codes), np.zeros(4, np.int32), loss=CrossEntropy(), mixup=0.2)


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_other_rows_for_bound_minibatches(backend):
    x, y = placeholder((ROWS, 3), "float32", "x"), placeholder((ROWS, 3), "float32", "y")
    graph = Graph((x, y), (mean(x * y),), ())
    first, ones = np.arange(12, dtype=np.float32).reshape(4, 3), np.ones((4, 3), np.float32)
    batches = Minibatches(graph, {x: first, y: ones}, 4, backend=backend)
    assert batches.run(0, 1, {}) == pytest.approx(66 / 12 * 4)
    batches.bind({x: ones * 2})
    assert batches.run(0, 1, {}) == pytest.approx(8)
    assert (first == np.arange(12).reshape(4, 3)).all()
    with pytest.raises(GraphError, match=r"rows that the graph does not take.*4 rows.*given: 3"):
        batches.bind({x: ones[:3]})
    with pytest.raises(GraphError, match="not an input of the graph"):
        batches.bind({placeholder((ROWS,), "float32"): ones[:, 0]})
