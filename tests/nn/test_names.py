"""Names of columns, levels and outputs: kept as data, shown wherever a number is shown."""

import copy
import json
import pickle

import numpy as np
import pytest

from quickprop.errors import ModelFileError, SettingError
from quickprop.losses import CrossEntropy
from quickprop.nn import Activation, Dense, Embedding, Network

GIVEN = {
    "input_names": ["age", "height"],
    "category_names": ["town", "size"],
    "level_names": [["Rome", "Oslo", "Lima"], ["S", "L"]],
    "output_names": ["setosa", "virginica"],
}


def network(**names):
    layers = [Embedding((3, 2), widths=(1, 1)), Dense(3), Activation("tanh"), Dense(2)]
    return Network([*layers, Activation("softmax")], 2, (3, 2), **{**GIVEN, **names})


def test_they_are_kept_as_data():
    named = network()
    document = json.loads(json.dumps(named.to_document()))
    assert {key: document[key] for key in GIVEN} == GIVEN
    others = Network.from_document(document), pickle.loads(pickle.dumps(named))
    for other in (*others, copy.deepcopy(named), named.copy_with_new_variables()):
        assert other.architecture.names == named.architecture.names
    # What was not named is not in the document, so that older readers know all of its fields.
    assert not set(GIVEN) & set(Network([Dense(1)], 2).to_document())


def test_synapses_and_neurons_bear_them():
    dense, last = (network().layers[k] for k in (1, 3))
    sources = [synapse.source for synapse in dense.neurons[0].synapses]
    assert sources == ["age", "height", "embedding town[0]", "embedding size[0]"]
    assert repr(last.neurons[1]).startswith("<neuron 1 of dense2 (virginica): 3 synapses")
    assert repr(last.neurons[1].synapses[0]).startswith(
        "<synapse from dense1 neuron 0 to dense2 neuron 1 (virginica): weight"
    )


def test_the_trace_bears_them():
    page = str(network().trace((np.array([[1.5, 2.0]]), np.array([[1, 0]], np.int32))))
    assert "age = 1.5, height = 2, town = Oslo, size = S" in page
    assert page.count("(setosa)") == page.count("(virginica)") == 1
    row = (np.array([[1.5, 2.0]]), np.array([[1, 0]], np.int32))
    assert "(setosa)" in str(network().trace(row, np.array([1], np.int32), CrossEntropy()))


def test_the_diagram_bears_them():
    svg = network().diagram().svg
    for name in ("age", "height", "town", "size", "setosa", "virginica"):
        assert f">{name}</text>" in svg
    assert "<title>dense2 neuron 1: virginica</title>" in svg
    assert "<title>town: Rome, Oslo, Lima</title>" in svg


def test_the_summary_bears_them():
    text = str(network().summary())
    assert "inputs   age, height, town (3 levels), size (2 levels)" in text
    assert "outputs  setosa, virginica" in text
    assert "outputs" not in str(Network([Dense(1)], 2).summary())


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"input_names": ["a"]}, "input_names: not a name for each input .allowed: 2 names"),
        ({"category_names": ["a"]}, "category_names: not a name for each column of categories"),
        ({"level_names": [["a"]]}, "level_names: not a name for each column of categories"),
        ({"level_names": [["a"] * 3, ["a"]]}, r"level_names\[1\]: not a name for each level"),
        ({"level_names": ["abc", "ab"]}, "level_names: a setting outside"),
        ({"output_names": ["a"]}, "output_names: not a name for each output .allowed: 2 names"),
        ({"output_names": [1, 2]}, "output_names: a setting outside"),
        ({"output_names": 5}, "output_names: a setting outside"),
    ],
    ids=str,
)
def test_names_that_do_not_fit_are_refused(names, message):
    with pytest.raises(SettingError, match=message):
        network(**names)
    with pytest.raises(ModelFileError, match=message):
        Network.from_document({**network().to_document(), **names})
