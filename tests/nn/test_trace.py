"""The inside of a network: by hand on paper, against finite differences, against PyTorch."""

import dataclasses
import math
import re

import numpy as np
import pytest

from quickprop.errors import QuickpropError, SettingError, ShapeError
from quickprop.execution import function
from quickprop.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    Heads,
    Huber,
    MeanSquaredError,
)
from quickprop.nn import (
    Activation,
    ConstantNeuron,
    Dense,
    Dropout,
    Embedding,
    Network,
)
from quickprop.nn.layers.layer import Layer
from quickprop.nn.node import Input
from quickprop.nn.trace import trace


def two_two_one(**settings):
    """The smallest network that could be an exclusive or, with weights easy to follow."""
    network = Network(
        [Dense(2), Activation("sigmoid"), Dense(1), Activation("sigmoid")],
        2,
        dtype="float64",
        **settings,
    )
    network.set_weights(
        {
            "dense1.weight": [[2, -1], [1, 1]],
            "dense1.bias": [-1, 0.5],
            "dense2.weight": [[1], [-2]],
            "dense2.bias": [0.5],
        }
    )
    return network


PAGE = """\
One row: x1 = 1, x2 = 0, target 1

FORWARD

Layer 1 (dense1, sigmoid)
  a_1,1 = w_1,11 · x1 + w_1,12 · x2 + b_1,1
        = 2 · 1 + 1 · 0 - 1 = 1
  o_1,1 = sigmoid(a_1,1) = 1 / (1 + exp(-1)) = 0.7311
  a_1,2 = w_1,21 · x1 + w_1,22 · x2 + b_1,2
        = -1 · 1 + 1 · 0 + 0.5 = -0.5
  o_1,2 = sigmoid(a_1,2) = 1 / (1 + exp(0.5)) = 0.3775

Layer 2 (dense2, sigmoid)
  a_2,1 = w_2,11 · o_1,1 + w_2,12 · o_1,2 + b_2,1
        = 1 · 0.7311 - 2 · 0.3775 + 0.5 = 0.476
  o_2,1 = sigmoid(a_2,1) = 1 / (1 + exp(-0.476)) = 0.6168

Loss (mean squared error)
  L = (o_2,1 - y)² = (0.6168 - 1)² = 0.1468

BACKWARD

Layer 2 (dense2, sigmoid)
  dL/do_2,1 = 2 · (o_2,1 - y) = 2 · (0.6168 - 1) = -0.7664
  dL/da_2,1 = dL/do_2,1 · sigmoid'(a_2,1) = dL/do_2,1 · o_2,1 · (1 - o_2,1)
            = -0.7664 · 0.6168 · (1 - 0.6168) = -0.1811
  dL/dw_2,11 = dL/da_2,1 · o_1,1 = -0.1811 · 0.7311 = -0.1324
  dL/dw_2,12 = dL/da_2,1 · o_1,2 = -0.1811 · 0.3775 = -0.06839
  dL/db_2,1 = dL/da_2,1 = -0.1811

Layer 1 (dense1, sigmoid)
  dL/do_1,1 = dL/da_2,1 · w_2,11
            = -0.1811 · 1 = -0.1811
  dL/da_1,1 = dL/do_1,1 · sigmoid'(a_1,1) = dL/do_1,1 · o_1,1 · (1 - o_1,1)
            = -0.1811 · 0.7311 · (1 - 0.7311) = -0.03562
  dL/dw_1,11 = dL/da_1,1 · x1 = -0.03562 · 1 = -0.03562
  dL/dw_1,12 = dL/da_1,1 · x2 = -0.03562 · 0 = 0
  dL/db_1,1 = dL/da_1,1 = -0.03562
  dL/do_1,2 = dL/da_2,1 · w_2,12
            = -0.1811 · (-2) = 0.3623
  dL/da_1,2 = dL/do_1,2 · sigmoid'(a_1,2) = dL/do_1,2 · o_1,2 · (1 - o_1,2)
            = 0.3623 · 0.3775 · (1 - 0.3775) = 0.08514
  dL/dw_1,21 = dL/da_1,2 · x1 = 0.08514 · 1 = 0.08514
  dL/dw_1,22 = dL/da_1,2 · x2 = 0.08514 · 0 = 0
  dL/db_1,2 = dL/da_1,2 = 0.08514"""


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_the_page_of_a_2_2_1_network(backend):
    assert str(trace(two_two_one(), [1, 0], 1, backend=backend)) == PAGE


