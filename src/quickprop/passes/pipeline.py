"""The order of the passes."""

from __future__ import annotations

from dataclasses import dataclass

from quickprop.graph import Graph, rewrite
from quickprop.passes.column_vectors import column_vectors
from quickprop.passes.constant_folding import fold_constants
from quickprop.passes.cse import cse
from quickprop.passes.memoize import memoize
from quickprop.passes.merge_slices import merge_slices
from quickprop.passes.simplify import simplify
from quickprop.passes.thin_products import thin_products


@dataclass(frozen=True)
class Optimised(Graph):
    """A graph that all passes went over."""


def optimise(graph: Graph) -> Graph:
    """The same outputs and updates from fewer and cheaper nodes; the graph is verified first."""
    if isinstance(graph, Optimised):
        return graph
    return memoize(graph, _optimised)


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
    rules = (
        fold_constants,
        simplify,
        merge_slices,
        fold_constants,
        column_vectors,
        simplify,
        thin_products,
        simplify,
    )
    for rule in (*rules, cse()):
        graph = graph.with_roots(rewrite(graph.roots, rule))
        if verify:
            graph.verify()
    return graph
