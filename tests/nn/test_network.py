import copy
import json
import pickle

import numpy as np
import pytest

from quickprop.errors import DataError, ModelFileError, QuickpropError, SettingError, ShapeError
from quickprop.losses import BinaryCrossEntropy, CrossEntropy
from quickprop.nn import (
    Activation,
    Dense,
    Dropout,
    Embedding,
    Network,
)

LAYERS = [Dense(8), Activation("relu"), Dropout(0.1), Dense(3)]


def test_parameters_are_named_by_kind_and_count():
    network = Network(LAYERS, 4, (3, 20))
    assert [(p.name, p.shape) for p in network.parameters] == [
        ("embedding.0.table", (3, 3)),
        ("embedding.1.table", (20, 9)),
        ("dense1.weight", (16, 8)),
        ("dense1.bias", (8,)),
        ("dense2.weight", (8, 3)),
        ("dense2.bias", (3,)),
    ]
    # 9 + 180 + 128 + 8 + 24 + 3
    assert network.parameter_count == 352
    assert [p.name for p in network.penalised] == [
        "embedding.0.table",
        "embedding.1.table",
        "dense1.weight",
        "dense2.weight",
    ]


def test_starting_weights_depend_on_seed_and_name_alone():
    small = Network([Dense(8), Activation("relu"), Dense(3)], 4).weights()
    with_more = Network([Dense(8), Activation("relu"), Dropout(0.5), Dense(3), Dense(2)], 4)
    same = with_more.weights()
    assert all((small[name] == same[name]).all() for name in small)
    other = Network([Dense(8), Activation("relu"), Dense(3)], 4, seed=1).weights()
    assert (small["dense1.weight"] != other["dense1.weight"]).all()
    assert (Network(LAYERS, 4, dtype="float64").weights()["dense1.weight"].dtype) == np.float64


def test_starting_weights_are_these():
    # Fixed for good: a change of these numbers changes every result that was ever published.
    network = Network([Dense(2), Activation("tanh"), Dense(1)], 2, dtype="float64")
    expected = STARTING_WEIGHTS
    for name, values in expected.items():
        np.testing.assert_allclose(network.weights()[name], values, rtol=1e-12)


STARTING_WEIGHTS = {
    "dense1.weight": [
        [-0.658478347921346, 0.9087608644787654],
        [0.45745735522274694, 0.12142839747525938],
    ],
    "dense2.weight": [[-1.3469393004538333], [0.47524561172921054]],
}


@pytest.mark.parametrize(
    ("activation", "limit"),
    [("relu", np.sqrt(6 / 400)), ("gelu", np.sqrt(6 / 400)), ("tanh", np.sqrt(6 / 500))],
)
def test_he_before_the_relu_family_and_glorot_elsewhere(activation, limit):
    network = Network([Dense(100), Dropout(0.1), Activation(activation), Dense(1)], 400)
    first = network.weights()["dense1.weight"]
    assert 0.99 * limit < np.abs(first).max() <= limit
    last = network.weights()["dense2.weight"]
    assert np.abs(last).max() <= np.sqrt(6 / 101)
    assert not network.weights()["dense1.bias"].any()


def test_document_and_back():
    network = Network(
        [Embedding((3, 4), names=("town", "kind")), *LAYERS], 2, seed=7, dtype="float64"
    )
    document = json.loads(json.dumps(network.to_document()))
    again = Network.from_document(document)
    assert again.to_document() == document
    assert all((again.weights()[name] == w).all() for name, w in network.weights().items())


def change(document, path, value):
    document = copy.deepcopy(document)
    place = document
    for key in path[:-1]:
        place = place[key]
    if value is KeyError:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["features"], KeyError),
        (["features"], -1),
        (["features"], "4"),
        (["features"], 10**12),
        (["colour"], 3),
        (["layers"], "Dense"),
        (["layers"], []),
        (["layers", 0], 3),
        (["layers", 0, "kind"], "Dance"),
        (["layers", 0, "kind"], ["Dense"]),
        (["layers", 0, "width"], -1),
        (["layers", 0, "width"], KeyError),
        (["layers", 0, "wdith"], 3),
        (["layers", 0, "initializer"], {"kind": "Exec"}),
        (["layers", 1, "name"], "__class__"),
        (["categories"], 3),
        (["categories"], ["a"]),
        (["seed"], -1),
        (["seed"], None),
        (["dtype"], "int32"),
        (["dtype"], "float16"),
    ],
)
def test_documents_that_are_refused(path, value):
    document = change(Network(LAYERS, 4).to_document(), path, value)
    with pytest.raises(ModelFileError):
        Network.from_document(document)


