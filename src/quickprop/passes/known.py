"""Graphs that were seen before are not worked on again: searches train one network many times."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

from quickprop.graph import Graph, Op, Tensor, rewrite

#: So many graphs are remembered, those used last.
KEPT = 128


@dataclass(frozen=True)
class _Pattern:
    """A graph whose variables hold nothing: those that fill it in own the numbers."""

    graph: Graph
    leaves: tuple[Tensor, ...]


_KNOWN: OrderedDict[str, _Pattern] = OrderedDict()
_LOCK = Lock()


def known(graph: Graph, work: Callable[[Graph], Graph]) -> Graph:
    """What `work` makes of a graph, from memory when it has worked on an equal one.

    Parameters
    ----------
    work : callable
        Must look neither at what variables hold nor at names.
    """
    key = graph.identity
    variables = graph.variables
    leaves = (*graph.inputs, *variables)
    with _LOCK:
        pattern = _KNOWN.get(key)
        if pattern is not None:
            _KNOWN.move_to_end(key)
    if pattern is not None:
        return _with_leaves(pattern.graph, pattern.leaves, leaves)
    done = work(graph)
    hollow = tuple(
        Tensor(Op.VARIABLE, (), (("storage", None),), leaf.shape, leaf.dtype) for leaf in variables
    )
    open_leaves = (*graph.inputs, *hollow)
    with _LOCK:
        _KNOWN[key] = _Pattern(_with_leaves(done, leaves, open_leaves), open_leaves)
        while len(_KNOWN) > KEPT:
            _KNOWN.popitem(last=False)
    return done


def _with_leaves(graph: Graph, old: Sequence[Tensor], new: Sequence[Tensor]) -> Graph:
    """The same graph on other inputs and variables."""
    other = dict(zip(old, new, strict=True))
    roots = rewrite(graph.roots, lambda node: other.get(node, node))
    cut = len(graph.outputs)
    changed = [other[variable] for variable, _ in graph.updates]
    made = Graph(
        tuple(other[leaf] for leaf in graph.inputs),
        tuple(roots[:cut]),
        tuple(zip(changed, roots[cut:], strict=True)),
    )
    # Other leaves of the same kinds leave it as it is, and finding it out takes a millisecond.
    made.__dict__["identity"] = graph.identity
    return made
