"""A graph without its inputs and variables, to be instantiated with others."""

from __future__ import annotations

from collections.abc import Sequence

from quickprop.graph.graph import Graph
from quickprop.graph.tensor import Tensor


class GraphTemplate:
    """What is left of a graph when its inputs and variables are taken out.

    To instantiate it is many times quicker than to write the graph again, and gives it all that is
    known of the first: its identity, and its nodes in their order.
    """

    def __init__(self, graph: Graph) -> None:
        self.kind, self.identity = type(graph), graph.identity
        leaves = (*graph.inputs, *graph.variables)
        self._open = len(leaves)
        open_nodes = set(leaves)
        made: list[Tensor] = []
        #: Nodes that need no leaf are the same in all graphs.
        self._shared: list[Tensor] = []
        for node in graph.nodes():
            if node in open_nodes:
                continue
            if open_nodes.isdisjoint(node.inputs):
                self._shared.append(node)
            else:
                open_nodes.add(node)
                made.append(node)
        place = {node: k for k, node in enumerate((*leaves, *self._shared, *made))}
        self._made = [
            (
                node.op,
                [place[source] for source in node.inputs],
                (node.attributes, node.shape, node.dtype, node.name),
            )
            for node in made
        ]
        self._order = [place[node] for node in graph.nodes()]
        self._outputs = [place[out] for out in graph.outputs]
        self._updates = [(place[old], place[new]) for old, new in graph.updates]

    def instantiate(self, inputs: Sequence[Tensor], variables: Sequence[Tensor]) -> Graph:
        """The graph of other leaves, of the same shapes and types and in the same order."""
        nodes = [*inputs, *variables]
        assert len(nodes) == self._open
        nodes += self._shared
        for op, sources, rest in self._made:
            nodes.append(Tensor(op, tuple([nodes[k] for k in sources]), *rest))
        graph = self.kind(
            tuple(inputs),
            tuple([nodes[k] for k in self._outputs]),
            tuple([(nodes[old], nodes[new]) for old, new in self._updates]),
        )
        # What a graph finds out when asked, and what other leaves leave as it is.
        vars(graph).update(
            identity=self.identity,
            variables=tuple(variables),
            _nodes=tuple([nodes[k] for k in self._order]),
        )
        return graph