def test_a_small_document_cannot_ask_for_all_memory():
    document = change(Network([Dense(8)], 4).to_document(), ["layers", 0, "width"], 2**15)
    with pytest.raises(ModelFileError, match="too large"):
        Network.from_document({**document, "features": 2**14})


@pytest.mark.parametrize("document", [None, 3, [], "x", {}])
def test_documents_that_are_nothing_like_one(document):
    with pytest.raises(ModelFileError):
        Network.from_document(document)


def test_set_weights_takes_all_or_nothing():
    network = Network(LAYERS, 4)
    before = network.weights()
    good = {name: array + 1 for name, array in before.items()}
    for bad, error in (
        ({**good, "dense9.weight": np.zeros(1)}, SettingError),
        ({k: v for k, v in good.items() if k != "dense2.bias"}, SettingError),
        ({**good, "dense2.bias": np.zeros(4)}, ShapeError),
        ({**good, "dense2.bias": np.array(["a", "b", "c"])}, SettingError),
    ):
        with pytest.raises(error):
            network.set_weights(bad)
        assert all((network.weights()[name] == w).all() for name, w in before.items())
    network.set_weights(good)
    assert (network.weights()["dense1.bias"] == 1).all()


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_predict_follows_the_weights(backend):
    network = Network([Dense(1)], 1)
    network.set_weights({"dense1.weight": [[2]], "dense1.bias": [1]})
    assert network.predict([[3.0]], backend=backend).tolist() == [[7]]
    network.layers[0].neurons[0].synapses[0].weight = 5
    network.layers[0].neurons[0].bias = -1
    assert network.predict([[3.0]], backend=backend).tolist() == [[14]]


def test_neurons_and_synapses():
    network = Network([Dense(2), Activation("relu"), Dense(1, bias=False)], 3)
    network.set_weights(
        {
            "dense1.weight": [[1, 2], [3, 4], [5, 6]],
            "dense1.bias": [7, 8],
            "dense2.weight": [[9], [10]],
        }
    )
    neuron = network.layers[0].neurons[1]
    assert neuron.bias == 8
    assert [synapse.weight for synapse in neuron.synapses] == [2, 4, 6]
    assert network.layers[1].neurons == ()
    last = network.layers[2].neurons[0]
    assert last.bias == 0
    with pytest.raises(SettingError, match="no biases"):
        last.bias = 1
    for wrong in ("x", None, float("nan")):
        with pytest.raises(SettingError, match=r"dense1.bias: .*a finite number"):
            neuron.bias = wrong
        with pytest.raises(SettingError, match=r"dense1.weight: .*a finite number"):
            neuron.synapses[0].weight = wrong
    assert repr(neuron) == "<neuron 1 of dense1: 3 synapses, bias 8>"
    assert repr(neuron.synapses[2]) == "<synapse from x3 to dense1 neuron 1: weight 6>"
    # Activations, dropout and the like stand between and have no neurons of their own.
    assert [synapse.source for synapse in last.synapses] == ["dense1 neuron 0", "dense1 neuron 1"]


def test_a_last_softmax_is_left_out_for_its_loss():
    network = Network([Dense(2), Activation("softmax")], 1)
    network.set_weights({"dense1.weight": [[0, 0]], "dense1.bias": [5, 5]})
    assert network.predict([[1.0]], backend="reference").tolist() == [[0.5, 0.5]]
    assert (
        network.output(loss=CrossEntropy()).name == network.output(loss=BinaryCrossEntropy()).name
    )
    assert (
        network.output(loss=CrossEntropy()).op is not network.output(loss=BinaryCrossEntropy()).op
    )


