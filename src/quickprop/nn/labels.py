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
from quickprop.nn.layers.periodic_embedding import PeriodicEmbedding
from quickprop.nn.names import Names
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
        How many columns of its kind, numbers or codes, the inputs before it have.
    names : sequence of str, optional
        Names of all columns of its kind.
    codes : bool
    """

    name: str
    first: int = 0
    names: Sequence[str] | None = None
    codes: bool = False

    def label(self, index: int) -> str:
        """The column's name; x1, x2, ... unless names were given."""
        column = self.first + index
        if self.names:
            return self.names[column]
        return f"{self.name}[{index}]" if self.codes else f"x{column + 1}"


def columns_of(inputs: Sequence[Input], names: Names) -> dict[str, Columns]:
    """The inputs by their names."""
    found = {}
    first = {False: 0, True: 0}
    for leaf in inputs:
        own = names.categories if leaf.codes else names.inputs
        found[leaf.name] = Columns(leaf.name, first[leaf.codes], own, leaf.codes)
        first[leaf.codes] += math.prod(leaf.row_shape)
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
    part : Layer
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
    if isinstance(part, PeriodicEmbedding):
        made, column = divmod(index, sources[0][1][0])
        source = sources[0][0].label(column)
        if part.keeps_input:
            return source if made == 0 else f"{name} {source}[{made - 1}]"
        return f"{name} {source}[{made}]"
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
    codes = sources[-1][0]
    for column, (table, _, width) in enumerate(part.tables):
        if index < width:
            named = isinstance(codes, Columns) and codes.names is not None and part.names is None
            return f"{name} {codes.label(column) if named else table}[{index}]"
        index -= width
    raise IndexError(index)
