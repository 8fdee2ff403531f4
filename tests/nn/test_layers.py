import dataclasses
import math

import numpy as np
import pytest

from quickprop.errors import GraphError, SettingError, ShapeError
from quickprop.execution import function
from quickprop.foundation.settings import from_document
from quickprop.graph import placeholder
from quickprop.nn import (
    ACTIVATIONS,
    GRU,
    LAYERS,
    LSTM,
    Activation,
    Add,
    AveragePool1D,
    AveragePool2D,
    BatchNorm,
    Bidirectional,
    Columns,
    Concatenate,
    ConstantNeuron,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    GlobalAveragePool,
    GlobalMaxPool,
    Input,
    LastStep,
    LayerNorm,
    LengthMask,
    LocalResponseNorm,
    MaxPool1D,
    MaxPool2D,
    MeanProbability,
    MultiHeadAttention,
    Multiply,
    Network,
    Orthogonal,
    PaddingMask,
    ParametricActivation,
    PeriodicEmbedding,
    PositionalEncoding,
    PositionEmbedding,
    PReLU,
    Reshape,
    Scale,
    SimpleRNN,
    TokenEmbedding,
    WeightedMean,
    Zeros,
)
from quickprop.nn.layers.embedding import usual_width
from quickprop.nn.layers.layer import Lookup

BACKENDS = ("reference", "native")
EXAMPLES = {
    "Dense": (
        Dense(3),
        Dense(2, bias=False, initializer=Zeros()),
        Dense(3, parametrization="ntp", bias_initializer=Orthogonal()),
    ),
    "Scale": (Scale(), Scale(-2.5)),
    "ParametricActivation": (ParametricActivation("mish"), ParametricActivation("selu", 0.25)),
    "PeriodicEmbedding": (
        PeriodicEmbedding(),
        PeriodicEmbedding(4, 5, 2.0, keeps_input=False, relu=True),
        PeriodicEmbedding(3, None, 1.0),
    ),
    "Activation": tuple(Activation(name) for name in ACTIVATIONS),
    "ConstantNeuron": (ConstantNeuron(),),
    "PReLU": (PReLU(), PReLU(per_channel=False, start=-0.5)),
    "GaussianNoise": (GaussianNoise(0.5), GaussianNoise(0.0)),
    "Dropout": (Dropout(0.25), Dropout(0.0)),
    "Embedding": (Embedding((3, 12)), Embedding((3, 4), names=("town", "kind"), widths=(2, 5))),
    "TokenEmbedding": (TokenEmbedding(3, 5),),
    "Conv1D": (Conv1D(3, 2), Conv1D(2, 3, padding="same", bias=False, initializer=Orthogonal())),
    "Conv2D": (Conv2D(3, 2), Conv2D(4, (3, 1), (2, 1), (1, 0), 2, groups=2)),
    "AveragePool1D": (AveragePool1D(), AveragePool1D(3, 1, "same")),
    "AveragePool2D": (AveragePool2D(), AveragePool2D((2, 3), (1, 2), (1, 0))),
    "MaxPool1D": (MaxPool1D(), MaxPool1D(3, 1, "same")),
    "MaxPool2D": (MaxPool2D(), MaxPool2D((2, 3), (1, 2), (1, 0))),
    "GlobalAveragePool": (GlobalAveragePool(),),
    "GlobalMaxPool": (GlobalMaxPool(),),
    "Flatten": (Flatten(),),
    "Reshape": (Reshape((2, 1)), Reshape((1, 1, 2))),
    "Add": (Add(),),
    "Multiply": (Multiply(),),
    "Concatenate": (Concatenate(),),
    "Columns": (Columns((1,)), Columns((1, 0, 1))),
    "WeightedMean": (WeightedMean((0.25, 0.75)), WeightedMean((0.5, 0.5), -0.5, 0.5)),
    "MeanProbability": (
        MeanProbability((0.25, 0.75)),
        MeanProbability((0.5, 0.5), temperature=0.5, mixed=0.1),
    ),
    "BatchNorm": (BatchNorm(), BatchNorm(0.5, 0.1)),
    "LayerNorm": (LayerNorm(), LayerNorm(0.1)),
    "LocalResponseNorm": (LocalResponseNorm(), LocalResponseNorm(2, 0.5, 0.5, 2.0)),
    "SimpleRNN": (SimpleRNN(3), SimpleRNN(3, sequence=True)),
    "LSTM": (LSTM(3), LSTM(3, sequence=True, forget_bias=0.0)),
    "GRU": (GRU(3), GRU(3, sequence=True)),
    "Bidirectional": (Bidirectional(LSTM(3)), Bidirectional(GRU(3, sequence=True), "sum")),
    "PositionalEncoding": (PositionalEncoding(), PositionalEncoding(100.0)),
    "PositionEmbedding": (PositionEmbedding(),),
    "MultiHeadAttention": (
        MultiHeadAttention(2),
        MultiHeadAttention(3, 5, bias=False, dropout=0.5, causal=True),
    ),
    "LengthMask": (LengthMask(5),),
    "PaddingMask": (PaddingMask(), PaddingMask(2)),
    "LastStep": (LastStep(),),
}
#: The shapes of the rows of the sources, where they are not one of two numbers.
LINE, IMAGE = ((6, 2),), ((4, 5, 2),)
SHAPES = {
    **dict.fromkeys(("Conv1D", "AveragePool1D", "MaxPool1D"), LINE),
    **dict.fromkeys(("SimpleRNN", "LSTM", "GRU", "Bidirectional", "GlobalMaxPool"), LINE),
    **dict.fromkeys(("PositionalEncoding", "PositionEmbedding", "MultiHeadAttention"), LINE),
    "LastStep": LINE,
    "LengthMask": ((1,),),
    **dict.fromkeys(("Conv2D", "AveragePool2D", "MaxPool2D"), IMAGE),
    **dict.fromkeys(("GlobalAveragePool", "Flatten", "BatchNorm", "LayerNorm"), IMAGE),
    **dict.fromkeys(("Add", "Multiply"), ((2, 3), (2, 3))),
    "Concatenate": ((2, 3), (2, 1)),
    **dict.fromkeys(("WeightedMean", "MeanProbability"), ((3,), (3,))),
    "Embedding": ((2,), (2,)),
}
EVERY = [pytest.param(layer, id=repr(layer)) for kind in EXAMPLES.values() for layer in kind]


