"""Graphs of networks, written once for all networks of one structure.

Searches fit one network hundreds of times. To write its step, differentiate it and simplify it
takes milliseconds, more than many of these fits; to fill in new variables takes a tenth of that.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from quickprop.config import DType
from quickprop.foundation.settings import Component, follows_from_settings
from quickprop.graph import Graph, GraphTemplate, Tensor, variable_of_checked
from quickprop.nn import Network

#: So many graphs of each kind are remembered, those used last.
KEPT = 128


def structure_key_with(network: Network, *parts: Component) -> Hashable | None:
    """Equal where a network and what belongs to it give equal graphs.

    None where code of users has a say in them.
    """
    key = network.structure_key
    known = key is not None and all(map(follows_from_settings, parts))
    return (key, parts) if known else None


@dataclass(frozen=True)
class _Beginning:
    """A variable as it begins; it holds no more numbers than it must."""

    value: np.ndarray
    dtype: DType
    name: str | None

    @classmethod
    def of(cls, leaf: Tensor) -> _Beginning:
        value = leaf.value
        if (value == value.flat[0]).all():
            value = np.broadcast_to(value.flat[0], value.shape)
        return cls(value, leaf.dtype, leaf.name)

    def variable(self) -> Tensor:
        return variable_of_checked(self.value, self.dtype, self.name)


class NetworkTemplate:
    """A graph of a network, to be filled in for others of the same structure.

    Parameters
    ----------
    graph : Graph
        Its variables are those of the network, and some of its own that were not changed yet.
    network : Network
    more : sequence of Tensor
        Variables that belong to the graph though it does not read them.
    """

    def __init__(self, graph: Graph, network: Network, more: Sequence[Tensor] = ()) -> None:
        theirs = {leaf: k for k, leaf in enumerate(network.variables)}
        own = [leaf for leaf in dict.fromkeys((*graph.variables, *more)) if leaf not in theirs]
        place = theirs | {leaf: len(theirs) + k for k, leaf in enumerate(own)}
        self._template, self._inputs = GraphTemplate(graph), graph.inputs
        self._own = [_Beginning.of(leaf) for leaf in own]
        self._variables = [place[leaf] for leaf in graph.variables]
        self._more = [place[leaf] for leaf in more]

    def instantiate(self, network: Network) -> tuple[Graph, tuple[Tensor, ...]]:
        """The graph with the same placeholders for another network, and `more` of its own."""
        leaves = [*network.variables, *(beginning.variable() for beginning in self._own)]
        graph = self._template.instantiate(self._inputs, [leaves[k] for k in self._variables])
        return graph, tuple(leaves[k] for k in self._more)
