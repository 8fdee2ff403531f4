"""Graphs that were seen before are not worked on again: searches train one network many times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quickprop.foundation.lru_cache import LruCache
from quickprop.graph import Graph, Pattern


@dataclass(frozen=True)
class _Work:
    """What became of a graph.

    Parameters
    ----------
    pattern : Pattern
        It holds no numbers: the graphs that fill it own them.
    variables : tuple of int
        Which of the variables of the first graph it still has, in its own order.
    """

    pattern: Pattern
    variables: tuple[int, ...]


_KNOWN: LruCache[str, _Work] = LruCache(128)


def known(graph: Graph, work: Callable[[Graph], Graph]) -> Graph:
    """What `work` makes of a graph, from memory when it has worked on an equal one.

    Parameters
    ----------
    work : callable
        Must look neither at what variables hold nor at names, and keep the inputs.
    """
    known_work = _KNOWN.get(graph.identity)
    variables = graph.variables
    if known_work is not None:
        left = [variables[k] for k in known_work.variables]
        return known_work.pattern.filled(graph.inputs, left)
    done = work(graph)
    places = {leaf: k for k, leaf in enumerate(variables)}
    _KNOWN.put(graph.identity, _Work(Pattern(done), tuple(places[leaf] for leaf in done.variables)))
    return done