def test_a_page_without_a_target_ends_with_the_outputs():
    text = str(trace(two_two_one(), [1, 0]))
    assert text == PAGE[: PAGE.index("\n\nLoss")].replace(", target 1", "")


def arithmetic(page):
    """The pairs (calculation, result) of a page that consist of numbers alone."""
    pairs = []
    for line in page.splitlines():
        *_, left, right = ["", *line.split(" = ")]
        left = re.sub(r"ln ([\d.e-]+)", r"ln(\1)", left.strip())
        names = set(re.findall(r"[a-z_]+", re.sub(r"\de[+-]\d", "", left)))
        if names <= {"exp", "max", "ln"} and re.search(r"\d.*[^\d.]", left) and "more" not in line:
            pairs.append((left.replace("·", "*").replace("²", "**2"), float(right)))
    return pairs


SIGMOIDS = [Dense(2), Activation("sigmoid"), Dense(1), Activation("sigmoid")]
DROPPED = [Dense(3, bias=False), Dropout(0.5), Dense(3), Activation("softmax")]
CONSTANT = [ConstantNeuron(), Dense(4, bias=False), Activation("elu"), Dense(3)]


@pytest.mark.parametrize(
    ("layers", "loss", "target"),
    [
        ([Dense(2), Activation("tanh"), Dense(1)], MeanSquaredError(), [0.5, -1, 2.0]),
        ([Dense(3), Activation("relu"), Dense(2)], MeanSquaredError(), [[1, 2], [0, 1], [3, 1]]),
        ([Dense(3), Activation("gelu"), Dense(1)], BinaryCrossEntropy(), [1, 0, 1]),
        (SIGMOIDS, BinaryCrossEntropy(), [1, 0, 1]),
        (DROPPED, CrossEntropy(), [0, 2, 1]),
        (CONSTANT, CrossEntropy(), [2, 2, 1]),
        (CONSTANT, CrossEntropy("probabilities"), [[0.2, 0.3, 0.5], [1, 0, 0], [0, 0.5, 0.5]]),
    ],
    ids=["tanh", "relu", "gelu", "sigmoid", "dropout", "constant neuron", "soft classes"],
)
@pytest.mark.parametrize("rows", [1, 3])
def test_every_line_of_a_page_is_true(layers, loss, target, rows):
    network = Network(layers, 2, seed=4, dtype="float64")
    x = np.array([[1, -2], [0.5, 0.25], [-1.5, 1.0]])
    found = trace(network, x[:rows], target[:rows], loss, backend="reference")
    count = 0
    for row in range(rows):
        for calculation, result in arithmetic(found.page(row)):
            value = eval(calculation, {"exp": math.exp, "ln": math.log, "max": max})
            assert value == pytest.approx(result, rel=3e-3, abs=1e-3), calculation
            count += 1
    assert count >= 12 * rows


