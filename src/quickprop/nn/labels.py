"""What every number that a layer reads is called: a column of the input, or a neuron before it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from quickprop.nn.layers.constant_neuron import ConstantNeuron
from quickprop.nn.layers.dense import Dense
from quickprop.nn.layers.embedding import Embedding
from quickprop.nn.layers.layer import Layer, RowShape
from quickprop.nn.node import Input


class Labelled(Protocol):
    """An input or a layer, seen by a layer that reads it."""

    def label(self, index: int) -> str:
        """What the number at that place of a row is called."""


@dataclass(frozen=True)
class Columns:
    """An input.

    Parameters
    ----------
    name : str
    first : int
        How many numeric columns the inputs before it have.
    names : sequence of str, optional
        Names of the numeric columns of all inputs.
    codes : bool
    """

    name: str
    first: int = 0
    names: Sequence[str] | None = None
    codes: bool = False

    def label(self, index: int) -> str:
        """The column's name; x1, x2, ... unless names were given."""
        if self.codes:
            return f"{self.name}[{index}]"
        column = self.first + index
        return self.names[column] if self.names else f"x{column + 1}"


def columns_of(inputs: Sequence[Input], names: Sequence[str] | None) -> dict[str, Columns]:
    """The inputs by their names."""
    found, first = {}, 0
    for leaf in inputs:
        found[leaf.name] = Columns(leaf.name, first, names, leaf.codes)
        first += 0 if leaf.codes else math.prod(leaf.row_shape)
    return found


def label(
    part: Layer,
    name: str,
    sources: Sequence[tuple[Labelled, RowShape]],
    shape: RowShape,
    index: int,
) -> str:
    """What a number of a layer's result is called.

    Parameters
    ----------
    part : Part
    name : str
        That of the layer.
    sources : sequence of (Labelled, tuple of int)
        What the layer reads, and the shapes of its rows.
    shape : tuple of int
        That of a row of the result.
    index : int
    """
    if isinstance(part, Dense):
        return f"{name} neuron {index}"
    if isinstance(part, ConstantNeuron) and index == shape[0] - 1:
        return f"{name}, always 1"
    if isinstance(part, Embedding):
        return _of_embedding(part, name, sources, index)
    vectors = all(len(row) == 1 for _, row in sources) and len(shape) == 1
    if vectors and (isinstance(part, ConstantNeuron) or [row for _, row in sources] == [shape]):
        # Activations, dropout and the like: each number is still that of the neuron before it.
        return sources[0][0].label(index)
    if vectors and len(sources) > 1 and sum(row[0] for _, row in sources) == shape[0]:
        return _side_by_side(sources, index)
    return f"{name}[{index}]"


def _side_by_side(sources: Sequence[tuple[Labelled, RowShape]], index: int) -> str:
    for source, (width,) in sources:
        if index < width:
            return source.label(index)
        index -= width
    raise IndexError(index)


def _of_embedding(
    part: Embedding, name: str, sources: Sequence[tuple[Labelled, RowShape]], index: int
) -> str:
    if len(sources) == 2:
        source, (width,) = sources[0]
        if index < width:
            return source.label(index)
        index -= width
    for table, _, width in part.tables:
        if index < width:
            return f"{name} {table}[{index}]"
        index -= width
    raise IndexError(index)
