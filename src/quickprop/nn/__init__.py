"""Layers, activations, initializers, losses, and the network made of them."""

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
    LAYERS,
    Activation,
    ConstantNeuron,
    Dense,
    Dropout,
    Embedding,
    GaussianNoise,
    Layer,
    PReLU,
)
from quickprop.nn.losses import (
    LOSSES,
    BinaryCrossEntropy,
    CrossEntropy,
    Loss,
    MeanSquaredError,
)
from quickprop.nn.network import Network
from quickprop.nn.perceptron import Perceptron
from quickprop.nn.summary import Summary
from quickprop.nn.trace import Trace

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "LAYERS",
    "LOSSES",
    "Activation",
    "BinaryCrossEntropy",
    "ConstantNeuron",
    "CrossEntropy",
    "Dense",
    "Dropout",
    "Embedding",
    "Filled",
    "GaussianNoise",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Initializer",
    "Layer",
    "LeCunNormal",
    "LeCunUniform",
    "Loss",
    "MeanSquaredError",
    "Network",
    "Normal",
    "Orthogonal",
    "PReLU",
    "Perceptron",
    "Summary",
    "Trace",
    "TruncatedNormal",
    "Uniform",
    "Zeros",
]