# -- the chain rule --------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["reference", "native"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_derivative_by_a_weight_is_that_by_its_neuron_times_its_input(backend, dtype):
    network = Network(
        [Dense(7), Activation("tanh"), Dense(5), Activation("silu"), Dense(2)],
        3,
        dtype=dtype,
    )
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 3)), rng.normal(size=(50, 2))
    found = trace(network, x, y, MeanSquaredError(), backend=backend)
    before, tolerance = x.astype(dtype), 1e-5 if dtype == "float32" else 1e-13
    assert [layer.name for layer in found.layers] == ["dense1", "dense2", "dense3"]
    for layer in found.layers:
        np.testing.assert_array_equal(layer.inputs, before)
        expected = np.zeros_like(layer.weights)
        for r in range(50):
            for i in range(layer.weights.shape[1]):
                for j in range(layer.weights.shape[0]):
                    expected[j, i] += layer.loss_by_weighted_inputs[r, i] * before[r, j]
        np.testing.assert_allclose(layer.loss_by_weights, expected, tolerance, tolerance)
        np.testing.assert_allclose(
            layer.loss_by_biases, layer.loss_by_weighted_inputs.sum(axis=0), tolerance, tolerance
        )
        np.testing.assert_array_equal(
            found.gradients[f"{layer.name}.weight"], layer.loss_by_weights
        )
        a = before @ layer.weights + layer.biases
        np.testing.assert_allclose(layer.weighted_inputs, a, tolerance, tolerance)
        before = layer.outputs
    for layer, later in zip(found.layers, found.layers[1:]):
        back = later.loss_by_weighted_inputs @ later.weights.T
        np.testing.assert_allclose(layer.loss_by_outputs, back, tolerance, tolerance)
        np.testing.assert_allclose(
            layer.loss_by_weighted_inputs, back * layer.activation_gradients, tolerance, tolerance
        )
    np.testing.assert_array_equal(found.outputs, network.predict(x, backend=backend))
    assert found.loss_value == pytest.approx(((found.outputs - y) ** 2).mean(), rel=1e-5)


class Plus(Layer):
    """The sum of two layers."""

    def parameter_specs(self, shapes):
        return ()

    def result_shape(self, shapes):
        return shapes[0]

    def apply(self, sources, parameters, context):
        return sources[0] + sources[1]


def skipping():
    """Two ways from the first layer to the end, an activation and the sum itself."""
    x = Input(3)
    a = Dense(4)(x)
    h = Activation("sigmoid")(a)
    return Network(Dense(2)(Plus()(a, h)), seed=2, dtype="float64")


def in_a_row(*layers):
    return Network(layers, 3, dtype="float64")


@pytest.mark.parametrize(
    ("network", "loss", "target"),
    [
        (skipping(), MeanSquaredError(), [[1, 2], [3, 4]]),
        (in_a_row(Dense(4), Activation("softmax"), Dense(2)), MeanSquaredError(), np.eye(2)),
        (in_a_row(Dense(4), Dense(2), Activation("softmax")), CrossEntropy(), [1, 0]),
    ],
    ids=["two ways", "softmax inside", "softmax in the loss"],
)
def test_derivatives_are_those_of_small_changes(network, loss, target):
    x = np.array([[0.3, -1, 2], [1, 0.5, -0.25]])
    found = trace(network, x, target, loss)
    leaf = loss.target_placeholder(2, "float64")
    value = loss(network.output(loss=loss), leaf)
    run = function([*network.inputs, leaf], value, backend="reference")
    target = np.asarray(target)
    for name, start in network.weights().items():
        slope = np.zeros_like(start)
        for place in np.ndindex(start.shape):
            ends = []
            for step in (1e-6, -1e-6):
                moved = start.copy()
                moved[place] += step
                network.set_weights({**network.weights(), name: moved})
                ends.append(run(x, target))
            slope[place] = (ends[0] - ends[1]) / 2e-6
            network.set_weights({**network.weights(), name: start})
        np.testing.assert_allclose(found.gradients[name], slope, atol=1e-7)
    # The bias of a neuron moves its weighted input in every row alike.
    for layer in found.layers:
        if layer.biases is not None:
            by_rows = layer.loss_by_weighted_inputs.sum(axis=0)
            np.testing.assert_allclose(found.gradients[f"{layer.name}.bias"], by_rows, atol=1e-12)


def test_no_product_is_claimed_where_the_loss_has_two_ways():
    page = str(trace(skipping(), [1, 2, 3], [1, 2]))
    assert "sigmoid'(a" not in page
    assert "activation1 (Activation)" in page


