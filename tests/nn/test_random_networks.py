"""Networks drawn at random from all kinds of layers: both backends, and finite differences."""

import numpy as np
import pytest

from quickprop.autodiff import gradients
from quickprop.errors import QuickpropError
from quickprop.execution import function
from quickprop.losses import MeanSquaredError
from quickprop.nn import (
    GRU,
    LSTM,
    Activation,
    Add,
    AveragePool1D,
    AveragePool2D,
    BatchNorm,
    Concatenate,
    ConstantNeuron,
    Conv1D,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Input,
    LayerNorm,
    LocalResponseNorm,
    MaxPool1D,
    MaxPool2D,
    Multiply,
    Network,
    ParametricActivation,
    PeriodicEmbedding,
    PReLU,
    Reshape,
    Scale,
    SimpleRNN,
)

#: Without corners, so that differences are near the slope everywhere.
SMOOTH = (
    "sigmoid", "tanh", "elu", "gelu", "gelu_tanh", "silu", "mish", "softplus", "softsign", "sine",
    "softmax", "log_softmax",
)  # fmt: skip
STEP = 1e-6


def candidates(shape, pick):
    """Parts that may stand behind rows of that shape; some do not fit."""
    bent = Activation(SMOOTH[pick(len(SMOOTH))])
    joins = [lambda x: Concatenate()(x, bent(x)), lambda x: Add()(x, bent(x))]
    found = [bent, bent, BatchNorm(), LayerNorm(), *joins, lambda x: Multiply()(x, bent(x))]
    padding = ("same", "valid")[pick(2)]
    if len(shape) == 1:
        found += [Dense(1 + pick(5)), ConstantNeuron(), PReLU(), Reshape((shape[0], 1))]
        found += [
            Scale(),
            ParametricActivation("mish"),
            PeriodicEmbedding(3, 1 + pick(2), keeps_input=bool(pick(2))),
            Dense(1 + pick(5), parametrization="ntp"),
        ]
    if len(shape) == 2:
        convolved = Conv1D(
            2 + 2 * pick(2), 1 + pick(3), stride=1 + pick(2), padding=padding,
            dilation=1 + pick(2), groups=1 + pick(2),
        )  # fmt: skip
        found += [
            convolved, AveragePool1D(2), MaxPool1D(2, padding="same"), GlobalMaxPool(),
            GlobalAveragePool(), Flatten(), LocalResponseNorm(3, alpha=0.5),
            LSTM(3, sequence=bool(pick(2))), GRU(3, sequence=bool(pick(2))), SimpleRNN(3),
        ]  # fmt: skip
    if len(shape) == 3:
        found += [
            Conv2D(1 + pick(3), (1 + pick(3), 2), stride=(1, 1 + pick(2)), padding=padding),
            AveragePool2D((2, 1)), MaxPool2D(2, stride=1), Flatten(), GlobalAveragePool(),
            LocalResponseNorm(2, alpha=0.3), Reshape((shape[0] * shape[1], shape[2])),
        ]  # fmt: skip
    return found


def random_network(generator):
    def pick(count):
        return int(generator.integers(count))

    x = Input(tuple(3 + pick(4) for _ in range(1 + pick(3))), "x")
    node, shape = x, x.row_shape
    for _ in range(2 + pick(5)):
        choice = candidates(shape, pick)
        try:
            longer = choice[pick(len(choice))](node)
            shape = Network(longer).layers[-1].output_shape
        except QuickpropError:
            continue  # It does not fit here.
        node = longer
    if len(shape) > 1:
        node = Flatten()(node)
    if pick(3) == 0:
        node = Embedding((3, 4))(node, Input(2, "codes", codes=True))
    return Network(Dense(2)(node), dtype="float64", seed=pick(1000))


@pytest.mark.parametrize("seed", range(16))
def test_backends_agree_and_slopes_are_differences(seed):
    generator = np.random.default_rng(seed)
    network = random_network(generator)
    for parameter in network.parameters:
        parameter.assign(parameter.value + 0.3 * generator.normal(size=parameter.value.shape))
    rows = int(generator.integers(2, 6))
    arrays = [
        generator.normal(size=(rows, *leaf.shape[1:]))
        if leaf.dtype.is_float
        else generator.integers(0, 3, (rows, 2))
        for leaf in network.inputs
    ]
    arrays.append(generator.normal(size=(rows, 2)))
    loss = MeanSquaredError()
    leaf = loss.target_placeholder(2, network.dtype)
    value = loss(network.output(training=True), leaf)
    results = (value, *gradients(value, network.parameters))
    native, reference = (
        function((*network.inputs, leaf), results, backend=backend)
        for backend in ("native", "reference")
    )
    found = reference(*arrays)
    for ours, expected in zip(native(*arrays), found, strict=True):
        np.testing.assert_allclose(ours, expected, 1e-8, 1e-10)
    for parameter, slopes in zip(network.parameters, found[1:], strict=True):
        start = parameter.value.copy()
        place = tuple(int(generator.integers(dim)) for dim in start.shape)
        ends = []
        for step in (STEP, -STEP):
            moved = start.copy()
            moved[place] += step
            parameter.assign(moved)
            ends.append(float(reference(*arrays)[0]))
        parameter.assign(start)
        difference = (ends[0] - ends[1]) / (2.0 * STEP)
        assert slopes[place] == pytest.approx(difference, rel=2e-5, abs=2e-5), parameter.name
