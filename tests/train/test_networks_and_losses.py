"""Every kind of network with every kind of loss: fits go down, and both backends agree."""

import numpy as np
import pytest

from quickprop.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    GaussianLikelihood,
    Heads,
    MeanSquaredError,
    Quantile,
)
from quickprop.nn import (
    GRU,
    LSTM,
    Activation,
    Add,
    AveragePool1D,
    Concatenate,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    GlobalMaxPool,
    Input,
    LayerNorm,
    MaxPool2D,
    Multiply,
    Network,
    PReLU,
    SimpleRNN,
    TokenEmbedding,
)
from quickprop.optim import Adam
from quickprop.train import fit

ROWS = 30
#: Batches of 14, 14 and 2 rows.
BATCH = 14


def dense(width, dtype):
    return Network([Dense(6), Activation("tanh"), Dropout(0.1), Dense(width)], 4, dtype=dtype)


def images(width, dtype):
    layers = [
        Conv2D(3, 3, padding="same"), PReLU(), LayerNorm(), MaxPool2D(2), Flatten(), Dense(width),
    ]  # fmt: skip
    return Network(layers, (6, 6, 1), dtype=dtype)


def signals(width, dtype):
    layers = [Conv1D(4, 3, groups=2), Activation("elu"), AveragePool1D(2), GlobalMaxPool()]
    return Network([*layers, Dense(width)], (10, 2), dtype=dtype)


def sequences(width, dtype):
    layers = [LSTM(4, sequence=True), GRU(3, sequence=True), SimpleRNN(3), Dense(width)]
    return Network(layers, (4, 2), dtype=dtype)


def tokens(width, dtype):
    layers = [TokenEmbedding(7, 3), GaussianNoise(0.1), SimpleRNN(3), Dense(width)]
    return Network(layers, 5, dtype=dtype)


def drawn(width, dtype):
    """Three inputs, and an output a number."""
    a, b, codes = Input(4, "a"), Input((2, 3), "b"), Input(2, "codes", codes=True)
    joined = Concatenate()(Dense(5)(a), Flatten()(b), Embedding((3, 4))(codes))
    bent = Activation("tanh")(Dense(3)(joined))
    skipped = Add()(bent, Multiply()(bent, Dense(3)(joined)))
    return Network([Dense(1)(skipped) for _ in range(width)], dtype=dtype)


NETWORKS = (dense, images, signals, sequences, tokens, drawn)
LOSSES = {
    "numbers": (MeanSquaredError(), 2),
    "classes": (CrossEntropy(), 3),
    "labels": (BinaryCrossEntropy(), 2),
    "quantiles": (Quantile(non_crossing=True), 3),
    "distribution": (GaussianLikelihood(), 2),
    "heads": (Heads((GaussianLikelihood(), CrossEntropy()), (1, 3)), 5),
}


def rows_for(network, generator):
    arrays = []
    for leaf in network.inputs:
        shape = (ROWS, *leaf.shape[1:])
        if leaf.dtype.is_float:
            arrays.append(generator.normal(size=shape))
        else:
            arrays.append(generator.integers(0, 3, shape))
    return tuple(arrays)


def target_for(name, generator):
    numbers, codes = generator.normal(size=(ROWS, 1)), generator.integers(0, 3, ROWS)
    return {
        "numbers": np.concatenate([numbers, numbers**2], axis=1),
        "classes": codes,
        "labels": np.stack([codes > 0, codes > 1], axis=1),
        "quantiles": numbers,
        "distribution": numbers,
        "heads": np.concatenate([numbers, codes[:, np.newaxis]], axis=1),
    }[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
def test_fits_go_down_the_same_way_on_both_backends(make, name):
    generator = np.random.default_rng(1)
    loss, width = LOSSES[name]
    target = target_for(name, generator)
    kinds = {"float64": 1e-7, "float32": 5e-3}
    for dtype in kinds if name == "heads" else ["float64"]:
        network = make(width, dtype)
        rows, start = rows_for(network, generator), network.weights()
        found = []
        for backend in ("native", "reference"):
            network.set_weights(start)
            history = fit(
                network, rows, target, loss=loss, optimizer=Adam(0.02), epochs=3,
                batch_size=BATCH, backend=backend,
            )  # fmt: skip
            found.append([record.train_loss for record in history.epochs])
        native, reference = found
        assert min(native) < native[0]
        np.testing.assert_allclose(native, reference, kinds[dtype])