def test_copies_and_pickles_stand_alone():
    network = Network(LAYERS, 4)
    network.layers[0].neurons[0].bias = 3
    network.predict(np.zeros((1, 4)), backend="reference")
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert twin.layers[0].neurons[0].bias == 3
        twin.layers[0].neurons[0].bias = 4
        assert network.layers[0].neurons[0].bias == 3


def test_repr_and_summary():
    network = Network(LAYERS, 4)
    assert repr(network) == "<Network 4-8 relu-3, 67 parameters, float32>"
    assert str(network.summary()).splitlines()[:6] == [
        "layer        kind                       output  parameters",
        "dense1       Dense(width=8, bias=True)       8          40",
        "activation1  Activation(name=relu)           8           0",
        "dropout1     Dropout(rate=0.1)               8           0",
        "dense2       Dense(width=3, bias=True)       3          27",
        "total                                                   67",
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Network([], 3), "at least one layer"),
        (lambda: Network([Dense(1)], 0), "at least one input"),
        (lambda: Network([Dense(1)], -1), "Network.features"),
        (lambda: Network([Dense(1), 16], 3), r"Network.layers\[1\]: not a layer.*given: 16"),
        (lambda: Network(Dense(1), 3), "Put it into a list"),
        (lambda: Network([Dense(1), Embedding((3,))], 3), "must be the first layer"),
        (lambda: Network([Embedding((3,))], 3, (4,)), "other levels"),
        (lambda: Network([Dense(1)], 3, dtype="int32"), "floating-point"),
        (lambda: Network([Dense(1)], 3, dtype="float16"), "dtype"),
        (lambda: Network([Dense(1)], 3, seed=-1), "Network.seed"),
        (lambda: Network([Dense(1)], 3, (0,)), "Embedding.levels"),
        (lambda: Network([Dense(1)], 3, 4), "Network.categories: not a list .*given: 4"),
        (lambda: Network(5, 3), "Network.layers: not a list .*given: 5"),
        (lambda: Network([Dense(2**15)], 2**14), "dense1.weight: a parameter is too large"),
        (
            lambda: Network([Dense(1)], 3, seed=2**64),
            "a whole number from 0 to 18446744073709551615",
        ),
        (lambda: Network([Dense(1)], 3).set_weights(None), "not a mapping"),
    ],
)
def test_networks_that_are_refused(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_arrays_that_do_not_fit():
    network = Network([Dense(1)], 2, (3,))
    good = np.zeros((4, 2)), np.zeros((4, 1), int)
    for arrays, error in (
        ((), QuickpropError),
        ((good[0],), QuickpropError),
        ((good[0], [["a"]] * 4), TypeError),
        ((good[0], [[1], [1, 2], [1], [1]]), ShapeError),
        ((np.zeros((4, 3)), good[1]), ShapeError),
        ((good[0], np.zeros((5, 1), int)), ShapeError),
        ((good[0], good[1] + 3), DataError),
        ((good[0], good[1] - 1), DataError),
        ((good[0], good[1] + 0.5), TypeError),
        ((good[0].astype(str), good[1]), TypeError),
    ):
        with pytest.raises(error):
            network.predict(*arrays, backend="reference")


def test_networks_of_one_design_have_equal_graphs():
    one, other = Network(LAYERS, 4, (3, 20)), Network(LAYERS, 4, (3, 20), seed=5)
    assert one.structure_key == other.structure_key
    assert hash(one.structure_key) == hash(other.structure_key)
    others = [
        Network(LAYERS, 4, (3, 21)),
        Network(LAYERS, 5, (3, 20)),
        Network(LAYERS, 4, (3, 20), dtype="float64"),
        Network([Dense(8), Activation("tanh"), Dropout(0.1), Dense(3)], 4, (3, 20)),
        Network([Dense(8), Activation("relu"), Dropout(0.2), Dense(3)], 4, (3, 20)),
    ]
    assert len({network.structure_key for network in (one, *others)}) == 6


class OwnLayer(Activation):
    """A layer that is not of quickprop."""


def test_a_network_with_layers_of_users_has_no_design():
    assert Network([Dense(8), OwnLayer("relu"), Dense(3)], 4).structure_key is None
