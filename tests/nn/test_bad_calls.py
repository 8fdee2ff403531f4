"""Whatever networks, layers, losses and distributions are called with: an error is one of ours."""

import warnings

import numpy as np
import pytest

from quickprop.errors import QuickpropError
from quickprop.losses import CrossEntropy, GaussianLikelihood, Heads
from quickprop.nn import Activation, Dense, Embedding, Input, Network, Perceptron

X, Y = np.ones((2, 3)), np.ones((2, 1))
BAD = [
    1j, X * 1j, np.array([[object()] * 3] * 2), "abc", "\ud800", 10**400, [[10**400] * 3], None,
    set(), {}, {"a": 1}, b"x", np.ma.masked_array([1, 2, 3]), np.array(["a"]), [[1, 2], [3]],
    np.array([["2020-01-01"] * 3], "datetime64[D]"), len, float("nan"), X.astype("m8[s]"),
    [None] * 3, np.array(5), range(3), X[:0], np.zeros((2, 3), [("a", "f4")]), memoryview(b"abc"),
    type, -1, 2**70,
]  # fmt: skip


def network():
    return Network([Dense(2), Activation("tanh"), Dense(1)], 3)


def codes():
    return Network([Embedding((3,)), Dense(1)], 1, (3,))


def normal():
    return GaussianLikelihood().distribution(np.ones((2, 2)))


CALLS = {
    "predict": lambda bad: network().predict(bad, backend="reference"),
    "predict.codes": lambda bad: codes().predict(np.ones((2, 1)), bad, backend="reference"),
    "predict.backend": lambda bad: network().predict(X, backend=bad),
    "trace.x": lambda bad: network().trace(bad, backend="reference"),
    "trace.target": lambda bad: network().trace(X, bad, backend="reference"),
    "trace.loss": lambda bad: network().trace(X, Y, bad, backend="reference"),
    "trace.page": lambda bad: network().trace(X, backend="reference").page(bad),
    "trace[]": lambda bad: network().trace(X, backend="reference")[bad],
    "output.loss": lambda bad: network().output(loss=bad),
    "set_weights": lambda bad: network().set_weights(bad),
    "set_weights.one": lambda bad: network().set_weights(
        {**network().weights(), "dense1.weight": bad}
    ),
    "Network.weights": lambda bad: Network([Dense(1)], 3, weights=bad),
    "Network.layers": lambda bad: Network(bad, 3),
    "Network.layers[0]": lambda bad: Network([bad], 3),
    "Network.features": lambda bad: Network([Dense(1)], bad),
    "Network.categories": lambda bad: Network([Dense(1)], 1, bad),
    "Network.seed": lambda bad: Network([Dense(1)], 3, seed=bad),
    "Network.dtype": lambda bad: Network([Dense(1)], 3, dtype=bad),
    "Network.input_names": lambda bad: Network([Dense(1)], 3, input_names=bad),
    "Network.level_names": lambda bad: Network([Dense(1)], 1, (3,), level_names=[bad]),
    "Network.output_names": lambda bad: Network([Dense(1)], 1, output_names=[bad]),
    "from_document": Network.from_document,
    "load": Network.load,
    "summary": lambda bad: network().summary(bad),
    "Dense.width": Dense,
    "Dense.initializer": lambda bad: Dense(1, initializer=bad),
    "Dense.activation": lambda bad: Dense(1, activation=bad),
    "bias": lambda bad: setattr(network().layers[0].neurons[0], "bias", bad),
    "weight": lambda bad: setattr(network().layers[0].neurons[0].synapses[0], "weight", bad),
    "Input": Input,
    "Input.name": lambda bad: Input(2, bad),
    "call": lambda bad: Dense(1)(bad),
    "call.name": lambda bad: Dense(1)(Input(2), name=bad),
    "Perceptron": Perceptron,
    "Perceptron.x": lambda bad: Perceptron(3).fit(bad, [0, 1], backend="reference"),
    "Perceptron.y": lambda bad: Perceptron(3).fit(X, bad, 2, backend="reference"),
    "loss.predict": lambda bad: CrossEntropy().predict(bad),
    "loss.distribution": lambda bad: GaussianLikelihood().distribution(bad),
    "Heads.split": lambda bad: Heads(("mse", "mse"), (1, 1)).split(bad),
    "quantile": lambda bad: normal().quantile(bad),
    "cdf": lambda bad: normal().cdf(bad),
    "log_likelihood": lambda bad: normal().log_likelihood(bad),
    "sample": lambda bad: normal().sample(bad),
    "sample.seed": lambda bad: normal().sample(1, bad),
    "interval": lambda bad: normal().interval(bad),
}


@pytest.mark.parametrize("call", CALLS)
def test_no_error_is_foreign(call):
    for bad in BAD:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy warns of what it makes of some of them.
            try:
                CALLS[call](bad)
            except QuickpropError:
                continue