def test_the_same_as_pytorch():
    torch = pytest.importorskip("torch", reason="the oracle of this test")
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    network = Network([Dense(4), Activation("tanh"), Dense(2)], 3, dtype="float64")
    found = trace(network, x, y)
    w = {name: torch.tensor(value, requires_grad=True) for name, value in network.weights().items()}
    a1 = torch.tensor(x) @ w["dense1.weight"] + w["dense1.bias"]
    o1 = torch.tanh(a1)
    a2 = o1 @ w["dense2.weight"] + w["dense2.bias"]
    for tensor in (a1, o1, a2):
        tensor.retain_grad()
    loss = torch.nn.functional.mse_loss(a2, torch.tensor(y))
    loss.backward()
    assert found.loss_value == pytest.approx(loss.item(), rel=1e-12)
    first, last = found.layers
    for ours, theirs in (
        (first.weighted_inputs, a1),
        (first.outputs, o1),
        (last.weighted_inputs, a2),
        (first.loss_by_weighted_inputs, a1.grad),
        (first.loss_by_outputs, o1.grad),
        (last.loss_by_weighted_inputs, a2.grad),
        *((found.gradients[name], w[name].grad) for name in w),
    ):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-12, atol=1e-15)


# -- what is given and kept ------------------------------------------------------------------------


def test_layers_are_found_by_either_name_and_cannot_be_exchanged():
    found = trace(two_two_one(), [[1, 0], [0, 1]], [0, 1])
    assert found["dense1"] is found["activation1"] is found.layers[0]
    assert found["dense1"].activation == "sigmoid"
    # (0.6168 - 0)² of the page above; the other row gives 0.3463, so (0.3805 + 0.4273) / 2.
    assert repr(found) == "<Trace: 2 rows through dense1, dense2, loss 0.4039>"
    assert repr(found.layers[0]) == "<traced dense1 sigmoid: outputs 2 x 2>"
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.loss = None
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.layers[0].outputs = None


def test_inputs_by_the_names_of_their_columns():
    network = two_two_one(input_names=["age", "height"])
    assert "a_1,1 = w_1,11 · age + w_1,12 · height + b_1,1" in str(trace(network, [1, 2]))


def test_categories_come_as_a_second_array():
    network = Network([Embedding((3,), widths=(2,)), Dense(2), Activation("relu"), Dense(1)], 2)
    found = trace(network, ([[1.0, 2.0]], [[2]]), [3.0])
    table = network.weights()["embedding.0.table"]
    assert found["embedding"].outputs.tolist() == [[1, 2, *table[2]]]
    assert found.gradients["embedding.0.table"].shape == (3, 2)
    assert "w_1,11 · embedding[1]" in str(found)


def test_a_wide_layer_is_cut_short():
    network = Network([Dense(64), Activation("relu"), Dense(10), Activation("softmax")], 784)
    page = str(trace(network, np.ones((300, 784)), np.zeros(300, int), CrossEntropy()))
    assert len(page.splitlines()) < 120
    assert "+ ... (781 more) + b_1,1" in page
    assert "... 61 more neurons" in page
    assert "w_1,1,10" not in page


def test_a_step_has_no_slope():
    network = Network([Dense(2), Activation("step"), Dense(1)], 2, dtype="float64")
    found = trace(network, [[1.0, 2.0]], [1.0])
    assert not found["dense1"].activation_gradients.any()
    assert not found["dense1"].loss_by_weights.any()
    assert found["dense2"].loss_by_weighted_inputs.any()


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_what_is_missing_of_the_target_does_not_count(backend):
    network = Network([Dense(2)], 2, dtype="float64")
    x, nan = [[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]], float("nan")
    found = trace(network, x, [[1, nan], [nan, nan], [nan, 2]], backend=backend)
    o = network.predict(x)
    # Two numbers of six are there: the loss is their mean.
    expected = [[2 * (o[0, 0] - 1) / 2, 0], [0, 0], [0, 2 * (o[2, 1] - 2) / 2]]
    np.testing.assert_allclose(found["dense1"].loss_by_outputs, expected)
    assert found.loss_value == pytest.approx(((o[0, 0] - 1) ** 2 + (o[2, 1] - 2) ** 2) / 2)
    assert f"L = {found.loss_value:.4g}" in found.page(1)
    codes = trace(Network([Dense(3)], 2), x, [nan, 1.0, 2.0], CrossEntropy(), backend=backend)
    assert not codes["dense1"].loss_by_weighted_inputs[0].any()
    assert codes["dense1"].loss_by_weighted_inputs[1].any()
    with pytest.raises(QuickpropError, match="all of the target is missing"):
        trace(network, x, np.full((3, 2), nan))


