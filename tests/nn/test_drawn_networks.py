"""Networks that branch: drawn, computed, trained, written down and read again, and refused."""

import copy
import json
import pickle

import numpy as np
import pytest

from quickprop import ops
from quickprop.autodiff import gradients
from quickprop.errors import ModelFileError, QuickpropError, SettingError, ShapeError
from quickprop.execution import function
from quickprop.graph import Op, placeholder, walk
from quickprop.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    Heads,
    MeanSquaredError,
)
from quickprop.nn import (
    GRU,
    Activation,
    Add,
    BatchNorm,
    Block,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    MaxPool2D,
    Multiply,
    Network,
    Reshape,
    TokenEmbedding,
)
from quickprop.optim import Adam
from quickprop.train import fit

BACKENDS = ("reference", "native")


class Residual(Block):
    """Two dense layers and the way past them."""

    def draw(self, *sources):
        (x,) = sources
        h = Activation("relu")(Dense(4)(x))
        return Add()(x, Dense(4)(h))


def skipping():
    """A skip connection."""
    x = Input(4)
    return Network(Dense(1)(Add()(x, Dense(4)(x))), dtype="float64")


def two_inputs():
    """Numbers and an image."""
    image, numbers = Input((4, 4, 1), "image"), Input(3, "numbers")
    seen = Flatten()(MaxPool2D(2)(Conv2D(2, 3, padding=1)(image)))
    return Network(Dense(2)(Concatenate()(numbers, seen)), dtype="float64")


def two_outputs():
    """Two ends of one trunk."""
    trunk = Activation("tanh")(Dense(5)(Input(3)))
    return Network([Dense(1)(trunk), Dense(4)(trunk)], dtype="float64")


def gated():
    """A product of two branches, and codes in the middle of it all."""
    numbers, codes, words = Input(2), Input(2, "kinds", codes=True), Input(3, "words", codes=True)
    a = Embedding((3, 3), widths=(2, 2))(numbers, codes)
    b = GRU(6)(TokenEmbedding(3, 2)(words))
    gate = Activation("sigmoid")(Dense(6)(b))
    return Network(Dense(1)(Multiply()(a, gate, name="gated")), dtype="float64")


def blocks():
    """Blocks, one of them named."""
    x = Dense(4)(Input(2))
    y = Residual()(Residual()(x), name="second")
    return Network(BatchNorm()(y), dtype="float64")


DRAWN = (skipping, two_inputs, two_outputs, gated, blocks)


def rows_for(network, rows=5, seed=0):
    rng = np.random.default_rng(seed)
    return [
        rng.normal(size=(rows, *leaf.shape[1:]))
        if leaf.dtype.is_float
        else rng.integers(0, 3, (rows, *leaf.shape[1:]))
        for leaf in network.inputs
    ]


def results(network, backend, rows=5):
    found = network.predict(*rows_for(network, rows), backend=backend)
    return found if isinstance(found, tuple) else (found,)


# -- what they compute ----------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_skip_connection_by_hand(backend):
    network = skipping()
    w, b = np.arange(16.0).reshape(4, 4) / 10, np.array([1.0, 0.0, -1.0, 0.5])
    v = np.array([[1.0], [-1.0], [2.0], [0.5]])
    network.set_weights(
        {"dense1.weight": w, "dense1.bias": b, "dense2.weight": v, "dense2.bias": [3.0]}
    )
    x = np.array([[1.0, 2.0, 3.0, 4.0], [0.0, -1.0, 0.0, 1.0]])
    expected = (x + x @ w + b) @ v + 3.0
    np.testing.assert_allclose(network.predict(x, backend=backend), expected, 1e-14)


@pytest.mark.parametrize("draw", DRAWN)
@pytest.mark.parametrize("rows", [1, 7, 300])
def test_compiled_and_not(draw, rows):
    network = draw()
    for mine, other in zip(
        results(network, "native", rows), results(network, "reference", rows), strict=True
    ):
        np.testing.assert_allclose(mine, other, 1e-11, 1e-11)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("draw", DRAWN)
