"""A layer with weights as neurons and synapses, which read and set the network's own numbers."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from quickprop.errors import SettingError
from quickprop.foundation.settings import number
from quickprop.graph import Tensor
from quickprop.nn.layers.convolution import Conv1D, Conv2D
from quickprop.nn.layers.dense import Dense
from quickprop.nn.layers.layer import Layer, RowShape
from quickprop.nn.layers.recurrent import GRU, LSTM, SimpleRNN

_NUMBER = number(-math.inf)
Place = tuple[int, ...]


class Wired(Protocol):
    """A layer in a network, seen by its neurons."""

    @property
    def layer(self) -> Layer:
        """The settings."""

    @property
    def name(self) -> str:
        """Its name in the network."""

    @property
    def parameters(self) -> Mapping[str, Tensor]:
        """Variables by their name within the layer."""

    @property
    def input_shapes(self) -> tuple[RowShape, ...]:
        """The shapes of the rows that it reads."""

    @property
    def names(self) -> tuple[str, ...] | None:
        """What its numbers mean, where they are those of the network."""

    def source_label(self, index: int) -> str:
        """What a number that it reads is called."""


@dataclass(frozen=True)
class Wiring:
    """Where the numbers of a layer's neurons lie: neuron k has column k of each of its weights.

    Parameters
    ----------
    neurons : int
    weights : tuple of str
        The parameters whose last axis is that of the neurons; the rest of the axes are synapses.
    source : callable
        What a synapse leads from, by its parameter and the place there.
    kind : callable
        What sort of neuron it is, by its number, such as "forget gate of unit 3".
    """

    neurons: int
    weights: tuple[str, ...]
    source: Callable[[str, Place], str]
    kind: Callable[[int], str]


def _plainly(index: int) -> str:
    return f"neuron {index}"


@functools.singledispatch
def wiring(layer: Layer, wired: Wired) -> Wiring | None:
    """The wiring of a kind of layer; None of those that are no neurons."""
    return None


@wiring.register
def _(layer: Dense, wired: Wired) -> Wiring:
    return Wiring(layer.width, ("weight",), lambda _, place: wired.source_label(place[0]), _plainly)


@wiring.register(Conv1D)
@wiring.register(Conv2D)
def _(layer: Conv1D | Conv2D, wired: Wired) -> Wiring:
    """A filter is a neuron that is put at every place; a synapse leads from a tap of its kernel."""

    def source(_: str, place: Place) -> str:
        *tap, channel = place
        where = ", ".join(f"{position:+d}" for position in tap)
        return f"place ({where}), channel {channel}"

    return Wiring(layer.filters, ("weight",), source, lambda index: f"filter {index}")


@wiring.register(SimpleRNN)
@wiring.register(LSTM)
@wiring.register(GRU)
def _(layer: SimpleRNN | LSTM | GRU, wired: Wired) -> Wiring:
    """Every gate of every unit is a neuron, which reads a step and the last output."""

    def source(parameter: str, place: Place) -> str:
        if parameter == "recurrent":
            return f"last output of unit {place[0]}"
        return f"feature {place[0]}"

    def kind(index: int) -> str:
        gate, unit = divmod(index, layer.width)
        return f"{layer.gate_names[gate]} of unit {unit}"

    return Wiring(layer.width * layer.gates, ("weight", "recurrent"), source, kind)


def neurons_of(wired: Wired) -> tuple[Neuron, ...]:
    """The neurons of a layer, none of those whose weights are no synapses."""
    found = wiring(wired.layer, wired)
    return () if found is None else tuple(Neuron(wired, found, k) for k in range(found.neurons))


@dataclass
class Neuron:
    """A neuron of a layer. Reading and setting go to the network itself."""

    layer: Wired
    wiring: Wiring
    index: int

    @property
    def meaning(self) -> str:
        """What its output is called, in brackets, where it is one of the network's."""
        names = self.layer.names or ()
        return f" ({names[self.index]})" if len(names) == self.wiring.neurons else ""

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
        """A copy of the weights of its synapses.

        (inputs,) in a dense layer, (sizes..., channels) of a filter; of a recurrent layer (features
        and units,), the features first.
        """
        own = [self.layer.parameters[name].value[..., self.index] for name in self.wiring.weights]
        return own[0] if len(own) == 1 else np.concatenate(own)

    @property
    def synapses(self) -> tuple[Synapse, ...]:
        """Its connections, one for each weight."""
        return tuple(
            Synapse(self, parameter, place)
            for parameter in self.wiring.weights
            for place in np.ndindex(self.layer.parameters[parameter].value.shape[:-1])
        )

    def __repr__(self) -> str:
        name = f"{self.wiring.kind(self.index).removeprefix('neuron ')} of {self.layer.name}"
        count = self.weights.size
        return f"<neuron {name}{self.meaning}: {count} synapses, bias {self.bias:g}>"


@dataclass
class Synapse:
    """The connection of a neuron with one of its inputs.

    Parameters
    ----------
    neuron : Neuron
    parameter : str
        The variable that its weight stands in, by its name within the layer.
    place : tuple of int
        Where it stands there, the axis of the neurons apart.
    """

    neuron: Neuron
    parameter: str
    place: Place

    @property
    def source(self) -> str:
        """What it leads from: the column of an input, or a neuron such as "dense1 neuron 3"."""
        return self.neuron.wiring.source(self.parameter, self.place)

    @property
    def weight(self) -> float:
        """Its weight."""
        value = self.neuron.layer.parameters[self.parameter].value
        return float(value[(*self.place, self.neuron.index)])

    @weight.setter
    def weight(self, value: float) -> None:
        variable = self.neuron.layer.parameters[self.parameter]
        weights = variable.value
        where = f"{self.neuron.layer.name}.{self.parameter}"
        weights[(*self.place, self.neuron.index)] = _NUMBER.checked(value, where)
        variable.assign(weights)

    def __repr__(self) -> str:
        neuron = self.neuron
        end = f"{neuron.layer.name} {neuron.wiring.kind(neuron.index)}{neuron.meaning}"
        return f"<synapse from {self.source} to {end}: weight {self.weight:g}>"
