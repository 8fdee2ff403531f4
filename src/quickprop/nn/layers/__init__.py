"""The kinds of layers. A new one is a class in a file of its own and a place in `LAYERS`."""

from quickprop.nn.component import Component
from quickprop.nn.layers.activation import Activation
from quickprop.nn.layers.constant_neuron import ConstantNeuron
from quickprop.nn.layers.dense import Dense
from quickprop.nn.layers.dropout import Dropout
from quickprop.nn.layers.embedding import Embedding
from quickprop.nn.layers.layer import Block, Context, Layer, Lookup, ParameterSpec, Part
from quickprop.nn.layers.noise import GaussianNoise
from quickprop.nn.layers.prelu import PReLU

LAYERS: dict[str, type[Component]] = {
    kind.__name__: kind
    for kind in (Dense, Activation, PReLU, Dropout, GaussianNoise, Embedding, ConstantNeuron)
}

__all__ = [
    "LAYERS",
    "Activation",
    "Block",
    "ConstantNeuron",
    "Context",
    "Dense",
    "Dropout",
    "Embedding",
    "GaussianNoise",
    "Layer",
    "Lookup",
    "PReLU",
    "ParameterSpec",
    "Part",
]
