"""A layer in its place in a network, and the view of it as neurons and synapses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quickprop.errors import SettingError
from quickprop.foundation.settings import number
from quickprop.graph import Tensor
from quickprop.nn.labels import Labelled, label
from quickprop.nn.layers.dense import Dense
from quickprop.nn.layers.layer import Layer, ParameterSpec, RowShape

_NUMBER = number(-math.inf)


@dataclass(frozen=True, eq=False)
class BuiltLayer:
    """A layer with its name, its parameters and the shapes of its rows.

    Parameters
    ----------
    layer : Layer
        The settings.
    name : str
    parameters : mapping of str to Tensor
        Variables by their name within the layer.
    input_shapes : tuple of tuple of int
        One for each source.
    output_shape : tuple of int
    sources : tuple of str
        The layers or inputs that it reads, by name.
    specs : tuple of ParameterSpec
        What is known of each variable.
    reads : tuple of Labelled
        The sources themselves, for the names of what they give.
    names : tuple of str, optional
        What its numbers mean where they are those that come out of the network, such as classes.
    """

    layer: Layer
    name: str
    parameters: Mapping[str, Tensor]
    input_shapes: tuple[RowShape, ...]
    output_shape: RowShape
    sources: tuple[str, ...]
    specs: tuple[ParameterSpec, ...]
    reads: tuple[Labelled, ...]
    names: tuple[str, ...] | None = None

    @property
    def input_shape(self) -> RowShape:
        """The shape of a row of its first source."""
        return self.input_shapes[0]

    @property
    def parameter_count(self) -> int:
        """How many numbers are learned."""
        return sum(math.prod(spec.shape) for spec in self.specs if spec.learned)

    @property
    def neurons(self) -> tuple[Neuron, ...]:
        """The neurons of a dense layer; no other layer has any."""
        if not isinstance(self.layer, Dense):
            return ()
        return tuple(Neuron(self, k) for k in range(self.layer.width))

    def label(self, index: int) -> str:
        """What a number of its result is called, such as "dense1 neuron 3"."""
        sources = tuple(zip(self.reads, self.input_shapes, strict=True))
        return label(self.layer, self.name, sources, self.output_shape, index)

    def __repr__(self) -> str:
        return f"<{self.name}: {self.layer!r}, {self.parameter_count:,} parameters>"


@dataclass
class Neuron:
    """One column of a dense layer. Reading and setting go to the network itself."""

    layer: BuiltLayer
    index: int

    @property
    def meaning(self) -> str:
        """What its output is called, in brackets, where it is one of the network's."""
        return "" if self.layer.names is None else f" ({self.layer.names[self.index]})"

    @property
    def bias(self) -> float:
        """Its bias; 0 in a layer without biases."""
        if "bias" not in self.layer.parameters:
            return 0.0
        return float(self.layer.parameters["bias"].value[self.index])

    @bias.setter
    def bias(self, value: float) -> None:
        if "bias" not in self.layer.parameters:
            raise SettingError("this layer has no biases", where=self.layer.name)
        biases = self.layer.parameters["bias"].value
        biases[self.index] = _NUMBER.checked(value, f"{self.layer.name}.bias")
        self.layer.parameters["bias"].assign(biases)

    @property
    def weights(self) -> np.ndarray:
        """A copy of the weights of its synapses (inputs,)."""
        return self.layer.parameters["weight"].value[:, self.index]

    @property
    def synapses(self) -> tuple[Synapse, ...]:
        """Its connections, one for each input."""
        return tuple(Synapse(self, k) for k in range(self.layer.input_shape[0]))

    def __repr__(self) -> str:
        inputs = self.layer.input_shape[0]
        name = f"{self.index} of {self.layer.name}{self.meaning}"
        return f"<neuron {name}: {inputs} synapses, bias {self.bias:g}>"


@dataclass
class Synapse:
    """The connection of a neuron with one of its inputs."""

    neuron: Neuron
    index: int

    @property
    def source(self) -> str:
        """What it leads from: the column of an input, or a neuron such as "dense1 neuron 3"."""
        return self.neuron.layer.reads[0].label(self.index)

    @property
    def weight(self) -> float:
        """Its weight."""
        return float(self.neuron.weights[self.index])

    @weight.setter
    def weight(self, value: float) -> None:
        parameter = self.neuron.layer.parameters["weight"]
        weights = parameter.value
        where = f"{self.neuron.layer.name}.weight"
        weights[self.index, self.neuron.index] = _NUMBER.checked(value, where)
        parameter.assign(weights)

    def __repr__(self) -> str:
        neuron = self.neuron
        end = f"{neuron.layer.name} neuron {neuron.index}{neuron.meaning}"
        return f"<synapse from {self.source} to {end}: weight {self.weight:g}>"