def test_losses_without_a_formula_of_their_own_give_their_number():
    network = Network([Dense(3), Activation("softmax")], 2)
    for loss in (CrossEntropy(label_smoothing=0.1), CrossEntropy(class_weight=(1, 2, 3))):
        found = trace(network, [1, 2], [1], loss)
        assert f"Loss (cross entropy)\n  L = {found.loss_value:.4g}\n" in str(found)
    found = trace(Network([Dense(1)], 2), [1, 2], [1], Huber())
    assert f"Loss (huber)\n  L = {found.loss_value:.4g}\n" in str(found)


ROW, MANY = [1.0, 0.0], [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 0.0, 0.0],), r"input 'numeric': .*allowed: \[rows, 2\]; given: \[1, 3\]"),
        ((["a", "b"],), "does not hold numbers"),
        (([[1.0], [1.0, 2.0]],), "not an array"),
        ((ROW, [1, 2]), "trace target: the target does not fit"),
        ((MANY, [1]), "inputs differ in rows"),
        ((MANY, [1, float("inf")]), "trace target: .*infinite"),
        ((ROW, None, MeanSquaredError()), "a loss needs a target.*Give the target"),
        ((ROW, 1, "msee"), "trace.loss: .*given: 'msee'"),
        ((ROW, 2, BinaryCrossEntropy()), "not a probability"),
        ((ROW, 1, CrossEntropy()), "an output for each class"),
    ],
)
def test_wrong_use(arguments, message):
    with pytest.raises(QuickpropError, match=message):
        trace(two_two_one(), *arguments)


def test_wrong_rows_layers_and_inputs():
    found = trace(two_two_one(), MANY)
    for row in (2, -1, 0.5, "first"):
        with pytest.raises(SettingError, match=r"trace.page: no such row \(allowed: 0 to 1"):
            found.page(row)
    with pytest.raises(SettingError, match=r"no such layer .*dense1, dense2"):
        found["dense3"]
    network = Network([Dense(1)], 2, (3,))
    with pytest.raises(ShapeError, match=r"one array for each input .*numeric, categories"):
        trace(network, MANY)
    with pytest.raises(QuickpropError, match="outside the levels"):
        trace(network, (MANY, [[0], [3]]))


def test_the_loss_is_of_all_outputs_side_by_side():
    x = Input(3)
    hidden = Activation("tanh")(Dense(4)(x))
    drawn = Network([Dense(1)(hidden), Dense(2)(hidden)], dtype="float64", seed=1)
    rows, target = np.linspace(-1.0, 1.0, 6).reshape(2, 3), [[0.5, 1], [-0.5, 0]]
    first, second = drawn.predict(rows)
    heads = Heads((MeanSquaredError(), CrossEntropy()), (1, 2))
    seen = drawn.trace(rows, target, heads)
    np.testing.assert_array_equal(seen.outputs, np.concatenate([first, second], axis=1))
    squares = ((first[:, 0] - [0.5, -0.5]) ** 2).mean()
    logs = np.log(np.exp(second).sum(axis=1)) - second[[0, 1], [1, 0]]
    assert seen.loss_value == pytest.approx(squares + logs.mean(), rel=1e-12)
    # By the bias of the first output: 2 (o - y), the mean over rows.
    expected = 2.0 * (first[:, 0] - [0.5, -0.5]).mean()
    assert seen.gradients["dense2.bias"] == pytest.approx(expected, rel=1e-12)
    assert "Heads" in str(seen) or "heads" in str(seen)


@pytest.mark.parametrize(
    ("rows", "target", "message"),
    [
        ([[1.0, 2.0], [3.0]], None, "not an array"),
        ([[1.0, 2.0], [3.0]], [[1.0], [2.0]], "not an array"),
        ([[1.0, 2.0]], [[1.0], [2.0, 3.0]], "trace target: the target is not an array"),
        ([[1e300, 2.0]], None, "too large for float32"),
        ([[1.0, 2.0]], [[1e300]], "too large for float32"),
    ],
)
def test_what_is_no_array_is_said(rows, target, message):
    with pytest.raises(QuickpropError, match=message):
        Network([Dense(1)], 2).trace(rows, target)
