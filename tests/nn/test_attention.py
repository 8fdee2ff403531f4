"""Attention by hand, what it must not depend on, and what networks with it learn."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickprop import ops
from quickprop.autodiff import gradients
from quickprop.errors import SettingError, ShapeError
from quickprop.execution import function
from quickprop.graph import constant, placeholder
from quickprop.losses import BinaryCrossEntropy
from quickprop.nn import (
    Activation,
    Conv1D,
    Dense,
    Flatten,
    GlobalAveragePool,
    Input,
    LayerNorm,
    MultiHeadAttention,
    Network,
    PaddingMask,
    PositionalEncoding,
    PositionEmbedding,
    TokenEmbedding,
    TransformerBlock,
)
from quickprop.nn.layers.positions import sinusoids
from quickprop.optim import Adam, OneCycle
from quickprop.train import fit

BACKENDS = ("reference", "native")


def attention(layer=None, steps=5, features=4, masked=False, **settings):
    """A network of one attention, all its parameters drawn."""
    leaves = [Input((steps, features), "x")] + ([Input(steps, "mask")] if masked else [])
    layer = layer or MultiHeadAttention(2, **settings)
    return shaken(Network(layer(*leaves, name="layer"), dtype="float64"))


def shaken(network, seed=0):
    """The network with all parameters drawn: none of them, such as biases, is 0."""
    rng = np.random.default_rng(seed)
    network.set_weights({k: rng.normal(size=v.shape) for k, v in network.weights().items()})
    return network


def rows(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape)


# -- by hand --------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_head_by_hand(backend):
    network = Network([MultiHeadAttention(1, 1)], (2, 1), dtype="float64")
    network.set_weights(
        {
            "multiheadattention1.query.weight": [[1.0]],
            "multiheadattention1.key.weight": [[2.0]],
            "multiheadattention1.value.weight": [[3.0]],
            "multiheadattention1.output.weight": [[0.5]],
            "multiheadattention1.query.bias": [0.0],
            "multiheadattention1.key.bias": [1.0],
            "multiheadattention1.value.bias": [-1.0],
            "multiheadattention1.output.bias": [0.25],
        }
    )
    # x = 0, 1: q = 0, 1; k = 1, 3; v = -1, 2. The scores are (0, 0) and (1, 3).
    first = 0.5 * (-1.0) + 0.5 * 2.0
    share = 1.0 / (1.0 + np.exp(2.0))
    second = share * (-1.0) + (1.0 - share) * 2.0
    expected = [0.5 * first + 0.25, 0.5 * second + 0.25]
    assert expected == pytest.approx([0.5, 1.0711956], abs=1e-7)
    got = network.predict([[[0.0], [1.0]]], backend=backend)
    np.testing.assert_allclose(got.ravel(), expected, 1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
def test_scores_are_divided_by_the_root_of_the_width(backend):
    network = Network([MultiHeadAttention(1, 4, bias=False)], (2, 4), dtype="float64")
    network.set_weights({name: np.eye(4) for name in network.weights()})
    x = np.array([[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    # The first step scores 4 / 2 = 2 with itself and 0 with the second, which scores 0 with both.
    share = 1.0 / (1.0 + np.exp(-2.0))
    got = network.predict(x[None], backend=backend)[0]
    np.testing.assert_allclose(got, [[share] * 4, [0.5] * 4], 1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
def test_masked_softmax_by_hand(backend):
    x, mask = placeholder((None, 3), "float64"), placeholder((None, 3), "float64")
    run = function([x, mask], ops.masked_softmax(x, mask), backend=backend)
    scores = [[np.log(2.0), np.log(6.0), 700.0], [5.0, 1e8, -3.0], [1e29, -1e29, 0.0]]
    got = run(scores, [[1, 2, 0], [0, 0, -1], [0, 0, 0]])
    np.testing.assert_allclose(got, [[0.25, 0.75, 0], [0, 0, 1], [0, 0, 0]], 1e-14)
    ones = ops.masked_softmax(x, constant([1.0, 1.0, 1.0], "float64"))
    every = function([x], ones, backend=backend)(scores[:1])
    np.testing.assert_allclose(every, ops.softmax(np.array(scores[:1])), 1e-14)


def test_positions_by_hand():
    table = sinusoids(3, 4, 10_000.0)
    assert table[0].tolist() == [0, 1, 0, 1]
    assert table[2] == pytest.approx([np.sin(2), np.cos(2), np.sin(0.02), np.cos(0.02)])
    network = Network([PositionalEncoding()], (3, 4), dtype="float64")
    assert network.parameter_count == 0
    np.testing.assert_allclose(network.predict(np.zeros((2, 3, 4)))[1], table, 1e-14)
    # An odd number of features ends with a sine.
    assert sinusoids(2, 3, 10.0)[1, 2] == pytest.approx(np.sin(10 ** (-2 / 3)))


# -- what it must not depend on -------------------------------------------------------------------


MASKED = {backend: attention(masked=True) for backend in BACKENDS}


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 5), min_size=4, max_size=4),
    seed=st.integers(0, 2**31 - 1),
    size=st.sampled_from([0.0, 1.0, 1e6]),
)
def test_what_stands_in_padding_changes_no_bit(backend, lengths, seed, size):
    network, x = MASKED[backend], rows(4, 5, 4)
    mask = (np.arange(5) < np.array(lengths)[:, None]).astype(float)
    other = np.where(mask[..., None] != 0, x, rows(4, 5, 4, seed=seed) * size)
    # A step's own result depends on its query, also in padding: the real ones are compared.
    before = network.predict(x, mask, backend=backend)[mask != 0]
    after = network.predict(other, mask, backend=backend)[mask != 0]
    np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("backend", BACKENDS)
def test_padding_may_be_longer(backend):
    network, longer = attention(steps=3, masked=True), attention(steps=7, masked=True)
    x, mask = rows(2, 3, 4), np.array([[1, 1, 0], [1, 1, 1]])
    got = network.predict(x, mask, backend=backend)
    padded = longer.predict(
        np.pad(x, ((0, 0), (0, 4), (0, 0))), np.pad(mask, ((0, 0), (0, 4))), backend=backend
    )
    np.testing.assert_allclose(padded[:, :3], got, 1e-13, 1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
def test_where_nothing_may_be_seen_the_result_is_the_bias(backend):
    network = attention(masked=True)
    (x, mask), y = network.inputs, network.output()
    slopes = gradients(ops.sum(ops.square(y)), [x, *network.parameters])
    run = function([x, mask], [y, *slopes], backend=backend)
    got, by_x, *by_parameters = run(rows(2, 5, 4), np.zeros((2, 5)))
    bias = network.weights()["layer.output.bias"]
    np.testing.assert_array_equal(got, np.broadcast_to(bias, got.shape))
    assert not by_x.any()
    for slope in by_parameters:
        assert np.isfinite(slope).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_positions_the_order_of_the_steps_does_not_matter(backend):
    x, order = rows(3, 5, 4), [3, 0, 4, 1, 2]
    network = attention()
    plain = network.predict(x, backend=backend)
    np.testing.assert_allclose(network.predict(x[:, order], backend=backend), plain[:, order])
    for positions in (PositionalEncoding(), PositionEmbedding()):
        node = Input((5, 4))
        told = shaken(Network(MultiHeadAttention(2)(positions(node)), dtype="float64"))
        plain = told.predict(x, backend=backend)
        assert abs(told.predict(x[:, order], backend=backend) - plain[:, order]).max() > 0.01


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "layer",
    [
        MultiHeadAttention(2, causal=True),
        TransformerBlock(4, 2, causal=True),
        TransformerBlock(4, 2, causal=True, norm="after"),
    ],
    ids=repr,
)
def test_no_step_sees_what_comes_after_it(layer, backend):
    network, x = attention(layer), rows(3, 5, 4)
    plain = network.predict(x, backend=backend)
    for step in range(5):
        other = x.copy()
        other[:, step, 0] += 1.0
        got = network.predict(other, backend=backend)
        np.testing.assert_array_equal(got[:, :step], plain[:, :step])
        assert (got[:, step:] != plain[:, step:]).any(axis=(0, 2)).all()


@pytest.mark.parametrize("count", [1, 3, 239, 500])
def test_rows_do_not_depend_on_each_other(count):
    network = attention(TransformerBlock(4, 2), masked=True)
    x, mask = rows(500, 5, 4), np.arange(5) < np.arange(500)[:, None] % 6
    whole = network.predict(x, mask.astype(float))
    some = network.predict(x[:count], mask[:count].astype(float))
    np.testing.assert_array_equal(some, whole[:count])


# -- derivatives ----------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "layer",
    [
        MultiHeadAttention(2),
        MultiHeadAttention(3, 2, causal=True),
        TransformerBlock(4, 2, 6),
        TransformerBlock(4, 1, 6, "tanh", norm="after"),
    ],
    ids=repr,
)
def test_derivatives_by_differences(layer, backend):
    network = attention(layer, masked=True)
    mask = np.array([[1, 1, 0, 1, 1], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0.0]])
    total = ops.sum(ops.sin(network.output() * 1.7))
    leaves = [network.inputs[0], *network.parameters]
    run = function(network.inputs, [total, *gradients(total, leaves)], backend=backend)
    x, rng = rows(3, 5, 4), np.random.default_rng(5)
    _, by_x, *by_parameters = run(x, mask)
    for _ in range(8):
        at = tuple(rng.integers(0, n) for n in x.shape)
        ends = []
        for h in (1e-6, -1e-6):
            moved = x.copy()
            moved[at] += h
            ends.append(run(moved, mask)[0])
        assert by_x[at] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=2e-5, abs=2e-6)
    for parameter, slope in zip(network.parameters, by_parameters, strict=True):
        start = parameter.value
        at = tuple(rng.integers(0, n) for n in start.shape)
        ends = []
        for h in (1e-6, -1e-6):
            moved = start.copy()
            moved[at] += h
            parameter.assign(moved)
            ends.append(run(x, mask)[0])
        parameter.assign(start)
        assert slope[at] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=2e-5, abs=2e-6)


# -- dropout --------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_dropout_drops_weights_of_the_mixture_in_training(backend):
    network = Network([MultiHeadAttention(1, bias=False, dropout=0.5)], (40, 1), dtype="float64")
    # Queries of 0: every step weighs 1 / 40, and the values are 1.
    start = {name: np.zeros((1, 1)) for name in network.weights()}
    start |= {f"multiheadattention1.{name}.weight": np.ones((1, 1)) for name in ("value", "output")}
    network.set_weights(start)
    seed, step = placeholder((), "int32", "seed"), placeholder((), "int32", "step")
    run = function((*network.inputs, seed, step), network.output(True, seed, step), backend=backend)
    x = np.ones((50, 40, 1))
    kept = run(x, 1, 0) * 40 / 2
    np.testing.assert_allclose(kept, np.round(kept), atol=1e-12)
    # 2000 sums of 40 throws of a coin.
    assert abs(kept.mean() - 20) < 0.4
    assert abs(kept.std() - np.sqrt(10)) < 0.3
    assert (run(x, 1, 1) != run(x, 1, 0)).any()
    np.testing.assert_array_equal(run(x, 1, 0), run(x, 1, 0))
    np.testing.assert_allclose(network.predict(x, backend=backend), 1.0)


# -- as parts of networks -------------------------------------------------------------------------


def reader(seed=0, dtype="float32"):
    """Codes of unequal number, read by two blocks."""
    codes = Input(9, "codes", codes=True)
    mask = PaddingMask(0)(codes)
    x = PositionalEncoding()(TokenEmbedding(7, 8)(codes))
    x = TransformerBlock(8, 2, dropout=0.1)(x, mask, name="first")
    x = TransformerBlock(8, 2, norm="after")(x, mask, name="second")
    return Network(Dense(3)(GlobalAveragePool()(LayerNorm()(x), mask)), seed=seed, dtype=dtype)


def test_a_network_comes_back_from_its_document():
    network = shaken(reader())
    again = Network.from_document(json.loads(json.dumps(network.to_document())))
    assert again.to_document() == network.to_document()
    again.set_weights(network.weights())
    codes = np.random.default_rng(0).integers(0, 7, (6, 9)).astype(np.int32)
    np.testing.assert_array_equal(again.predict(codes), network.predict(codes))
    copied = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(copied.predict(codes), network.predict(codes))


def test_a_network_can_be_looked_at():
    network = reader()
    assert "first.attention" in str(network.summary())
    codes = np.zeros((2, 9), np.int32)
    codes[:, :3] = 1
    trace = network.trace(codes)
    assert "second.cross" not in str(trace)
    assert network.diagram().svg.startswith("<svg")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: MultiHeadAttention(0), SettingError, "MultiHeadAttention.heads"),
        (lambda: attention(features=5), ShapeError, r"shared out .*a multiple of 2; given: 5"),
        (lambda: Network([MultiHeadAttention(1)], 5), ShapeError, r"reads a sequence"),
        (
            lambda: Network(MultiHeadAttention(1)(Input((3, 2), "x"), Input(4, "mask"))),
            ShapeError,
            r"one number for each step .*allowed: \(3,\); given: \(4,\)",
        ),
        (
            lambda: Network(
                MultiHeadAttention(1)(*(Input((3, 2), f"x{k}") for k in range(3))),
            ),
            ShapeError,
            "a query and a memory",
        ),
        (lambda: TransformerBlock(4, 2, norm="pre"), SettingError, "before, after"),
        (
            lambda: Network(TransformerBlock(4, 2)(*(Input((3, 4), f"x{k}") for k in range(3)))),
            SettingError,
            r"\(x\) or \(x, mask\); given: 3 sources",
        ),
        (
            lambda: Network([TransformerBlock(4, 2, cross=True)], (3, 4)),
            SettingError,
            r"\(x, memory\) or",
        ),
        (lambda: Network([TransformerBlock(6, 2)], (3, 4)), ShapeError, "rows of one shape"),
        (lambda: Network([PositionalEncoding()], 3), ShapeError, r"\(steps, features\)"),
    ],
)
def test_wrong_use_is_refused_in_words(make, error, message):
    with pytest.raises(error, match=message):
        make()


# -- learning -------------------------------------------------------------------------------------


def test_a_transformer_learns_to_turn_sequences_of_unequal_length_round():
    """1 to 6 letters, then padding: what stands k from the beginning is to stand k from the end."""
    steps, letters, count = 6, 5, 3000
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, steps + 1, (count, 1))
    place = np.arange(steps)
    real = place < lengths
    codes = np.where(real, rng.integers(1, letters + 1, real.shape), 0).astype(np.int32)
    turned = np.take_along_axis(codes, np.where(real, lengths - 1 - place, 0), 1)
    target = np.eye(letters + 1)[np.where(real, turned, 0)].reshape(count, -1)

    given = Input(steps, "codes", codes=True)
    mask = PaddingMask(0)(given)
    x = PositionalEncoding()(TokenEmbedding(letters + 1, 24)(given))
    for _ in range(2):
        x = TransformerBlock(24, 4, 48)(x, mask)
    y = Flatten()(Conv1D(letters + 1, 1)(LayerNorm()(x)))
    network = Network(Activation("sigmoid")(y), seed=1)
    fit(
        network, codes[:2500], target[:2500], loss=BinaryCrossEntropy(),
        optimizer=Adam(0.005), schedule=OneCycle(), batch_size=50, epochs=40, patience=None, seed=1,
    )  # fmt: skip
    found = network.predict(codes[2500:]).reshape(-1, steps, letters + 1).argmax(2)
    right = (found == turned[2500:]) | ~real[2500:]
    assert right.all(1).mean() > 0.99
