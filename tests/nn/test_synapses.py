"""What every synapse ties."""

import numpy as np
import pytest

from quickprop.nn import (
    GRU,
    LSTM,
    Activation,
    ConstantNeuron,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Network,
    SimpleRNN,
)
from quickprop.nn.layers.layer import Layer
from quickprop.nn.node import Input


class Joined(Layer):
    """Rows that are vectors, side by side or added up."""

    def parameter_specs(self, shapes):
        return ()

    def apply(self, sources, parameters, context):
        raise NotImplementedError


class SideBySide(Joined):
    def result_shape(self, shapes):
        return (sum(shape[0] for shape in shapes),)


class Plus(Joined):
    def result_shape(self, shapes):
        return shapes[0]


def sources(placed):
    return [synapse.source for synapse in placed.neurons[0].synapses]


def test_columns_then_neurons():
    network = Network([Dense(2), Activation("relu"), Dropout(0.5), Dense(1)], 3)
    assert sources(network.layers[0]) == ["x1", "x2", "x3"]
    assert sources(network.layers[3]) == ["dense1 neuron 0", "dense1 neuron 1"]


def test_the_constant_neuron():
    network = Network([ConstantNeuron(), Dense(1, bias=False)], 2)
    assert sources(network.layers[1]) == ["x1", "x2", "constantneuron1, always 1"]


def test_learned_vectors_by_the_names_of_their_tables():
    layers = [Embedding((3, 9), names=("town", "kind"), widths=(1, 2)), Dense(1)]
    network = Network(layers, 1, (3, 9))
    expected = ["x1", "embedding town[0]", "embedding kind[0]", "embedding kind[1]"]
    assert sources(network.layers[1]) == expected
    network = Network(layers, 0, (3, 9))
    assert sources(network.layers[1]) == expected[1:]


def test_columns_by_the_names_that_were_given():
    first, second = Input(1, "first"), Input(2, "second")
    network = Network(
        Dense(2)(SideBySide()(second, Dense(1)(first))), input_names=["age", "height", "weight"]
    )
    by_name = {placed.name: placed for placed in network.layers}
    names = {leaf.name: leaf for leaf in network.inputs}
    assert list(names) == ["second", "first"]
    # Names are given in the order of the inputs, which is that in which the drawing meets them.
    assert sources(by_name["dense1"]) == ["weight"]
    assert sources(by_name["dense2"]) == ["age", "height", "dense1 neuron 0"]


def test_sums_are_nobody_s_neurons():
    x = Input(2)
    network = Network(Dense(1)(Plus()(Dense(3)(x), Dense(3)(x))))
    assert sources(network.layers[-1]) == ["plus1[0]", "plus1[1]", "plus1[2]"]


def test_repr_names_both_ends():
    network = Network([Dense(2), Activation("tanh"), Dense(2)], 2)
    network.set_weights({name: w * 0 + 0.5 for name, w in network.weights().items()})
    synapse = network.layers[2].neurons[1].synapses[0]
    assert repr(synapse) == "<synapse from dense1 neuron 0 to dense2 neuron 1: weight 0.5>"


def test_filters_are_neurons_of_one_place():
    network = Network([Conv2D(3, (2, 3)), Flatten(), Dense(1)], (4, 5, 2))
    kernel = np.arange(36.0).reshape(2, 3, 2, 3)
    weights = {name: w * 0 for name, w in network.weights().items()}
    network.set_weights({**weights, "conv2d1.weight": kernel})
    neuron = network.layers[0].neurons[1]
    np.testing.assert_array_equal(neuron.weights, kernel[..., 1])
    assert len(network.layers[0].neurons) == 3
    assert len(neuron.synapses) == 12
    synapse = neuron.synapses[7]  # The places run fastest at the end: (1, 0, 1).
    assert synapse.place == (1, 0, 1)
    assert synapse.weight == kernel[1, 0, 1, 1]
    assert repr(synapse) == (
        "<synapse from place (+1, +0), channel 1 to conv2d1 filter 1: weight 22>"
    )
    synapse.weight = -5.0
    neuron.bias = 2.0
    assert network.weights()["conv2d1.weight"][1, 0, 1, 1] == -5.0
    assert network.weights()["conv2d1.bias"].tolist() == [0.0, 2.0, 0.0]


@pytest.mark.parametrize(
    ("layer", "gates"), [(SimpleRNN(2), 1), (LSTM(2), 4), (GRU(2), 3)], ids=str
)
def test_gates_of_recurrent_layers_are_neurons(layer, gates):
    network = Network([layer, Dense(1)], (3, 5))
    [recurrent, _] = network.layers
    assert len(recurrent.neurons) == 2 * gates
    last = recurrent.neurons[-1]
    assert len(last.synapses) == 5 + 2
    assert last.weights.shape == (7,)
    own = network.weights()
    name = recurrent.name
    assert last.synapses[6].weight == own[f"{name}.recurrent"][1, -1]
    assert last.synapses[6].source == "last output of unit 1"
    assert last.synapses[4].weight == own[f"{name}.weight"][4, -1]
    assert last.synapses[4].source == "feature 4"


def test_gates_are_named():
    [lstm, _] = Network([LSTM(2), Dense(1)], (3, 1)).layers
    kinds = ["input gate", "forget gate", "candidate", "output gate"]
    assert [repr(neuron).split(" of unit")[0] for neuron in lstm.neurons[::2]] == [
        f"<neuron {kind}" for kind in kinds
    ]
