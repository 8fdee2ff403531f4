"""Normalisation by hand, what batch normalisation gathers, and training with it."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from module_beside import module_beside
from quickprop import ops
from quickprop.autodiff import gradients
from quickprop.errors import SettingError
from quickprop.execution import function
from quickprop.graph import placeholder
from quickprop.losses import CrossEntropy, MeanSquaredError
from quickprop.nn import (
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    LayerNorm,
    LocalResponseNorm,
    Network,
)
from quickprop.optim import SGD
from quickprop.train import Callback, ExponentialAverage, fit

HERE = Path(__file__).parent
oracle = module_beside(__file__, "make_expected_layers")
GATHERED = json.loads((HERE / "expected_layers.json").read_text())["gathering"]

BACKENDS = ("reference", "native")
TOLERANCE = {"float32": 2e-5, "float64": 1e-8}
NO_TORCH = "compares with PyTorch itself, which is not installed; the stored numbers were compared"


# -- batch normalisation in training ---------------------------------------------------


def gathered(name, dtype, backend):
    """What steps of training give and gather."""
    layer, _, shape = oracle.GATHERING[name]
    network = Network([layer], shape, dtype=dtype)
    given = oracle.parameters_of({"weight": shape[-1:], "bias": shape[-1:]})
    kept = network.weights()
    network.set_weights(kept | {f"batchnorm1.{name}": value for name, value in given.items()})
    updates = []
    y = network.output(True, updates=updates)
    upstream = placeholder(y.shape, dtype)
    slopes = gradients(ops.sum(y * upstream), [*network.inputs, *network.parameters])
    run = function([*network.inputs, upstream], [y, *slopes], updates, backend=backend)
    steps = []
    for step in range(oracle.STEPS):
        x = oracle.numbers((oracle.ROWS, *shape), 0.7 * step)
        found = run(x, oracle.numbers(x.shape, 5.0))
        weights = network.weights()
        steps.append(
            {
                **dict(zip(("result", "by_source", "by_weight", "by_bias"), found, strict=True)),
                "mean": weights["batchnorm1.mean"],
                "variance": weights["batchnorm1.variance"],
            }
        )
    return steps


def assert_same_steps(steps, expected, tolerance):
    assert len(steps) == len(expected) == oracle.STEPS
    for step, other in zip(steps, expected, strict=True):
        for name, array in step.items():
            wanted = np.reshape(other[name], array.shape)
            np.testing.assert_allclose(array, wanted, tolerance, tolerance, err_msg=name)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", oracle.GATHERING)
def test_steps_of_training_are_those_of_pytorch(name, dtype, backend):
    # With two rows to a batch vectors have tiny variances, which float32 makes the most of.
    tolerance = 1e-3 if dtype == "float32" and name == "batch norm" else TOLERANCE[dtype]
    assert_same_steps(gathered(name, dtype, backend), GATHERED[name], tolerance)


@pytest.mark.parametrize("name", oracle.GATHERING)
def test_pytorch_itself_gives_these_steps(name):
    pytest.importorskip("torch", reason=NO_TORCH)
    assert_same_steps(gathered(name, "float64", "native"), oracle.torch_gathering(name), 1e-10)


@pytest.mark.parametrize("backend", BACKENDS)
def test_batch_normalisation_by_hand(backend):
    network = Network([BatchNorm(momentum=0.25, epsilon=1.0)], 1, dtype="float64")
    updates = []
    y = network.output(True, updates=updates)
    run = function(network.inputs, y, updates, backend=backend)
    # Mean 3, variance (4 + 0 + 4) / 3 = 8/3, and of the population 8/2 = 4.
    got = run([[1.0], [3.0], [5.0]])
    expected = 2.0 / np.sqrt(8.0 / 3.0 + 1.0)
    np.testing.assert_allclose(got.ravel(), [-expected, 0.0, expected], 1e-14)
    weights = network.weights()
    assert weights["batchnorm1.mean"].tolist() == [0.25 * 3.0]
    assert weights["batchnorm1.variance"] == pytest.approx(0.75 * 1.0 + 0.25 * 4.0)
    # Predicting: (3 - 0.75) / sqrt(1.75 + 1)
    predicted = network.predict([[3.0]], backend=backend)
    assert predicted == pytest.approx(np.array([[2.25 / np.sqrt(2.75)]]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_batch_of_one_row_has_no_variance(backend):
    network = Network([BatchNorm()], 2, dtype="float64")
    updates = []
    y = network.output(True, updates=updates)
    run = function(network.inputs, [y, *gradients(ops.sum(y), network.inputs)], updates, backend)
    result, slope = run([[7.0, -3.0]])
    assert result.tolist() == [[0.0, 0.0]]
    assert np.isfinite(slope).all()
    # The running variance stays; the running mean moves by a tenth.
    assert network.weights()["batchnorm1.variance"].tolist() == [1.0, 1.0]
    assert network.weights()["batchnorm1.mean"] == pytest.approx([0.7, -0.3])


def test_far_from_zero_nothing_is_lost():
    # Numbers around 1e4 that differ by thousandths: their squares would hide the variance.
    network = Network([BatchNorm(epsilon=1e-12)], 1, dtype="float64")
    x = 1e4 + np.array([[0.0], [1e-3], [2e-3]])
    got = function(network.inputs, network.output(True))(x)
    np.testing.assert_allclose(got.ravel(), [-np.sqrt(1.5), 0.0, np.sqrt(1.5)], 1e-5)


def test_running_averages_are_variables_and_not_parameters():
    network = Network([Dense(3), BatchNorm(), Activation("relu"), Dense(2)], 4)
    names = [str(p.name) for p in network.parameters]
    assert names == [
        "dense1.weight", "dense1.bias", "batchnorm1.weight", "batchnorm1.bias",
        "dense2.weight", "dense2.bias",
    ]  # fmt: skip
    assert {str(v.name) for v in network.variables} - set(names) == {
        "batchnorm1.mean", "batchnorm1.variance",
    }  # fmt: skip
    assert [str(p.name) for p in network.penalised] == ["dense1.weight", "dense2.weight"]
    assert network.parameter_count == 4 * 3 + 3 + 2 * 3 + 3 * 2 + 2


# -- in a fit ---------------------------------------------------


def shifted(rows=200, seed=0):
    """Columns far from zero and of very different spreads, and a target."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(rows, 3))
    return z * [100.0, 0.01, 5.0] + [1000.0, 3.0, -50.0], (z @ [1.0, -2.0, 0.5])[:, None]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_fit_gathers_mean_and_variance(backend):
    x, y = shifted()
    network = Network([BatchNorm(), Dense(1)], 3, dtype="float64")
    fit(
        network, x, y, loss=MeanSquaredError(), optimizer=SGD(0.1), batch_size=50, epochs=60,
        backend=backend,
    )  # fmt: skip
    weights = network.weights()
    # Averages over some ten batches of fifty rows.
    np.testing.assert_allclose(weights["batchnorm1.mean"], x.mean(0), rtol=0.05, atol=0)
    np.testing.assert_allclose(weights["batchnorm1.variance"], x.var(0), rtol=0.25)
    error = np.mean((network.predict(x, backend=backend) - y) ** 2)
    assert error < 0.02 * np.var(y)


