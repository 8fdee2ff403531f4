import math

import numpy as np
import pytest

from quickprop import ops
from quickprop.autodiff import gradients
from quickprop.errors import GraphError, SettingError
from quickprop.execution import function
from quickprop.graph import placeholder
from quickprop.losses import MeanSquaredError
from quickprop.nn import Dense, GaussianNoise, Network
from quickprop.optim import SGD
from quickprop.train import Callback, fit

BACKENDS = ("reference", "native")
SEED, STEP = placeholder((), "int32", "seed"), placeholder((), "int32", "step")


def noise(layers, steps=(0,), seed=5, rows=4000, dtype="float32", backend="reference"):
    """The outputs in training for zeros (rows, 5), one array for each step."""
    network = Network(layers, 5, dtype=dtype)
    y = network.output(True, SEED, STEP)
    run = function((*network.inputs, SEED, STEP), y, backend=backend)
    zeros = np.zeros((rows, 5), dtype)
    return [run(zeros, np.int32(seed), np.int32(step)) for step in steps]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_noise_is_normal(dtype, backend):
    (y,) = noise([GaussianNoise(2.0)], dtype=dtype, backend=backend)
    z = np.sort(y.ravel() / 2.0)
    # 20,000 numbers: standard errors are 0.007 of the mean, 0.01 of the variance, 0.035 of the
    # fourth moment, which is 3.
    assert abs(z.mean()) < 0.03
    assert abs(z.var() - 1.0) < 0.05
    assert abs((z**4).mean() - 3.0) < 0.4
    # Kolmogorov and Smirnov: farther apart than 1.63 / sqrt(n) once in a hundred samples.
    distribution = np.array([0.5 * math.erfc(-number / math.sqrt(2.0)) for number in z])
    steps = np.arange(1, z.size + 1) / z.size
    assert abs(distribution - steps).max() < 1.63 / math.sqrt(z.size)
    assert abs(np.corrcoef(y[:, 0], y[:, 1])[0, 1]) < 0.08


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_noise_is_the_same_compiled(dtype):
    expected, got = (
        noise([GaussianNoise(0.5)], (3,), rows=301, dtype=dtype, backend=backend)[0]
        for backend in BACKENDS
    )
    tolerance = 1e-6 if dtype == "float32" else 1e-14
    np.testing.assert_allclose(got, expected, tolerance, tolerance)


def test_a_normal_number_by_hand():
    # The definition itself, from the two uniform numbers of the same place.
    u, v = (ops.uniform((4, 3), f"a.{part}", SEED, STEP, "float64") for part in ("radius", "angle"))
    n = ops.normal((4, 3), "a", SEED, STEP, "float64")
    a, b, found = function([SEED, STEP], [u, v, n])(np.int32(1), np.int32(2))
    expected = np.sqrt(-2.0 * np.log(1.0 - a)) * np.cos(2.0 * np.pi * b)
    np.testing.assert_allclose(found, expected, 1e-13)


def test_noise_is_new_at_every_step_and_the_same_for_a_step():
    first, again, next_one = noise([GaussianNoise()], steps=(0, 0, 1))
    assert (first == again).all()
    assert (first != next_one).mean() > 0.99


def test_noise_layers_draw_apart():
    # Variances of independent numbers add up: 3^2 + 4^2 = 5^2. The same numbers twice give 7^2.
    (y,) = noise([GaussianNoise(3.0), GaussianNoise(4.0)])
    assert abs(y.std() / 5.0 - 1.0) < 0.03


def test_noise_does_nothing_outside_training_and_without_deviation():
    network = Network([GaussianNoise(0.9)], 2)
    assert network.predict([[1.0, 2.0]], backend="reference").tolist() == [[1.0, 2.0]]
    quiet = Network([GaussianNoise(0.0)], 2)
    assert quiet.output(True) is quiet.inputs[0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_slopes_pass_through_noise_unchanged(backend):
    network = Network([GaussianNoise(1.0)], 2)
    slope = gradients(ops.sum(network.output(True, SEED, STEP)), network.inputs)
    got = function((*network.inputs, SEED, STEP), slope, backend=backend)(
        np.zeros((3, 2), np.float32), np.int32(0), np.int32(0)
    )
    assert (got[0] == 1.0).all()


class Weights(Callback):
    """Notes the only weight of a network after every epoch."""

    def __init__(self, network):
        self.network, self.seen = network, []

    def on_epoch(self, record, progress):
        self.seen.append(self.network.weights()["dense1.weight"].item())


@pytest.mark.parametrize("backend", BACKENDS)
def test_noise_on_the_input_shrinks_the_weight(backend):
    # With noise of variance v on an input of variance 1, y = 3 x is fitted best by the weight
    # 3 / (1 + v): here 3 / 2.
    x = np.random.default_rng(0).normal(size=(1000, 1))
    x = (x - x.mean()) / x.std()
    network = Network([GaussianNoise(1.0), Dense(1)], 1)
    look = Weights(network)
    fit(
        network,
        x,
        3.0 * x,
        loss=MeanSquaredError(),
        optimizer=SGD(learning_rate=0.05),
        epochs=60,
        patience=None,
        batch_size=200,
        callbacks=[look],
        backend=backend,
    )
    assert abs(np.mean(look.seen[20:]) - 1.5) < 0.05


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: GaussianNoise(-0.1), SettingError, "GaussianNoise.deviation: .*at least 0"),
        (lambda: GaussianNoise(math.nan), SettingError, "GaussianNoise.deviation"),
        (lambda: GaussianNoise("0.1"), SettingError, "GaussianNoise.deviation"),
        (lambda: Network([GaussianNoise()], 2).output(True), GraphError, "gaussiannoise1: noise"),
    ],
)
def test_wrong_use(make, error, message):
    with pytest.raises(error, match=message):
        make()
