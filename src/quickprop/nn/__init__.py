"""Layers, activations, initializers, losses, and the network made of them."""

from typing import TYPE_CHECKING

from quickprop.config import on_demand
from quickprop.nn.activations import ACTIVATIONS
from quickprop.nn.initializers import (
    INITIALIZERS,
    Filled,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Initializer,
    LeCunNormal,
    LeCunUniform,
    Normal,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    Zeros,
)
from quickprop.nn.layers import (
    GRU,
    LAYERS,
    LSTM,
    Activation,
    Add,
    AveragePool1D,
    AveragePool2D,
    BatchNorm,
    Block,
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
    Layer,
    LayerNorm,
    LocalResponseNorm,
    MaxPool1D,
    MaxPool2D,
    Multiply,
    PReLU,
    Reshape,
    SimpleRNN,
    TokenEmbedding,
    UnaryLayer,
)
from quickprop.nn.network import Network
from quickprop.nn.node import Input, Node
from quickprop.nn.perceptron import Perceptron

__all__ = [
    "ACTIVATIONS",
    "GRU",
    "INITIALIZERS",
    "LAYERS",
    "LSTM",
    "Activation",
    "Add",
    "AveragePool1D",
    "AveragePool2D",
    "BatchNorm",
    "Block",
    "Concatenate",
    "ConstantNeuron",
    "Conv1D",
    "Conv2D",
    "Dense",
    "Diagram",
    "Dropout",
    "Embedding",
    "Filled",
    "Flatten",
    "GaussianNoise",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Initializer",
    "Input",
    "Layer",
    "LayerNorm",
    "LeCunNormal",
    "LeCunUniform",
    "LocalResponseNorm",
    "MaxPool1D",
    "MaxPool2D",
    "Multiply",
    "Network",
    "Node",
    "Normal",
    "Orthogonal",
    "PReLU",
    "Perceptron",
    "Reshape",
    "SimpleRNN",
    "Summary",
    "TokenEmbedding",
    "Trace",
    "TruncatedNormal",
    "UnaryLayer",
    "Uniform",
    "Zeros",
]

#: What most programs never look at.
_HOMES = {"quickprop.nn.views": ("Diagram", "Summary", "Trace")}

__getattr__ = on_demand(__name__, _HOMES)

# What type checkers and editors see; a test compares it with the table above.
if TYPE_CHECKING:
    from quickprop.nn.views import Diagram as Diagram
    from quickprop.nn.views import Summary as Summary
    from quickprop.nn.views import Trace as Trace
