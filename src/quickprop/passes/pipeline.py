"""The order of the passes."""

from __future__ import annotations

from quickprop.graph import Graph, rewrite
from quickprop.passes.columns import columns
from quickprop.passes.fold import fold
from quickprop.passes.known import known
from quickprop.passes.pieces import join_pieces
from quickprop.passes.products import thin_products
from quickprop.passes.share import sharer
from quickprop.passes.simplify import simplify


def optimise(graph: Graph) -> Graph:
    """The same outputs and updates from fewer and cheaper nodes; the graph is verified first."""
    return known(graph, lambda new: run_passes(new.verify()))


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