def test_slopes_are_finite_differences(draw, backend):
    network = draw()
    made = network.results()
    y = ops.sum(ops.square(made[0]))
    for other in made[1:]:
        y = y + ops.sum(ops.square(other))
    run = function(network.inputs, [y, *gradients(y, network.parameters)], backend=backend)
    x = rows_for(network)
    _, *slopes = run(*x)
    h = 1e-6
    for parameter, slope in zip(network.parameters, slopes, strict=True):
        value = parameter.value
        for place in list(np.ndindex(value.shape))[::3]:
            ends = []
            for sign in (1.0, -1.0):
                moved = value.copy()
                moved[place] += sign * h
                parameter.assign(moved)
                ends.append(float(run(*x)[0]))
            parameter.assign(value)
            found = (ends[0] - ends[1]) / (2 * h)
            assert found == pytest.approx(slope[place], rel=1e-6, abs=1e-6), parameter.name


def test_several_outputs_come_in_their_order():
    network = two_outputs()
    assert network.outputs == ("dense2", "dense3")
    assert network.widths == (1, 4)
    one, other = results(network, "native")
    assert (one.shape, other.shape) == ((5, 1), (5, 4))


# -- names and wiring -----------------------------------------------------------------------------


def test_names_count_each_kind_in_the_order_of_need():
    names = {layer.name: layer.sources for layer in blocks().layers}
    assert names == {
        "dense1": ("numeric",),
        "residual1.dense1": ("dense1",),
        "residual1.activation1": ("residual1.dense1",),
        "residual1.dense2": ("residual1.activation1",),
        "residual1.add1": ("dense1", "residual1.dense2"),
        "second.dense1": ("residual1.add1",),
        "second.activation1": ("second.dense1",),
        "second.dense2": ("second.activation1",),
        "second.add1": ("residual1.add1", "second.dense2"),
        "batchnorm1": ("second.add1",),
    }


def test_drawn_in_a_row_is_the_same_network():
    layers = [Dense(5), Activation("tanh"), Dense(2)]
    row = Network(layers, 3, dtype="float64")
    node = Input(3)
    for layer in layers:
        node = layer(node)
    drawn = Network(node, dtype="float64")
    x = rows_for(row)
    assert (row.predict(*x) == drawn.predict(*x)).all()


def test_a_part_applied_twice_is_two_layers():
    # Parts are settings and hold no weights; one node read twice is one layer.
    x, part = Input(3), Dense(3)
    network = Network(Add()(part(x), part(x)))
    assert [layer.name for layer in network.layers] == ["dense1", "dense2", "add1"]
    node = part(x)
    assert len(Network(Add()(node, node)).layers) == 2


def test_nodes_that_no_output_needs_are_left_out():
    x = Input(3)
    Dense(100)(x)
    assert [layer.name for layer in Network(Dense(1)(x)).layers] == ["dense1"]


def test_deeper_than_the_stack_of_python():
    node = Input(1)
    for _ in range(1500):
        node = Add()(node, node)
    network = Network(node, dtype="float64")
    assert len(network.layers) == 1500
    small = network.predict([[2.0**-1000]], backend="reference")
    assert small.tolist() == [[2.0**500]]


def test_two_networks_of_the_same_nodes_have_weights_of_their_own():
    node = Dense(2)(Input(3))
    one, other = Network(node, seed=1), Network(node, seed=2)
    assert (one.weights()["dense1.weight"] != other.weights()["dense1.weight"]).any()


# -- training -------------------------------------------------------------------------------------


def test_a_skip_connection_learns():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4))
    y = (x @ [1.0, -2.0, 0.5, 0.0] + 1.0)[:, None]
    network = skipping()
    fit(network, x, y, loss=MeanSquaredError(), optimizer=Adam(0.02), epochs=60, batch_size=32)
    assert np.mean((network.predict(x) - y) ** 2) < 0.01 * np.var(y)


def test_two_inputs_learn():
    rng = np.random.default_rng(0)
    image, numbers = rng.normal(size=(200, 4, 4, 1)), rng.normal(size=(200, 3))
    labels = (image[:, :2].mean((1, 2, 3)) + 0.3 * numbers[:, 0] > 0).astype(int)
    network = two_inputs()
    fit(
        network, (numbers, image), labels, loss=CrossEntropy(), optimizer=Adam(0.02), epochs=60,
        batch_size=32,
    )  # fmt: skip
    assert (network.predict(numbers, image).argmax(1) == labels).mean() > 0.9


