"""Sequences of unequal length: masks, and every layer that takes one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickprop import ops
from quickprop.autodiff import gradients
from quickprop.errors import DataError, SettingError, ShapeError
from quickprop.execution import function
from quickprop.losses import MeanSquaredError
from quickprop.nn import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    GlobalAveragePool,
    GlobalMaxPool,
    Input,
    LastStep,
    LengthMask,
    Network,
    PaddingMask,
    SimpleRNN,
    TokenEmbedding,
)
from quickprop.optim import Adam
from quickprop.train import fit

BACKENDS = ("reference", "native")
STEPS, FEATURES = 5, 3
#: Every layer that takes a mask, as it gives a vector for a whole sequence.
LAYERS = {
    "rnn": SimpleRNN(4),
    "lstm": LSTM(4),
    "gru": GRU(4),
    "both ways": Bidirectional(LSTM(4)),
    "both ways, summed": Bidirectional(GRU(4), "sum"),
    "mean": GlobalAveragePool(),
    "largest": GlobalMaxPool(),
    "last": LastStep(),
}


def network_of(layer, dtype="float64"):
    x, mask = Input((STEPS, FEATURES), "x"), Input(STEPS, "mask")
    network = Network(layer(x, mask, name="layer"), dtype=dtype)
    rng = np.random.default_rng(0)
    network.set_weights({k: rng.normal(size=v.shape) for k, v in network.weights().items()})
    return network


NETWORKS = {name: network_of(layer) for name, layer in LAYERS.items()}


def rows(count, seed=1):
    return np.random.default_rng(seed).normal(size=(count, STEPS, FEATURES))


def mask_of(lengths):
    return (np.arange(STEPS) < np.asarray(lengths)[:, None]).astype(float)


# -- the masks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_masks_by_hand(backend, dtype):
    network = Network(LengthMask(4)(Input(1)), dtype=dtype)
    got = network.predict([[0.0], [1.0], [3.0], [9.0]], backend=backend)
    assert got.tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    network = Network(PaddingMask(2)(Input(4, "codes", codes=True)), dtype=dtype)
    got = network.predict(np.array([[2, 0, 1, 2], [7, 2, 2, 2]], np.int32), backend=backend)
    assert got.tolist() == [[0, 1, 1, 0], [1, 0, 0, 0]]
    assert got.dtype == dtype


def test_the_embedding_says_which_codes_there_are():
    codes = Input(3, "codes", codes=True)
    network = Network(LSTM(2)(TokenEmbedding(4, 2)(codes), PaddingMask()(codes)))
    assert network.categories == (4, 4, 4)
    with pytest.raises(DataError):
        network.predict(np.array([[4, 0, 0]], np.int32))


# -- what masks do --------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", LAYERS)
@settings(max_examples=15, deadline=None)
@given(
    mask=st.lists(st.lists(st.sampled_from([0.0, 1.0, -2.0]), min_size=5, max_size=5), min_size=3,
                  max_size=3),
    seed=st.integers(0, 2**31 - 1),
    size=st.sampled_from([0.0, 1.0, 1e6]),
)  # fmt: skip
def test_what_stands_in_padding_changes_no_bit(name, backend, mask, seed, size):
    network, x = NETWORKS[name], rows(3)
    other = np.where(np.array(mask)[..., None] != 0, x, rows(3, seed) * size)
    before = network.predict(x, mask, backend=backend)
    np.testing.assert_array_equal(network.predict(other, mask, backend=backend), before)
    assert np.isfinite(before).all()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", LAYERS)
def test_a_masked_sequence_is_the_shorter_one(name, backend):
    x = rows(6)
    got = NETWORKS[name].predict(x, mask_of([1, 2, 3, 4, 5, 5]), backend=backend)
    for length in range(1, STEPS + 1):
        leaf = Input((length, FEATURES), "x")
        shorter = Network(LAYERS[name](leaf, name="layer"), dtype="float64")
        shorter.set_weights(NETWORKS[name].weights())
        expected = shorter.predict(x[length - 1, None, :length], backend=backend)
        np.testing.assert_allclose(got[length - 1, None], expected, 1e-13, 1e-13)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_where_no_step_is_real_the_result_is_zero(name, backend):
    network = NETWORKS[name]
    (x, mask), y = network.inputs, network.output()
    slopes = gradients(ops.sum(ops.square(y + 1.0)), [x, *network.parameters])
    run = function([x, mask], [y, *slopes], backend=backend)
    got, *found = run(rows(2), np.zeros((2, STEPS)))
    assert not got.any()
    for slope in found:
        assert not slope.any()


@pytest.mark.parametrize("kind", [SimpleRNN, LSTM, GRU])
@pytest.mark.parametrize("backend", BACKENDS)
def test_states_stay_where_steps_are_padding(kind, backend):
    network = network_of(kind(4, sequence=True))
    mask = np.array([[1, 1, 0, 1, 0], [0, 0, 1, 0, 0.0]])
    y = network.predict(rows(2), mask, backend=backend)
    np.testing.assert_array_equal(y[0, 2], y[0, 1])
    np.testing.assert_array_equal(y[0, 4], y[0, 3])
    assert not y[1, :2].any()
    np.testing.assert_array_equal(y[1, 3:], y[1, [2, 2]])
    assert (y[0, 3] != y[0, 2]).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_way_back_is_the_way_there_of_the_turned_sequence(backend):
    network = network_of(Bidirectional(GRU(4, sequence=True)))
    weights = {k.removeprefix("layer."): v for k, v in network.weights().items()}
    x = rows(2)
    y = network.predict(x, np.ones((2, STEPS)), backend=backend)
    for way, of_x, of_y in (("forward.", x, y[..., :4]), ("backward.", x[:, ::-1], y[:, ::-1, 4:])):
        plain = Network([GRU(4, sequence=True)], (STEPS, FEATURES), dtype="float64")
        plain.set_weights(
            {f"gru1.{k.removeprefix(way)}": v for k, v in weights.items() if k.startswith(way)}
        )
        np.testing.assert_allclose(of_y, plain.predict(of_x, backend=backend), 1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", LAYERS)
def test_derivatives_by_differences(name, backend):
    network, mask = NETWORKS[name], np.array([[1, 1, 0, 1, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1.0]])
    total = ops.sum(ops.sin(network.output() * 1.7))
    (by_x,) = gradients(total, network.inputs[:1])
    run = function(network.inputs, [total, by_x], backend=backend)
    x, rng = rows(3), np.random.default_rng(5)
    slope = run(x, mask)[1]
    assert not slope[mask == 0].any()
    for _ in range(10):
        at = tuple(rng.integers(0, n) for n in x.shape)
        ends = []
        for h in (1e-6, -1e-6):
            moved = x.copy()
            moved[at] += h
            ends.append(run(moved, mask)[0])
        assert slope[at] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=2e-5, abs=2e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_places_of_an_image_may_be_masked(backend):
    x, mask = Input((2, 3, 4), "x"), Input((2, 3), "mask")
    rng = np.random.default_rng(0)
    image, seen = rng.normal(size=(5, 2, 3, 4)), rng.integers(0, 2, (5, 2, 3)).astype(float)
    seen[0] = 0
    for layer, how in ((GlobalAveragePool(), np.mean), (GlobalMaxPool(), np.max)):
        got = Network(layer(x, mask), dtype="float64").predict(image, seen, backend=backend)
        assert not got[0].any()
        for k in range(1, 5):
            np.testing.assert_allclose(got[k], how(image[k][seen[k] != 0], axis=0), 1e-13)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: network_of(Bidirectional(Dense(3))), SettingError, "Bidirectional.layer: .*LSTM"),
        (lambda: Bidirectional(LSTM(3), "mean"), SettingError, "concatenate, sum"),
        (
            lambda: Network(LSTM(2)(Input((4, 2), "x"), Input(3, "mask"))),
            ShapeError,
            r"one number for each step .*allowed: \(4,\); given: \(3,\)",
        ),
        (
            lambda: Network(GlobalMaxPool()(Input((4, 2), "x"), Input((4, 2), "y"))),
            ShapeError,
            "one number for each step",
        ),
        (
            lambda: Network(LSTM(2)(*(Input((4, 2), f"x{k}") for k in range(3)))),
            ShapeError,
            "reads one other, and perhaps a mask .*given: 3",
        ),
        (lambda: Network([LastStep()], 3), ShapeError, r"\(steps, features\)"),
        (lambda: Network([LengthMask(3)], 2), ShapeError, "one length a row"),
    ],
)
def test_wrong_use_is_refused_in_words(make, error, message):
    with pytest.raises(error, match=message):
        make()


# -- learning -------------------------------------------------------------------------------------


def test_marked_numbers_of_sequences_of_unequal_length_are_added_up():
    """The adding problem of Hochreiter and Schmidhuber 1997, small; padding is noise."""
    steps = 8
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, steps + 1, 2400)
    x = rng.normal(size=(2400, steps, 2))
    real = np.arange(steps) < lengths[:, None]
    marked = np.argsort(np.where(real, rng.random(real.shape), 2), 1)[:, :2]
    x[..., 1] = 0
    np.put_along_axis(x[..., 1], marked, 1, 1)
    x[..., 0] = rng.random(real.shape)
    y = (x[..., 0] * x[..., 1]).sum(1, keepdims=True)
    x[~real] = rng.normal(size=(int((~real).sum()), 2))

    numbers, length = Input((steps, 2), "numbers"), Input(1, "length")
    h = Bidirectional(LSTM(16))(numbers, LengthMask(steps)(length))
    network = Network(Dense(1)(h), seed=2)
    given = [x, lengths[:, None].astype(float)]
    fit(
        network, [part[:2000] for part in given], y[:2000], loss=MeanSquaredError(),
        optimizer=Adam(0.01), batch_size=40, epochs=50, patience=None, seed=1,
    )  # fmt: skip
    error = network.predict(*(part[2000:] for part in given)) - y[2000:]
    assert np.square(error).mean() < 0.01 * y.var()
