"""Networks as files: data only, every field checked, no more memory than the file itself has."""

import copy
import dataclasses
import json
import pickle
import random
import tracemalloc

import numpy as np
import pytest

from quickprop.errors import ModelFileError, QuickpropError, SettingError
from quickprop.foundation.model_file import read_model_file, write_model_file
from quickprop.nn import (
    GRU,
    Activation,
    Add,
    BatchNorm,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    Initializer,
    Input,
    Network,
    TokenEmbedding,
    UnaryLayer,
)


def drawn():
    x = Input(3)
    h = Dense(3, activation="tanh")(x)
    return Network([Dense(2)(Add()(x, h), name="out"), Dense(1)(h)], dtype="float64")


NETWORKS = {
    "row": lambda: Network([Dense(4, activation="relu"), Dense(2)], 3, input_names=["a", "b", "c"]),
    "drawn": drawn,
    "image": lambda: Network([Conv2D(2, 3), BatchNorm(), Flatten(), Dense(2)], (5, 5, 1), seed=2),
    "categories": lambda: Network(
        [Embedding((3, 4)), Dense(2)], 2, (3, 4), output_names=["u", "v"]
    ),
    "steps": lambda: Network([TokenEmbedding(9, 2), GRU(3), Dense(1)], 6),
}


def rows(network):
    generator = np.random.default_rng(0)
    return [
        generator.integers(0, 3, (4, *leaf.shape[1:])).astype(leaf.dtype.value)
        for leaf in network.inputs
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_loaded_is_what_was_saved(tmp_path, name):
    network = NETWORKS[name]()
    network.save(tmp_path / "network.quickprop")
    again = Network.load(tmp_path / "network.quickprop")
    assert again.to_document() == network.to_document()
    assert again.structure_key == network.structure_key
    for variable, weight in network.weights().items():
        np.testing.assert_array_equal(again.weights()[variable], weight)
    given = rows(network)
    one, other = (net.predict(*given, backend="reference") for net in (network, again))
    np.testing.assert_equal(one, other)


def test_a_table_s_model_is_no_network(tmp_path):
    write_model_file(tmp_path / "m", {"network": drawn().to_document()}, drawn().weights())
    with pytest.raises(ModelFileError, match=r"not the file of a network.*quickprop\.load"):
        Network.load(tmp_path / "m")


@pytest.mark.parametrize("path", [5, None, b"\0", "no/such/folder/x", ""], ids=repr)
def test_paths_that_cannot_be(path):
    with pytest.raises(QuickpropError):
        drawn().save(path)
    with pytest.raises(QuickpropError):
        Network.load(path)


# -- layers that users write ----------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Doubled(UnaryLayer):
    """A layer of this file."""

    def parameters(self, input_shape):
        return ()

    def output_shape(self, input_shape):
        return input_shape

    def transform(self, x, parameters, context):
        return x * 2.0


@dataclasses.dataclass(frozen=True)
class Ones(Initializer):
    """An initializer of this file."""

    def draw(self, shape, generator):
        return np.ones(shape)


def test_layers_of_users_are_pickled_and_copied_but_not_saved(tmp_path):
    network = Network([Dense(2, initializer=Ones()), Doubled(), Dense(1)], 3)
    network.layers[2].neurons[0].bias = 3.0
    assert network.weights()["dense1.weight"].tolist() == [[1.0, 1.0]] * 3
    copies = [copy.deepcopy(network), pickle.loads(pickle.dumps(network))]
    for other in [*copies, network.copy_with_new_variables()]:
        np.testing.assert_array_equal(
            other.predict(np.ones((1, 3))), network.predict(np.ones((1, 3)))
        )
        other.layers[2].neurons[0].bias = 4.0
    assert network.layers[2].neurons[0].bias == 3.0
    with pytest.raises(SettingError, match=r"a kind that files do not know .given: (Ones|Doubled)"):
        network.save(tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_initializers_of_users_are_not_saved(tmp_path):
    with pytest.raises(SettingError, match=r"dense1.initializer: .*Ones"):
        Network([Dense(2, initializer=Ones())], 3).save(tmp_path / "m")


def test_a_kind_that_is_not_known_is_refused(tmp_path):
    document = drawn().to_document()
    document["layers"][0]["layer"] = {"kind": "Doubled"}
    write_model_file(tmp_path / "m", {"kind": "network", "network": document}, drawn().weights())
    with pytest.raises(ModelFileError, match=r"unknown kind of part .*given: 'Doubled'"):
        Network.load(tmp_path / "m")


# -- files made to do harm ------------------------------------------------------------------------


def loaded(path, document, weights):
    """Load a file with a right checksum; gives the most memory that this took, in bytes."""
    write_model_file(path, {"kind": "network", "network": document}, weights)
    tracemalloc.start()
    try:
        Network.load(path)
    except ModelFileError:
        pass
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return most


def test_a_file_cannot_ask_for_more_than_it_holds(tmp_path):
    # Six layers of 16,384 neurons would have 1.3e9 weights: 5 GiB.
    wide = Network([Dense(2), *[Dense(2) for _ in range(6)]], 2).to_document()
    for layer in wide["layers"]:
        layer["width"] = 16384
    path = tmp_path / "wide"
    weights = Network([Dense(2), *[Dense(2) for _ in range(6)]], 2).weights()
    assert loaded(path, wide, weights) < 2**23
    assert path.stat().st_size < 6000
    with pytest.raises(ModelFileError, match=r"dense1.weight: a parameter has another shape"):
        Network.load(path)


ODD = [
    0, -1, 1, 2**24, 2**31, 2**63, 10**400, 0.5, 1e308, float("nan"), True, None, "", "x", "relu",
    "dense1", [], [2**24] * 8, [[]], {}, {"kind": "Dense"}, "numeric", "categories", "\ud800",
]  # fmt: skip


def altered(document, generator):
    """The document with one to three of its values, or fields, other than they were."""
    changed = json.loads(json.dumps(document))
    for _ in range(generator.choice((1, 1, 2, 3))):
        place = changed
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = generator.choice(keys)
            deeper = isinstance(place[key], dict | list) and place[key]
            if deeper and generator.random() < 0.8:
                place = place[key]
                continue
            way = generator.random()
            if way < 0.7:
                place[key] = copy.deepcopy(generator.choice(ODD))
            elif way < 0.85:
                del place[key]
            elif isinstance(place, list):
                place += [copy.deepcopy(place[key])] * generator.choice((1, 40))
            else:
                place[str(generator.choice(ODD))] = place[key]
            break
    return changed


@pytest.mark.parametrize("name", NETWORKS)
def test_altered_files_are_refused_or_loaded_and_take_little(tmp_path, name):
    network = NETWORKS[name]()
    document, weights = network.to_document(), network.weights()
    generator = random.Random(name)
    for _ in range(150):
        other = altered(document, generator)
        try:
            write_model_file(tmp_path / "m", {"kind": "network", "network": other}, weights)
        except (ValueError, QuickpropError):
            continue  # A lone surrogate cannot be written at all.
        assert loaded(tmp_path / "m", other, weights) < 2**23, other


def test_the_file_itself_altered(tmp_path):
    network = NETWORKS["row"]()
    network.save(tmp_path / "m")
    content = (tmp_path / "m").read_bytes()
    generator = random.Random(1)
    for _ in range(60):
        at = generator.randrange(len(content))
        broken = content[:at] + bytes([generator.randrange(256)]) + content[at + 1 :]
        cut = generator.choice((broken, content[:at]))
        if cut == content:
            continue
        (tmp_path / "m").write_bytes(cut)
        with pytest.raises(ModelFileError):
            Network.load(tmp_path / "m")


def test_the_file_tells_what_it_is(tmp_path):
    NETWORKS["row"]().save(tmp_path / "m")
    document, _ = read_model_file(tmp_path / "m")
    assert document["kind"] == "network"
    assert document["network"]["input_names"] == ["a", "b", "c"]
    assert Activation("relu").to_document() in document["network"]["layers"]


def test_weights_that_could_not_be_read_again_are_not_written(tmp_path):
    network = drawn()
    spoilt = network.parameters[0]
    spoilt.assign(np.full(spoilt.shape, np.nan))
    with pytest.raises(ModelFileError, match=f"{spoilt.name}.*not finite"):
        network.save(tmp_path / "m")
    assert not list(tmp_path.iterdir())
