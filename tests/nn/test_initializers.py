import math

import numpy as np
import pytest

from quickprop.errors import SettingError
from quickprop.foundation.random_streams import stream
from quickprop.foundation.settings import from_document
from quickprop.nn import (
    INITIALIZERS,
    Activation,
    Dense,
    Filled,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LeCunNormal,
    LeCunUniform,
    Network,
    Normal,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    Zeros,
)
from quickprop.nn.initializers import fans

EXAMPLES = (
    Zeros(),
    Filled(-0.5),
    Uniform(-1.0, 3.0),
    Normal(2.0, 0.5),
    TruncatedNormal(-1.0, 0.25),
    GlorotUniform(),
    GlorotNormal(),
    HeUniform(),
    HeNormal(),
    LeCunUniform(),
    LeCunNormal(),
    Orthogonal(2.0),
)
SHAPES = ((), (7,), (3, 5), (5, 3), (3, 2, 5), (3, 4, 2, 6))


def draw(initializer, shape, seed=0):
    return initializer.draw(shape, stream(seed, "weight"))


def test_every_initializer_has_an_example():
    assert {type(example).__name__ for example in EXAMPLES} == set(INITIALIZERS)


@pytest.mark.parametrize("initializer", EXAMPLES, ids=repr)
def test_every_shape_in_float64_and_again_the_same(initializer):
    for shape in SHAPES:
        first = draw(initializer, shape)
        assert first.shape == shape
        assert first.dtype == np.float64
        assert np.isfinite(first).all()
        assert (draw(initializer, shape) == first).all()
    assert from_document(initializer.to_document(), INITIALIZERS, "part") == initializer


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((), (1, 1)),
        ((6,), (6, 6)),
        ((20, 30), (20, 30)),
        # A kernel of 5 over 4 channels reads 20 numbers, and 5 of each of its 8 channels read one.
        ((5, 4, 8), (20, 40)),
        # 3 x 3 x 16 = 144 and 3 x 3 x 32 = 288, as in PyTorch's weight (32, 16, 3, 3).
        ((3, 3, 16, 32), (144, 288)),
    ],
)
def test_what_a_neuron_reads_and_is_read_by(shape, expected):
    assert fans(shape) == expected


#: Initializer, shape of 100,000 numbers or so, mean, variance, farthest from the mean.
MOMENTS = [
    (Uniform(-1.0, 3.0), (400, 250), 1.0, 4.0**2 / 12.0, 2.0),
    (Normal(2.0, 0.5), (400, 250), 2.0, 0.25, math.inf),
    # 1 - 2 * 2 phi(2) / (2 Phi(2) - 1) with phi(2) = 0.05399097, Phi(2) = 0.97724987: 0.7737413
    (TruncatedNormal(-1.0, 0.5), (400, 250), -1.0, 0.25 * 0.7737413, 1.0),
    (GlorotUniform(), (400, 200), 0.0, 2.0 / 600.0, math.sqrt(6.0 / 600.0)),
    (GlorotNormal(), (400, 200), 0.0, 2.0 / 600.0, math.inf),
    (HeUniform(), (400, 200), 0.0, 2.0 / 400.0, math.sqrt(6.0 / 400.0)),
    (HeNormal(), (400, 200), 0.0, 2.0 / 400.0, math.inf),
    (LeCunUniform(), (400, 200), 0.0, 1.0 / 400.0, math.sqrt(3.0 / 400.0)),
    (LeCunNormal(), (400, 200), 0.0, 1.0 / 400.0, math.inf),
    (GlorotUniform(), (3, 3, 50, 200), 0.0, 2.0 / 2250.0, math.sqrt(6.0 / 2250.0)),
    (GlorotNormal(), (3, 3, 50, 200), 0.0, 2.0 / 2250.0, math.inf),
    (HeUniform(), (3, 3, 50, 200), 0.0, 2.0 / 450.0, math.sqrt(6.0 / 450.0)),
    (HeNormal(), (9, 50, 200), 0.0, 2.0 / 450.0, math.inf),
    (LeCunUniform(), (9, 50, 200), 0.0, 1.0 / 450.0, math.sqrt(3.0 / 450.0)),
    (LeCunNormal(), (3, 3, 50, 200), 0.0, 1.0 / 450.0, math.inf),
]


