"""Recurrent layers by hand, step by step, and what they learn."""

import pickle

import numpy as np
import pytest

from quickprop import ops
from quickprop.autodiff import gradients
from quickprop.errors import DataError, SettingError, ShapeError
from quickprop.execution import function
from quickprop.losses import CrossEntropy, MeanSquaredError
from quickprop.nn import (
    GRU,
    LSTM,
    Activation,
    Conv1D,
    Dense,
    GlobalMaxPool,
    Input,
    Network,
    SimpleRNN,
    TokenEmbedding,
)
from quickprop.optim import Adam
from quickprop.train import fit

BACKENDS = ("reference", "native")
KINDS = (SimpleRNN, LSTM, GRU)


def sigmoid(a):
    return 1.0 / (1.0 + np.exp(-a))


# -- by hand --------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_simple_recurrence_by_hand(backend):
    network = Network([SimpleRNN(1, sequence=True)], (3, 1), dtype="float64")
    network.set_weights(
        {
            "simplernn1.weight": [[2.0]],
            "simplernn1.recurrent": [[-1.0]],
            "simplernn1.bias": [0.5],
        }
    )
    h1 = np.tanh(2 * 1.0 + 0.5)
    h2 = np.tanh(2 * 0.0 - h1 + 0.5)
    h3 = np.tanh(2 * -1.0 - h2 + 0.5)
    got = network.predict([[[1.0], [0.0], [-1.0]]], backend=backend)
    np.testing.assert_allclose(got.ravel(), [h1, h2, h3], 1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
def test_lstm_by_hand(backend):
    network = Network([LSTM(1, forget_bias=0.25)], (2, 1), dtype="float64")
    network.set_weights(
        {  # in the order i, f, g, o
            "lstm1.weight": [[1.0, 2.0, 3.0, 4.0]],
            "lstm1.recurrent": [[0.5, -0.5, 1.0, -1.0]],
            "lstm1.bias": [0.1, 0.2, 0.3, 0.4],
        }
    )
    h = c = 0.0
    for x in (0.5, -1.0):
        i = sigmoid(1 * x + 0.5 * h + 0.1)
        f = sigmoid(2 * x - 0.5 * h + 0.2 + 0.25)
        g = np.tanh(3 * x + 1.0 * h + 0.3)
        o = sigmoid(4 * x - 1.0 * h + 0.4)
        c = f * c + i * g
        h = o * np.tanh(c)
    got = network.predict([[[0.5], [-1.0]]], backend=backend)
    np.testing.assert_allclose(got, [[h]], 1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
def test_gru_by_hand(backend):
    network = Network([GRU(1)], (2, 1), dtype="float64")
    network.set_weights(
        {  # in the order r, z, n, and the bias within the reset
            "gru1.weight": [[1.0, 2.0, 3.0]],
            "gru1.recurrent": [[0.5, -0.5, 1.0]],
            "gru1.bias": [0.1, 0.2, 0.3, 0.4],
        }
    )
    h = 0.0
    for x in (0.5, -1.0):
        r = sigmoid(1 * x + 0.5 * h + 0.1)
        z = sigmoid(2 * x - 0.5 * h + 0.2)
        n = np.tanh(3 * x + 0.3 + r * (1.0 * h + 0.4))
        h = (1 - z) * n + z * h
    got = network.predict([[[0.5], [-1.0]]], backend=backend)
    np.testing.assert_allclose(got, [[h]], 1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_of_the_sequence_is_the_last(kind):
    x = np.random.default_rng(0).normal(size=(4, 6, 2))
    last = Network([kind(3)], (6, 2), dtype="float64", seed=5)
    all_ = Network([kind(3, sequence=True)], (6, 2), dtype="float64", seed=5)
    assert (last.predict(x) == all_.predict(x)[:, -1]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_no_step_sees_what_comes_after_it(kind):
    network = Network([kind(3, sequence=True)], (6, 2), dtype="float64")
    x = np.random.default_rng(0).normal(size=(1, 6, 2))
    changed = x.copy()
    changed[0, 4] += 1.0
    one, other = network.predict(x), network.predict(changed)
    assert (one[0, :4] == other[0, :4]).all()
    assert (one[0, 4:] != other[0, 4:]).all()


@pytest.mark.parametrize(
    ("kind", "count"),
    # (2 inputs + 3 outputs) * 3 a gate, and the biases: 3; 4 * 3; 3 * 3 and 3 within the reset.
    [(SimpleRNN, 15 + 3), (LSTM, 4 * 15 + 12), (GRU, 3 * 15 + 12)],
)
def test_parameters_are_counted(kind, count):
    network = Network([kind(3)], (7, 2))
    assert network.parameter_count == count
    names = [str(p.name).split(".")[1] for p in network.penalised]
    assert names == ["weight", "recurrent"]


@pytest.mark.parametrize("kind", KINDS)
def test_recurrent_weights_begin_orthogonal(kind):
    network = Network([kind(4)], (7, 2), dtype="float64")
    weight = network.weights()[f"{kind.__name__.lower()}1.recurrent"]
    np.testing.assert_allclose(weight @ weight.T, np.eye(4) * (weight @ weight.T)[0, 0], atol=1e-12)


# -- compiled -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_two_layers_deep_compiled_and_not(kind, dtype):
    layers = [kind(17, sequence=True), kind(5), Dense(2)]
    network = Network(layers, (9, 3), dtype=dtype)
    y = ops.sum(ops.square(network.output()))
    wanted = [y, *gradients(y, [*network.inputs, *network.parameters])]
    reference, native = (function(network.inputs, wanted, backend=b) for b in BACKENDS)
    for rows in (1, 7, 300):
        x = np.random.default_rng(rows).normal(size=(rows, 9, 3))
        for mine, other in zip(native(x), reference(x), strict=True):
            tolerance = (1e-4 if dtype == "float32" else 1e-11) * max(1, rows // 10)
            np.testing.assert_allclose(mine, other, tolerance, tolerance)


@pytest.mark.parametrize("kind", KINDS)
def test_slopes_are_finite_differences(kind):
    network = Network([kind(2, sequence=True)], (4, 2), dtype="float64", seed=2)
    y = ops.sum(ops.square(network.output()))
    run = function(network.inputs, [y, *gradients(y, network.parameters)])
    x = np.random.default_rng(0).normal(size=(3, 4, 2))
    _, *slopes = run(x)
    h = 1e-6
    for parameter, slope in zip(network.parameters, slopes, strict=True):
        value = parameter.value
        for place in np.ndindex(value.shape):
            ends = []
            for sign in (1.0, -1.0):
                moved = value.copy()
                moved[place] += sign * h
                parameter.assign(moved)
                ends.append(float(run(x)[0]))
            parameter.assign(value)
            assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(slope[place], abs=1e-7)


# -- learning -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_the_sign_of_the_first_step_is_remembered(kind):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 12, 1))
    labels = (x[:, 0, 0] > 0).astype(int)
    network = Network([kind(8), Dense(2)], (12, 1), seed=1)
    fit(
        network, x[:192], labels[:192], loss=CrossEntropy(), optimizer=Adam(0.02), epochs=60,
        batch_size=32, until=0.02,
    )  # fmt: skip
    assert (network.predict(x[192:]).argmax(1) == labels[192:]).mean() > 0.9


def test_a_simple_recurrence_adds_up():
    # The mean of the steps, a linear recurrence within reach of tanh.
    x = np.random.default_rng(0).uniform(-0.2, 0.2, size=(256, 5, 1))
    y = x.sum(1)
    network = Network([SimpleRNN(6), Dense(1)], (5, 1))
    fit(network, x, y, loss=MeanSquaredError(), optimizer=Adam(0.01), epochs=60, batch_size=32)
    assert np.mean((network.predict(x) - y) ** 2) < 0.02 * np.var(y)


def test_words_are_told_by_the_one_that_matters():
    # Code 3 anywhere makes a row of the second kind.
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 8, (256, 6))
    labels = (codes == 3).any(1).astype(int)
    network = Network([TokenEmbedding(8, 4), Conv1D(4, 1), GlobalMaxPool(), Dense(2)], 6, seed=1)
    assert [leaf.name for leaf in network.inputs] == ["tokens"]
    fit(network, codes, labels, loss=CrossEntropy(), optimizer=Adam(0.05), epochs=40, batch_size=32)
    assert (network.predict(codes).argmax(1) == labels).mean() > 0.97
    again = pickle.loads(pickle.dumps(network))
    assert (again.predict(codes) == network.predict(codes)).all()


def test_tokens_into_a_recurrent_layer():
    codes = Input(5, "words", codes=True)
    network = Network(Dense(2)(GRU(3)(TokenEmbedding(6, 4)(codes))), dtype="float64")
    rows = np.random.default_rng(0).integers(0, 6, (9, 5))
    expected = network.predict(rows, backend="reference")
    np.testing.assert_allclose(network.predict(rows, backend="native"), expected, 1e-12)
    with pytest.raises(DataError, match=r"words, column 0: .*0 to 5; given: 0 to 6"):
        network.predict(np.array([[0, 1, 2, 3, 4], [6, 1, 2, 3, 4]]))


# -- wrong use ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LSTM(0), "LSTM.width: .*from 1 to 65536; given: 0"),
        (lambda: GRU(2.5), "GRU.width"),
        (lambda: SimpleRNN(3, sequence=1), "SimpleRNN.sequence: .*True or False"),
        (lambda: LSTM(3, forget_bias=-1.0), "LSTM.forget_bias: .*at least 0"),
        (lambda: LSTM(3, forget_bias=float("nan")), "LSTM.forget_bias"),
        (lambda: TokenEmbedding(0, 4), "TokenEmbedding.levels"),
        (lambda: TokenEmbedding(4, 0), "TokenEmbedding.width"),
    ],
)
def test_settings_outside_what_is_allowed(make, message):
    with pytest.raises(SettingError, match=message):
        make()


@pytest.mark.parametrize(
    ("layers", "shape", "message"),
    [
        ([LSTM(3)], 10, r"lstm1: LSTM needs other rows .*\(steps, features\); given: \(10,\)"
         r".*Reshape\(\(steps, features\)\)"),
        ([GRU(3)], (4, 4, 1), "gru1: GRU needs other rows"),
        ([LSTM(3), LSTM(3)], (4, 2), r"lstm2: LSTM needs other rows .*given: \(3,\)"),
        ([SimpleRNN(3, sequence=True), Activation("tanh"), Dense(2)], (4, 2),
         "dense1: .*rows that are vectors"),
        ([TokenEmbedding(4, 2)], (3, 3), r"TokenEmbedding reads rows of codes .*\(steps,\)"),
    ],
)  # fmt: skip
def test_rows_that_do_not_fit(layers, shape, message):
    with pytest.raises(ShapeError, match=message):
        Network(layers, shape)