def test_both_backends_gather_the_same():
    x, y = shifted()
    found = []
    for backend in BACKENDS:
        network = Network([Dense(4), BatchNorm(), Activation("tanh"), Dense(1)], 3, dtype="float64")
        fit(
            network, x / 100.0, y, loss=MeanSquaredError(), batch_size=32, epochs=3, backend=backend
        )
        found.append(network.weights())
    for name, value in found[0].items():
        np.testing.assert_allclose(found[1][name], value, 1e-9, 1e-9, err_msg=name)


def test_gathered_numbers_are_of_the_best_epoch():
    # Validation predicts with what was gathered, and what is kept belongs to the best weights.
    x, y = shifted()
    network = Network([BatchNorm(momentum=0.02), Dense(1)], 3, dtype="float64")
    held_out = shifted(50, seed=1)
    history = fit(
        network, x, y, loss=MeanSquaredError(), optimizer=SGD(0.3), epochs=40, batch_size=20,
        validation=held_out, patience=None,
    )  # fmt: skip
    error = np.mean((network.predict(held_out[0]) - held_out[1]) ** 2)
    assert error == pytest.approx(history.best.validation_loss, rel=1e-9)


class Interrupt(Callback):
    """Ends a fit within an epoch."""

    def on_slice(self, progress):
        if progress.epoch == 3 and progress.fraction >= 0.5:
            raise KeyboardInterrupt


