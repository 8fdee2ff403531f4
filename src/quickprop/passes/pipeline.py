"""The order of the passes."""

from __future__ import annotations

from dataclasses import dataclass

from quickprop.graph import Graph, rewrite
from quickprop.passes.columns import columns
from quickprop.passes.fold import fold
from quickprop.passes.known import known
from quickprop.passes.pieces import join_pieces
from quickprop.passes.products import thin_products
from quickprop.passes.share import sharer
from quickprop.passes.simplify import simplify


@dataclass(frozen=True)
class Optimised(Graph):
    """A graph that all passes went over."""


def optimise(graph: Graph) -> Graph:
    """The same outputs and updates from fewer and cheaper nodes; the graph is verified first."""
    if isinstance(graph, Optimised):
        return graph
    return known(graph, _optimised)


def _optimised(graph: Graph) -> Graph:
    done = run_passes(graph.verify())
    return Optimised(done.inputs, done.outputs, done.updates)


def run_passes(graph: Graph, *, verify: bool = False) -> Graph:
    """All passes, one after the other.

    Parameters
    ----------
    verify : bool
        Check the graph after each pass.
    """
    rules = (fold, simplify, join_pieces, fold, columns, simplify, thin_products, simplify)
    for rule in (*rules, sharer()):
        graph = graph.with_roots(rewrite(graph.roots, rule))
        if verify:
            graph.verify()
    return graph
