"""The kinds of layers. A new one is a class in a file of its own and a place in `LAYERS`."""

from quickprop.foundation.settings import Component
from quickprop.nn.layers.activation import Activation
from quickprop.nn.layers.attention import MultiHeadAttention
from quickprop.nn.layers.constant_neuron import ConstantNeuron
from quickprop.nn.layers.convolution import Conv1D, Conv2D
from quickprop.nn.layers.dense import Dense
from quickprop.nn.layers.dropout import Dropout
from quickprop.nn.layers.embedding import Embedding, TokenEmbedding
from quickprop.nn.layers.global_pooling import GlobalAveragePool, GlobalMaxPool, LastStep
from quickprop.nn.layers.joins import Add, Concatenate, Multiply
from quickprop.nn.layers.layer import Block, Context, Layer, Lookup, ParameterSpec, UnaryLayer
from quickprop.nn.layers.masks import LengthMask, PaddingMask
from quickprop.nn.layers.noise import GaussianNoise
from quickprop.nn.layers.normalisation import BatchNorm, LayerNorm, LocalResponseNorm
from quickprop.nn.layers.pooling import AveragePool1D, AveragePool2D, MaxPool1D, MaxPool2D
from quickprop.nn.layers.positions import PositionalEncoding, PositionEmbedding
from quickprop.nn.layers.prelu import PReLU
from quickprop.nn.layers.recurrent import GRU, LSTM, Bidirectional, SimpleRNN
from quickprop.nn.layers.shapes import Flatten, Reshape
from quickprop.nn.layers.transformer import TransformerBlock

LAYERS: dict[str, type[Component]] = {
    kind.__name__: kind
    for kind in (
        Dense,
        Activation,
        PReLU,
        Dropout,
        GaussianNoise,
        Embedding,
        ConstantNeuron,
        Conv1D,
        Conv2D,
        AveragePool1D,
        AveragePool2D,
        GlobalAveragePool,
        GlobalMaxPool,
        MaxPool1D,
        MaxPool2D,
        Flatten,
        Reshape,
        Add,
        Concatenate,
        Multiply,
        BatchNorm,
        LayerNorm,
        LocalResponseNorm,
        GRU,
        LSTM,
        SimpleRNN,
        Bidirectional,
        TokenEmbedding,
        PositionalEncoding,
        PositionEmbedding,
        MultiHeadAttention,
        LengthMask,
        PaddingMask,
        LastStep,
    )
}

__all__ = [
    "GRU",
    "LAYERS",
    "LSTM",
    "Activation",
    "Add",
    "AveragePool1D",
    "AveragePool2D",
    "BatchNorm",
    "Bidirectional",
    "Block",
    "Concatenate",
    "ConstantNeuron",
    "Context",
    "Conv1D",
    "Conv2D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "LastStep",
    "Layer",
    "LayerNorm",
    "LengthMask",
    "LocalResponseNorm",
    "Lookup",
    "MaxPool1D",
    "MaxPool2D",
    "MultiHeadAttention",
    "Multiply",
    "PReLU",
    "PaddingMask",
    "ParameterSpec",
    "PositionEmbedding",
    "PositionalEncoding",
    "Reshape",
    "SimpleRNN",
    "TokenEmbedding",
    "TransformerBlock",
    "UnaryLayer",
]