def test_gathered_numbers_survive_a_checkpoint(tmp_path):
    x, y = shifted()
    found = []
    for parts in ([()], [(Interrupt(),), ()]):
        network = Network([BatchNorm(), Dense(1)], 3)
        path = tmp_path / f"{len(parts)}.checkpoint"
        for callbacks in parts:
            history = fit(
                network, x, y, loss=MeanSquaredError(), optimizer=SGD(0.1), epochs=6,
                batch_size=20, callbacks=callbacks, checkpoint=path, resume=True,
            )  # fmt: skip
        assert len(history.epochs) == 6
        found.append(network.weights())
    for name, value in found[0].items():
        assert (found[1][name] == value).all(), name


def test_averaged_weights_come_with_gathered_numbers_that_fit():
    x, y = shifted()
    network = Network([BatchNorm(), Dense(1)], 3, dtype="float64")
    fit(
        network, x, y, loss=MeanSquaredError(), optimizer=SGD(0.1), epochs=60, batch_size=50,
        averaging=ExponentialAverage(0.9),
    )  # fmt: skip
    assert np.mean((network.predict(x) - y) ** 2) < 0.05 * np.var(y)


def test_a_convolutional_network_with_batch_normalisation_learns():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 96)
    stripes = np.sin(np.arange(8) * 2.0)[:, None] * np.ones(8)
    images = np.where(labels[:, None, None] == 0, stripes, stripes.T)
    images = 50.0 + 10.0 * (images + rng.normal(0, 0.7, images.shape))[..., None]
    network = Network(
        [Conv2D(4, 3, bias=False), BatchNorm(), Activation("relu"), Flatten(), Dense(2)], (8, 8, 1)
    )
    fit(network, images, labels, loss=CrossEntropy(), epochs=10, batch_size=16)
    assert (network.predict(images).argmax(1) == labels).mean() > 0.95
    again = pickle.loads(pickle.dumps(network))
    assert (again.predict(images) == network.predict(images)).all()


# -- layer and local response normalisation ---------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_layer_normalisation_by_hand(backend):
    network = Network([LayerNorm(epsilon=1.0)], 3, dtype="float64")
    network.set_weights({"layernorm1.weight": [1.0, 2.0, 3.0], "layernorm1.bias": [0.0, 0.0, 1.0]})
    # Mean 2, variance 8/3: away by -2, 0 and 2, over sqrt(8/3 + 1).
    unit = 2.0 / np.sqrt(8.0 / 3.0 + 1.0)
    got = network.predict([[0.0, 2.0, 4.0]], backend=backend)
    np.testing.assert_allclose(got, [[-unit, 0.0, 3.0 * unit + 1.0]], 1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
def test_local_response_normalisation_by_hand(backend):
    network = Network([LocalResponseNorm(3, alpha=3.0, beta=1.0, k=2.0)], 3, dtype="float64")
    # Sums of squares: 1 + 4, 1 + 4 + 9, 4 + 9; alpha / size = 1.
    got = network.predict([[1.0, 2.0, 3.0]], backend=backend)
    np.testing.assert_allclose(got, [[1 / 7, 2 / 16, 3 / 15]], 1e-14)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BatchNorm(momentum=1.5), "BatchNorm.momentum: .*at least 0 and at most 1"),
        (lambda: BatchNorm(momentum=-0.1), "BatchNorm.momentum"),
        (lambda: BatchNorm(epsilon=0.0), "BatchNorm.epsilon: .*above 0; given: 0.0"),
        (lambda: BatchNorm(epsilon=float("nan")), "BatchNorm.epsilon"),
        (lambda: BatchNorm(momentum="0.1"), "BatchNorm.momentum"),
        (lambda: LayerNorm(epsilon=-1.0), "LayerNorm.epsilon"),
        (lambda: LocalResponseNorm(0), "LocalResponseNorm.size"),
        (lambda: LocalResponseNorm(2.5), "LocalResponseNorm.size"),
        (lambda: LocalResponseNorm(alpha=-1.0), "LocalResponseNorm.alpha"),
        (lambda: LocalResponseNorm(beta=float("inf")), "LocalResponseNorm.beta"),
        (lambda: LocalResponseNorm(k=0.0), "LocalResponseNorm.k: .*above 0"),
    ],
)
def test_settings_outside_what_is_allowed(make, message):
    with pytest.raises(SettingError, match=message):
        make()