def test_two_heads_of_two_kinds_learn_together():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))
    size, kind = x[:, :1] - x[:, 1:2], (x[:, 2] > 0).astype(int)
    trunk = Activation("tanh")(Dense(12)(Input(3)))
    network = Network([Dense(1)(trunk), Dense(2)(trunk)], dtype="float64")
    loss = Heads((MeanSquaredError(), CrossEntropy()), (1, 2))
    fit(
        network, x, np.hstack([size, kind[:, None]]), loss=loss, optimizer=Adam(0.02),
        epochs=80, batch_size=32,
    )  # fmt: skip
    found, scores = network.predict(x)
    assert np.mean((found - size) ** 2) < 0.05 * np.var(size)
    assert (scores.argmax(1) == kind).mean() > 0.95


def test_dropout_in_two_branches_is_not_the_same():
    x = Input(200)
    network = Network(Concatenate()(Dropout(0.5)(x), Dropout(0.5)(x)))
    seed, step = placeholder((), "int32"), placeholder((), "int32")
    run = function([*network.inputs, seed, step], network.output(True, seed, step))
    (row,) = run(np.ones((1, 200)), np.int32(0), np.int32(0))
    # Were the masks the same, all would agree; of independent ones half do.
    assert 0.3 < (row[:200] == row[200:]).mean() < 0.7


# -- as data --------------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", DRAWN)
def test_written_down_and_read_again(draw):
    network = draw()
    document = json.loads(json.dumps(network.to_document()))
    again = Network.from_document(document)
    assert again.to_document() == network.to_document()
    again.set_weights(network.weights())
    for mine, other in zip(results(again, "native"), results(network, "native"), strict=True):
        assert (mine == other).all()


@pytest.mark.parametrize("draw", DRAWN)
@pytest.mark.parametrize("copied", [lambda n: pickle.loads(pickle.dumps(n)), copy.deepcopy])
def test_copies_compute_the_same(draw, copied):
    network = draw()
    again = copied(network)
    for mine, other in zip(results(again, "native"), results(network, "native"), strict=True):
        assert (mine == other).all()
    # And have weights of their own.
    name = str(network.parameters[0].name)
    again.parameters[0].assign(again.parameters[0].value + 1.0)
    assert (again.weights()[name] != network.weights()[name]).all()


def test_a_document_gives_the_same_starting_weights():
    network = blocks()
    again = Network.from_document(network.to_document())
    for name, value in network.weights().items():
        assert (again.weights()[name] == value).all()


def changed(change):
    """The document of a small network, changed."""
    x = Input(2, "x")
    h = Dense(3)(x)
    document = Network([Dense(1)(h), Add()(h, h)]).to_document()
    change(document)
    return document


