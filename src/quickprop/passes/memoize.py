"""Graphs that were seen before are not worked on again: searches train one network many times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quickprop.foundation.lru_cache import LruCache
from quickprop.graph import Graph, GraphTemplate


@dataclass(frozen=True)
class _Result:
    """What became of a graph.

    Parameters
    ----------
    template : GraphTemplate
        It holds no numbers: the graphs that are made of it own them.
    variables : tuple of int
        Which of the variables of the first graph it still has, in its own order.
    """

    template: GraphTemplate
    variables: tuple[int, ...]


_RESULTS: LruCache[str, _Result] = LruCache(128)


def memoize(graph: Graph, work: Callable[[Graph], Graph]) -> Graph:
    """What `work` makes of a graph, from memory when it has worked on an equal one.

    Parameters
    ----------
    work : callable
        Must look neither at what variables hold nor at names, and keep the inputs.
    """
    result = _RESULTS.get(graph.identity)
    variables = graph.variables
    if result is not None:
        left = [variables[k] for k in result.variables]
        return result.template.instantiate(graph.inputs, left)
    done = work(graph)
    places = {leaf: k for k, leaf in enumerate(variables)}
    left_over = tuple(places[leaf] for leaf in done.variables)
    _RESULTS.put(graph.identity, _Result(GraphTemplate(done), left_over))
    return done