@pytest.mark.parametrize(("initializer", "shape", "mean", "variance", "limit"), MOMENTS)
def test_mean_variance_and_limits(initializer, shape, mean, variance, limit):
    numbers = draw(initializer, shape).ravel()
    # Five standard errors: of the mean sqrt(v / n), of the variance at most v sqrt(2 / n).
    assert abs(numbers.mean() - mean) < 5.0 * math.sqrt(variance / numbers.size)
    assert abs(numbers.var() / variance - 1.0) < 5.0 * math.sqrt(2.0 / numbers.size)
    farthest = abs(numbers - mean).max()
    assert farthest <= limit
    if limit < math.inf:
        assert farthest > 0.99 * limit


def test_filled_and_zeros():
    assert (draw(Filled(-0.5), (3, 2)) == -0.5).all()
    assert (draw(Zeros(), (3, 2)) == 0.0).all()


@pytest.mark.parametrize("gain", [1.0, math.sqrt(2.0), -3.0])
@pytest.mark.parametrize("shape", [(6, 6), (20, 7), (7, 20), (3, 3, 4, 16), (2, 3, 40), (1, 5)])
def test_orthogonal_columns_or_rows(shape, gain):
    w = draw(Orthogonal(gain), shape).reshape(-1, shape[-1])
    product = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(product, gain**2 * np.eye(len(product)), atol=1e-13 * gain**2)


def test_orthogonal_favours_no_direction():
    # Were the signs those of the factorisation, the diagonal would be below zero more often.
    corners = [draw(Orthogonal(), (4, 4), seed)[0, 0] for seed in range(400)]
    assert abs(np.mean(np.array(corners) > 0.0) - 0.5) < 5.0 * 0.5 / math.sqrt(400.0)
    # A random direction in four dimensions has a square of 1/4 along each axis on average.
    assert abs(np.mean(np.square(corners)) - 0.25) < 0.06


@pytest.mark.parametrize(
    ("activation", "squares"),
    [("relu", 6.0 / 50.0), ("mish", 6.0 / 50.0), ("tanh", 6.0 / 90.0), ("sine", 6.0 / 50.0)],
)
def test_the_activation_chooses_the_initializer(activation, squares):
    network = Network([Dense(40), Activation(activation), Dense(1)], 50)
    weights = network.weights()["dense1.weight"]
    assert 0.98 * math.sqrt(squares) < abs(weights).max() <= 1.000001 * math.sqrt(squares)


def test_selu_keeps_mean_and_variance_with_its_initializer():
    # Klambauer et al. 2017: mean 0 and variance 1 are a fixed point of the layer.
    layers = [part for _ in range(8) for part in (Dense(256), Activation("selu"))]
    network = Network(layers, 256, dtype="float64", seed=3)
    x = np.random.default_rng(5).normal(size=(500, 256))
    y = network.predict(x, backend="reference")
    assert abs(y.mean()) < 0.1
    assert 0.8 < y.std() < 1.2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Filled("a"), "Filled.value"),
        (lambda: Filled(math.nan), "Filled.value"),
        (lambda: Filled(1e300), "Filled.value"),
        (lambda: Uniform(1.0, -1.0), "Uniform.low: the lower end is above.*at most -1; given: 1"),
        (lambda: Uniform(low=math.inf), "Uniform.low"),
        (lambda: Normal(0.0, -1.0), "Normal.deviation: .*a number of at least 0; given: -1.0"),
        (lambda: TruncatedNormal(deviation=True), "TruncatedNormal.deviation"),
        (lambda: Orthogonal(None), "Orthogonal.gain"),
        (lambda: Dense(3, initializer=Orthogonal), r"Dense.initializer: .*Orthogonal\(\)"),
    ],
)
def test_settings_outside_what_is_allowed(make, message):
    with pytest.raises(SettingError, match=message):
        make()