def setting(path, value):
    def change(document):
        *before, last = path
        for key in before:
            document = document[key]
        document[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (setting(("layers", 0, "sources"), ["dense2"]),
         "dense1: a layer reads something that does not stand before it"),
        (setting(("layers", 0, "sources"), ["dense1"]), "does not stand before it"),
        (setting(("layers", 0, "sources"), ["y"]), "does not stand before it"),
        (setting(("layers", 0, "sources"), []), r"layers\[0\].sources"),
        (setting(("layers", 0, "sources"), "x"), r"layers\[0\].sources"),
        (setting(("layers", 0, "sources"), [3]), r"layers\[0\].sources"),
        (setting(("layers", 0, "sources"), None), r"layers\[0\].sources"),
        (setting(("layers", 0, "sources"), ["x", "x"]), "this layer reads one other"),
        (setting(("layers", 1, "name"), "dense1"), "a name stands twice"),
        (setting(("layers", 1, "name"), "x"), "a name stands twice"),
        (setting(("layers", 1, "name"), ""), r"layers\[1\].name"),
        (setting(("layers", 1, "name"), ["a"]), r"layers\[1\].name"),
        (setting(("layers", 1, "layer"), {"kind": "Residual"}), "unknown kind of part"),
        (setting(("layers", 1, "layer"), {"kind": "Dense", "width": 2}), "a field is missing"),
        (setting(("layers", 1, "layer"), None), r"layers\[1\].layer: not a JSON object"),
        (setting(("layers", 1), None), r"layers\[1\]: not a JSON object"),
        (setting(("layers", 1), {}), r"layers\[1\]: 'layer' is missing"),
        (setting(("layers",), {}), "network.layers: not a list"),
        (setting(("layers",), []), "does not stand before it"),
        (setting(("outputs",), ["dense3"]), "network.outputs|does not stand before it"),
        (setting(("outputs",), ["x"]), "does not stand before it"),
        (setting(("outputs",), []), "network.outputs"),
        (setting(("outputs",), [None]), "network.outputs"),
        (setting(("outputs",), "dense2"), "network.outputs: not a list"),
        (setting(("inputs",), []), "does not stand before it"),
        (setting(("inputs", 0, "shape"), [0]), "Input.shape"),
        (setting(("inputs", 0, "shape"), [2, "3"]), "Input.shape"),
        (setting(("inputs", 0, "shape"), [3, 2]), "rows that are vectors"),
        (setting(("inputs", 0, "codes"), True), "cannot read category codes"),
        (setting(("inputs", 0, "codes"), 1), r"inputs\[0\]: 'codes' is not true or false"),
        (setting(("inputs", 0, "name"), "y"), "does not stand before it"),
        (setting(("inputs", 0), 5), r"inputs\[0\]: not a JSON object .given: int"),
        (setting(("inputs",), [{"shape": [2], "name": "x", "codes": False}] * 2), "stands twice"),
        (setting(("seed",), -1), "Network.seed"),
        (setting(("dtype",), "float16"), "float16|dtype"),
        (setting(("dtype",), "int32"), "floating-point"),
        (setting(("dtype",), ["float32"]), "dtype|not of its kind"),
        (setting(("input_names",), ["a"]), "not a name for each input"),
        (setting(("more",), 1), "network.more: unknown field"),
        (lambda document: document.pop("outputs"), "network.outputs: a field is missing"),
        (lambda document: document.pop("seed"), "network.seed: a field is missing"),
        (setting(("layers", 0, "layer", "width"), 2**20), "too large|does not fit|needs rows"),
    ],
)  # fmt: skip
def test_documents_that_are_wrong(change, message):
    document = changed(change)
    if (
        document["layers"]
        and isinstance(document["layers"], list)
        and (document["layers"][0]["layer"].get("width") == 2**20)
    ):
        document["inputs"][0]["shape"] = [2**20]
    with pytest.raises(ModelFileError, match=message):
        Network.from_document(document)


def test_two_parameters_of_one_name_are_refused():
    # "a" with a table "b" and "a.b" with its table would be one in a file.
    document = {
        "inputs": [{"shape": [1], "name": "x", "codes": True}],
        "layers": [
            {"name": "a", "sources": ["x"], "layer": Embedding((3,), ("b",)).to_document()},
            {"name": "a.b", "sources": ["x"], "layer": TokenEmbedding(3, 2).to_document()},
        ],
        "outputs": ["a", "a.b"],
        "seed": 0,
        "dtype": "float32",
    }
    with pytest.raises(ModelFileError, match=r"a.b.table: two parameters have one name"):
        Network.from_document(document)


