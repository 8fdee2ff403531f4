"""What every synapse ties."""

from quickprop.nn import Activation, ConstantNeuron, Dense, Dropout, Embedding, Network
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