def network_of(layer, dtype="float64"):
    shapes = SHAPES.get(type(layer).__name__, ((2,),))
    last = len(shapes) - 1
    leaves = [
        Input(shape, f"input{k}", codes=isinstance(layer, Lookup) and k == last)
        for k, shape in enumerate(shapes)
    ]
    return Network(layer(*leaves), dtype=dtype)


def rows_for(network):
    rng = np.random.default_rng(3)
    return [
        rng.normal(size=(7, *leaf.shape[1:]))
        if leaf.dtype.is_float
        else rng.integers(0, 3, (7, *leaf.shape[1:]))
        for leaf in network.inputs
    ]


def test_every_kind_of_layer_has_an_example():
    assert set(EXAMPLES) == set(LAYERS)


@pytest.mark.parametrize("layer", EVERY)
def test_layer_is_frozen_and_survives_its_document(layer):
    again = from_document(layer.to_document(), LAYERS, "layer")
    assert again == layer
    for name in (*(item.name for item in dataclasses.fields(layer)), "anything"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(layer, name, None)


@pytest.mark.parametrize("layer", EVERY)
def test_layer_gives_the_shape_it_promises(layer):
    network = network_of(layer)
    y = network.predict(*rows_for(network), backend="reference")
    assert y.shape == (7, *network.layers[-1].output_shape)
    specs = network.layers[-1].specs
    assert [p.shape for p in network.variables] == [spec.shape for spec in specs]


@pytest.mark.parametrize("layer", EVERY)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layer_is_the_same_compiled(layer, dtype):
    network = network_of(layer, dtype)
    rows = rows_for(network)
    expected = network.predict(*rows, backend="reference")
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(
        network.predict(*rows, backend="native"), expected, tolerance, tolerance
    )


def test_dense_by_hand():
    network = Network([Dense(2)], 3, dtype="float64")
    network.set_weights({"dense1.weight": [[1, 2], [3, 4], [5, 6]], "dense1.bias": [0.5, -1]})
    # [1, 0, 2] @ w = [1 + 10, 2 + 12]
    assert network.predict([[1.0, 0.0, 2.0]], backend="reference").tolist() == [[11.5, 13.0]]


def test_ntp_by_hand():
    network = Network([Dense(1, parametrization="ntp")], 4, dtype="float64")
    assert abs(network.weights()["dense1.weight"]).max() > 0.5
    network.set_weights({"dense1.weight": [[1], [2], [3], [4]], "dense1.bias": [0.5]})
    # (1 + 4 + 9 + 16) / sqrt(4) + 0.5
    assert network.predict([[1.0, 2.0, 3.0, 4.0]], backend="reference").tolist() == [[15.5]]


def test_ntp_weights_are_standard_normal_and_outputs_have_the_variance_of_inputs():
    network = Network([Dense(300, parametrization="ntp")], 200, dtype="float64")
    assert network.weights()["dense1.weight"].std() == pytest.approx(1.0, abs=0.02)
    rows = np.random.default_rng(0).normal(size=(100, 200))
    assert network.predict(rows, backend="reference").std() == pytest.approx(1.0, abs=0.05)


def test_scale_and_parametric_activation_by_hand():
    network = Network([Scale(), ParametricActivation("relu")], 2, dtype="float64")
    assert network.predict([[-3.0, 3.0]]).tolist() == [[0.0, 3.0]]
    network.set_weights({"scale1.weight": [2.0, 0.5], "parametricactivation1.part": [0.25, 2.0]})
    # relu of -6 is 0: 0.75 * -6; of 1.5 it is 1.5, whatever the part
    assert network.predict([[-3.0, 3.0]]).tolist() == [[-4.5, 1.5]]


@pytest.mark.parametrize("name", ["softmax", "step"])
def test_what_cannot_be_bent_is_no_parametric_activation(name):
    with pytest.raises(SettingError, match=r"ParametricActivation\.name"):
        ParametricActivation(name)


def test_periodic_embedding_by_hand():
    network = Network([PeriodicEmbedding(2, 1)], 2, dtype="float64")
    network.set_weights(
        {
            "periodicembedding1.frequency": [[0.5, 0.25], [1.0, 0.0]],
            "periodicembedding1.phase": [[0.0, math.pi], [math.pi, 0.0]],
            "periodicembedding1.weight": [[[2.0, 3.0], [5.0, 7.0]]],
            "periodicembedding1.bias": [[0.5, -0.5]],
        }
    )
    # x1 = 1: cos(pi) = -1 and cos(3 pi) = -1; x2 = 2: cos(2 pi) = 1 and cos(0) = 1
    got = network.predict([[1.0, 2.0]])
    np.testing.assert_allclose(got, [[1.0, 2.0, -2 - 5 + 0.5, 3 + 7 - 0.5]], rtol=1e-12)


def test_periodic_embedding_begins_as_published():
    values = Network([PeriodicEmbedding(500)], 40, dtype="float64").weights()
    frequency, phase, weight, bias = values.values()
    assert frequency.std() == pytest.approx(0.1, rel=0.02)
    assert math.pi * 0.99 < abs(phase).max() <= math.pi
    assert 0.99 / math.sqrt(500) < abs(weight).max() <= 1.0 / math.sqrt(500)
    assert abs(bias).max() <= 1.0 / math.sqrt(500)


def test_numbers_of_a_periodic_embedding_are_named_by_their_column():
    network = Network([PeriodicEmbedding(4, 2), Dense(1)], 2, input_names=("age", "pay"))
    sources = [synapse.source for synapse in network.layers[1].neurons[0].synapses]
    assert sources[:3] == ["age", "pay", "periodicembedding1 age[0]"]
    assert sources[-1] == "periodicembedding1 pay[1]"


@pytest.mark.parametrize(
    ("name", "at_minus_1", "at_2"),
    [
        ("relu", 0.0, 2.0),
        ("leaky_relu", -0.01, 2.0),
        ("elu", math.exp(-1) - 1, 2.0),
        ("tanh", math.tanh(-1), math.tanh(2)),
        ("sigmoid", 1 / (1 + math.e), 1 / (1 + math.exp(-2))),
        ("identity", -1.0, 2.0),
        ("gelu", -0.5 * (1 - math.erf(math.sqrt(0.5))), 1 + math.erf(math.sqrt(2))),
        ("silu", -1 / (1 + math.e), 2 / (1 + math.exp(-2))),
        ("softplus", math.log1p(math.exp(-1)), math.log1p(math.exp(2))),
        ("softmax", 1 / (1 + math.exp(3)), 1 / (1 + math.exp(-3))),
    ],
)
def test_activation_values(name, at_minus_1, at_2):
    network = Network([Activation(name)], 2, dtype="float64")
    got = network.predict([[-1.0, 2.0]], backend="reference")
    np.testing.assert_allclose(got, [[at_minus_1, at_2]], rtol=1e-14)


def dropped(layers, steps=(0,), seed=5, rows=4000, backend="reference"):
    """The outputs in training for ones, one array for each step."""
    network = Network(layers, 2)
    seed_in, step_in = placeholder((), "int32", "seed"), placeholder((), "int32", "step")
    run = function(
        (*network.inputs, seed_in, step_in), network.output(True, seed_in, step_in), backend=backend
    )
    ones = np.ones((rows, 2), np.float32)
    return [run(ones, np.int32(seed), np.int32(step)) for step in steps]


@pytest.mark.parametrize("backend", BACKENDS)
def test_dropout_drops_its_rate_and_keeps_the_mean(backend):
    (y,) = dropped([Dropout(0.25)], backend=backend)
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    # 8000 numbers: the standard deviation of the part that is dropped is 0.0048.
    assert abs((y == 0).mean() - 0.25) < 0.02


def test_dropout_is_new_at_every_step_and_the_same_for_a_step():
    first, again, next_one = dropped([Dropout(0.5)], steps=(0, 0, 1))
    assert (first == again).all()
    assert 0.4 < (first == next_one).mean() < 0.6


def test_dropout_layers_draw_apart():
    # Were the masks the same, half of the numbers would be kept, not a quarter.
    (y,) = dropped([Dropout(0.5), Dropout(0.5)])
    assert abs((y != 0).mean() - 0.25) < 0.03


def test_dropout_does_nothing_outside_training():
    network = Network([Dropout(0.9)], 2)
    assert network.predict([[1.0, 2.0]], backend="reference").tolist() == [[1.0, 2.0]]


def test_dropout_without_seed_is_refused():
    with pytest.raises(GraphError, match="dropout1: dropout in training needs the seed"):
        Network([Dropout(0.5)], 2).output(True)


def test_embedding_picks_rows_and_puts_them_beside_the_numbers():
    network = Network([Embedding((2, 3), names=("town", "kind"), widths=(1, 2))], 1)
    network.set_weights(
        {
            "embedding.town.table": [[10], [20]],
            "embedding.kind.table": [[1, 2], [3, 4], [5, 6]],
        }
    )
    got = network.predict([[0.5], [0.25]], [[1, 2], [0, 0]], backend="reference")
    assert got.tolist() == [[0.5, 20, 5, 6], [0.25, 10, 1, 2]]


def test_embedding_without_numbers():
    network = Network([Embedding((2,), widths=(2,))], 0)
    network.set_weights({"embedding.0.table": [[1, 2], [3, 4]]})
    assert [leaf.name for leaf in network.inputs] == ["categories"]
    assert network.predict([[1], [0]], backend="reference").tolist() == [[3, 4], [1, 2]]


def test_width_of_embeddings():
    # 1.6 * 10**0.56 = 5.81, 1.6 * 2**0.56 = 2.36, 1.6 * 1000**0.56 = 76.6
    assert [usual_width(levels) for levels in (1, 2, 10, 1000)] == [2, 2, 6, 16]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(0), "Dense.width: .*allowed: a whole number from 1 to 1048576; given: 0"),
        (lambda: Dense(2.5), "Dense.width"),
        (lambda: Dense(True), "Dense.width"),
        (lambda: Dense(3, bias=1), "Dense.bias: .*True or False"),
        (lambda: Dense(3, initializer="here"), r"Dense.initializer: .*GlorotUniform\(\)"),
        (lambda: Activation("rely"), "Did you mean 'relu'"),
        (lambda: Activation(None), "Activation.name"),
        (lambda: Dropout(1.0), "at least 0 and below 1; given: 1.0"),
        (lambda: Dropout(float("nan")), "Dropout.rate"),
        (lambda: Dropout("0.5"), "Dropout.rate"),
        (lambda: Embedding(()), "Embedding.levels"),
        (lambda: Embedding((3, 0)), "Embedding.levels"),
        (lambda: Embedding((3, 4), names=("a",)), "Embedding.names: .*2 items; given: 1 items"),
        (lambda: Embedding((3, 4), names=("a", "a")), "a name stands twice"),
    ],
)
def test_settings_outside_what_is_allowed(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_dense_needs_vectors():
    with pytest.raises(ShapeError, match="rows that are vectors"):
        Dense(2).parameters((2, 2))