# -- wrong use ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda x: Dense(3)(5), "Dense: a layer is applied to something that is not part of a "
         r"network .*an Input, or what a layer gave; given: 5"),
        (lambda x: Dense(3)(np.ones(3)), "applied to something that is not part"),
        (lambda x: Dense(3)(Dense(3)), r"given: Dense\(width=3"),
        (lambda x: Dense(3)([x]), "applied to something that is not part"),
        (lambda x: Dense(3)(), "Dense: a layer is applied to nothing"),
        (lambda x: Dense(3)(x, name="a.b"), "not the name of a layer .*without dots; given: 'a.b'"),
        (lambda x: Dense(3)(x, name=""), "not the name of a layer"),
        (lambda x: Dense(3)(x, name=3), "not the name of a layer"),
        (lambda x: Network(x), "not the result of a layer"),
        (lambda x: Network([x]), "not the result of a layer"),
        (lambda x: Network([Dense(1)(x), x]), "not the result of a layer"),
        (lambda x: Network([Dense(1)(x), Dense(1)]), "not the result of a layer"),
        (lambda x: Network([Dense(1), Dense(1)(x)], 3), "not a layer"),
        (lambda x: Network(Dense(1)(x), 3), "a drawn network knows its inputs itself"),
        (lambda x: Network(Dense(1)(x), categories=(3,)), "knows its inputs itself"),
        (lambda x: Network(Add()(Dense(1, )(x, name="a"), Dense(1)(x, name="a"))),
         "a: two parts of a network have one name .*|a: two parts"),
        (lambda x: Network(Add()(x, Input(4))), "numeric: two parts of a network have one name"),
        (lambda x: Network(Dense(1)(x, name="numeric")), "numeric: two parts"),
        (lambda x: Network(Dense(1)(Input(4, "x", codes=True))),
         "dense1: cannot read category codes .*put an Embedding between|Put an Embedding"),
        (lambda x: Network(Embedding((3,) * 4)(x)), "embedding: reads category codes"),
        (lambda x: Network(TokenEmbedding(3, 2)(x)), "reads category codes"),
        (lambda x: Network(TokenEmbedding(3, 2)(Dense(4)(x))), "reads category codes"),
        (lambda x: Input(0), "Input.shape"),
        (lambda x: Input((2, -1)), "Input.shape"),
        (lambda x: Input("4"), "Input.shape"),
        (lambda x: Input(4, ""), "Input.name"),
        (lambda x: Input(4, codes=1), "Input.codes"),
    ],
)  # fmt: skip
def test_wrong_wiring(draw, message):
    with pytest.raises(SettingError, match=message):
        draw(Input(4))


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda x: Add()(x, Dense(3)(x)), r"add1: Add needs rows of one shape .*\(4,\); given: "
         r"\(4,\), \(3,\)\)\. Bring them to one width with a Dense first"),
        (lambda x: Multiply()(x, Reshape((2, 2))(x)), "Multiply needs rows of one shape"),
        (lambda x: Concatenate()(Reshape((2, 2))(x), x), "Concatenate, but for the last axis"),
        (lambda x: Dense(3)(x, x), r"dense1: this layer reads one other .*1; given: 2\)\. Join"),
        (lambda x: Flatten()(x, x, x), "flatten1: this layer reads one other"),
        (lambda x: Embedding((3,))(x, x, x), "an embedding reads category codes"),
        (lambda x: Conv2D(3, 3)(x), "conv2d1: Conv2D needs other rows"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit(draw, message):
    with pytest.raises(ShapeError, match=message):
        Network(draw(Input(4)))


def test_blocks_that_draw_nothing_are_refused():
    class Empty(Block):
        """Forgets to return."""

        def draw(self, *sources):
            return None

    with pytest.raises(QuickpropError, match="empty1: a block drew something that is not"):
        Network(Empty()(Input(3)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_arrays_that_do_not_fit_name_their_input(backend):
    network = two_inputs()
    # The first source of the join is met first.
    assert [leaf.name for leaf in network.inputs] == ["numbers", "image"]
    numbers, image = rows_for(network)
    with pytest.raises(ShapeError, match=r"'image': .*allowed: \[rows, 4, 4, 1\]"):
        network.predict(numbers, numbers, backend=backend)
    with pytest.raises(ShapeError, match="2"):
        network.predict(numbers, backend=backend)
    with pytest.raises(ShapeError, match="rows"):
        network.predict(numbers, image[:2], backend=backend)


def test_each_head_has_its_own_link():
    x = Input(3)
    kinds = Activation("softmax")(Dense(4)(x))
    chance = Activation("sigmoid")(Dense(1)(x))
    loss = Heads((CrossEntropy(), BinaryCrossEntropy()), (4, 1))
    network = Network([kinds, chance])
    raw = network.output(loss=loss)
    assert not any(node.op in (Op.EXP, Op.SIGMOID) for node in walk([raw]))
    # Without a loss, or with one of another number of heads, nothing is left out.
    for whole in (network.output(), network.output(loss=MeanSquaredError())):
        assert {Op.EXP, Op.SIGMOID} <= {node.op for node in walk([whole])}
