"""One neuron, trained by gradient descent, is linear and logistic regression."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from quickprop.losses import BinaryCrossEntropy, MeanSquaredError
from quickprop.nn import (
    Activation,
    ConstantNeuron,
    Dense,
    Network,
)
from quickprop.optim import SGD
from quickprop.train import fit


def with_ones(x):
    return np.column_stack([x, np.ones(len(x))])


def gradient_descent(network, x, y, loss, rate, epochs):
    """Every row in every step, no momentum: nothing but the slope."""
    return fit(
        network,
        x,
        y,
        loss=loss,
        optimizer=SGD(learning_rate=rate),
        batch_size=len(x),
        epochs=epochs,
        patience=None,
    )


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_the_first_step_by_hand(backend):
    # y = wx + b with w = 2, b = 1 on the rows (1, 5) and (3, 3): errors -2 and +4.
    # Loss (4 + 16) / 2 = 10; dL/dw = 2/2 (-2 * 1 + 4 * 3) = 10; dL/db = 2/2 (-2 + 4) = 2.
    network = Network([Dense(1)], 1, dtype="float64")
    network.set_weights({"dense1.weight": [[2]], "dense1.bias": [1]})
    history = fit(
        network,
        [[1.0], [3.0]],
        [5.0, 3.0],
        loss=MeanSquaredError(),
        optimizer=SGD(learning_rate=0.1),
        batch_size=2,
        epochs=1,
        backend=backend,
    )
    assert history.epochs[0].train_loss == pytest.approx(10, rel=1e-12)
    neuron = network.layers[0].neurons[0]
    assert neuron.synapses[0].weight == pytest.approx(2 - 0.1 * 10, rel=1e-12)
    assert neuron.bias == pytest.approx(1 - 0.1 * 2, rel=1e-12)


@pytest.mark.parametrize(
    ("inputs", "outputs"), [(1, 1), (7, 1), (1, 4), (5, 3)], ids=lambda n: str(n)
)
def test_a_linear_neuron_reaches_the_least_squares_line(inputs, outputs):
    rng = np.random.default_rng(inputs + 10 * outputs)
    x = rng.normal(1.0, 2.0, (60, inputs))
    y = x @ rng.normal(size=(inputs, outputs)) + rng.normal(0.0, 0.5, (60, outputs)) - 3.0
    best, *_ = np.linalg.lstsq(with_ones(x), y, rcond=None)
    # The loss is a bowl of curvature at most `steepest`; steps of 1 / steepest always go down.
    steepest = 2 * np.linalg.eigvalsh(with_ones(x).T @ with_ones(x)).max() / len(x) / outputs
    network = Network([Dense(outputs)], inputs, dtype="float64")
    gradient_descent(network, x, y, MeanSquaredError(), 1 / steepest, 2000)
    learned = np.vstack([network.weights()["dense1.weight"], network.weights()["dense1.bias"]])
    np.testing.assert_allclose(learned, best, atol=1e-5)


def test_twice_the_largest_curvature_is_the_edge_of_what_learns():
    # With no bias, the rows 1 and 2 and the target 0 the loss is (w**2 + 4 w**2) / 2. Its curvature
    # is 5, so each step multiplies w by 1 - 5 rate, which is below -1 when the rate is above 2/5.
    x, y = np.array([[1.0], [2.0]]), np.zeros(2)
    ends = {}
    for rate in (0.39, 0.41):
        network = Network([Dense(1, bias=False)], 1, dtype="float64")
        network.layers[0].neurons[0].synapses[0].weight = 1.0
        history = gradient_descent(network, x, y, MeanSquaredError(), rate, 50)
        expected = 2.5 * (1 - 5 * rate) ** (2 * np.arange(len(history.epochs)))
        np.testing.assert_allclose([e.train_loss for e in history.epochs], expected, rtol=1e-6)
        ends[rate] = history.epochs[-1].train_loss
    assert ends[0.39] < 0.02 < 2.5 < ends[0.41]


@pytest.mark.parametrize("inputs", [1, 4])
def test_a_sigmoid_neuron_is_logistic_regression(inputs):
    rng = np.random.default_rng(inputs)
    x = rng.normal(size=(150, inputs))
    logits = x @ rng.normal(size=inputs) + 0.4
    y = (rng.uniform(size=150) < 1 / (1 + np.exp(-logits))).astype(float)
    network = Network([Dense(1), Activation("sigmoid")], inputs, dtype="float64")
    gradient_descent(network, x, y, BinaryCrossEntropy(), 1.0, 3000)
    theirs = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000).fit(x, y)
    neuron = network.layers[0].neurons[0]
    np.testing.assert_allclose(neuron.weights, theirs.coef_[0], atol=1e-5)
    assert neuron.bias == pytest.approx(theirs.intercept_[0], abs=1e-5)
    np.testing.assert_allclose(network.predict(x)[:, 0], theirs.predict_proba(x)[:, 1], atol=1e-5)


# -- the bias as a parameter, as a column of the data, as a neuron ---------------------------------


def with_bias(dtype):
    """3 inputs, 4 tanh neurons, 2 outputs, biases that are not zero."""
    network = Network([Dense(4), Activation("tanh"), Dense(2)], 3, seed=5, dtype=dtype)
    rng = np.random.default_rng(8)
    network.set_weights({n: rng.normal(size=w.shape) for n, w in network.weights().items()})
    return network


def with_constant_neurons(twin):
    """The same function, each bias as the last row of a weight."""
    one = ConstantNeuron()
    layers = [one, Dense(4, bias=False), Activation("tanh"), one, Dense(2, bias=False)]
    network = Network(layers, 3, dtype=twin.dtype)
    w = twin.weights()
    network.set_weights(
        {
            f"dense{k}.weight": np.vstack([w[f"dense{k}.weight"], w[f"dense{k}.bias"]])
            for k in (1, 2)
        }
    )
    return network


@pytest.mark.parametrize("backend", ["reference", "native"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_constant_neuron_is_a_bias(backend, dtype):
    network = with_bias(dtype)
    twin = with_constant_neurons(network)
    x = np.random.default_rng(1).normal(size=(300, 3))
    close = {"rtol": 1e-5 if dtype == "float32" else 1e-12, "atol": 1e-6}
    np.testing.assert_allclose(
        network.predict(x, backend=backend), twin.predict(x, backend=backend), **close
    )


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_it_also_learns_as_a_bias(backend):
    network = with_bias("float64")
    twin = with_constant_neurons(network)
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    for each in (network, twin):
        fit(
            each,
            x,
            y,
            loss=MeanSquaredError(),
            optimizer=SGD(learning_rate=0.05, momentum=0.9),
            batch_size=16,
            epochs=20,
            backend=backend,
        )
    for k in (1, 2):
        np.testing.assert_allclose(
            twin.weights()[f"dense{k}.weight"],
            np.vstack([network.weights()[f"dense{k}.{part}"] for part in ("weight", "bias")]),
            rtol=1e-9,
        )


def test_a_column_of_ones_is_a_bias():
    network = Network([Dense(2)], 3, dtype="float64")
    network.layers[0].neurons[1].bias = -4.0
    twin = Network([Dense(2, bias=False)], 4, dtype="float64")
    rows = [network.weights()[f"dense1.{part}"] for part in ("weight", "bias")]
    twin.set_weights({"dense1.weight": np.vstack(rows)})
    x = np.random.default_rng(3).normal(size=(20, 3))
    np.testing.assert_allclose(network.predict(x), twin.predict(with_ones(x)), rtol=1e-12)


def test_a_constant_neuron_needs_rows_that_are_vectors():
    with pytest.raises(ValueError, match="ConstantNeuron needs rows that are vectors"):
        ConstantNeuron().output_shape((3, 3))
