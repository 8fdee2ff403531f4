"""A layer in its place in a network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from quickprop.graph import Tensor
from quickprop.nn.labels import Labelled, label
from quickprop.nn.layers.layer import Layer, ParameterSpec, RowShape
from quickprop.nn.neurons import Neuron, neurons_of


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
        """Its neurons: of dense, convolving and recurrent layers; no other layer has any."""
        return neurons_of(self)

    def source_label(self, index: int) -> str:
        """What a number of its first source is called."""
        return self.reads[0].label(index)

    def label(self, index: int) -> str:
        """What a number of its result is called, such as "dense1 neuron 3"."""
        sources = tuple(zip(self.reads, self.input_shapes, strict=True))
        return label(self.layer, self.name, sources, self.output_shape, index)

    def __repr__(self) -> str:
        return f"<{self.name}: {self.layer!r}, {self.parameter_count:,} parameters>"
