"""Work on a large graph looks at the clock at every node, so that it can be dropped in time."""

from __future__ import annotations

import pytest

from quickprop import ops
from quickprop.autodiff import gradients
from quickprop.foundation.deadline import NotInTimeError, time_limit
from quickprop.graph import Graph, placeholder, rewrite, walk

NODES = 200


def deep() -> Graph:
    x = y = placeholder((None, 2))
    for _ in range(NODES):
        y = ops.tanh(y)
    return Graph((x,), (ops.mean(y),))


WORK = {
    "walk": lambda graph: walk(graph.roots),
    "nodes": lambda graph: graph.nodes(),
    "identity": lambda graph: graph.identity,
    "verify": lambda graph: graph.verify(),
    "rewrite": lambda graph: rewrite(graph.roots, lambda node: node),
    "gradients": lambda graph: gradients(graph.outputs[0], graph.inputs),
}


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_every_node_looks(work):
    looks = 0

    def is_over() -> bool:
        nonlocal looks
        looks += 1
        return False

    graph = deep()
    with time_limit(is_over):
        work(graph)
    assert looks >= NODES


@pytest.mark.parametrize("work", ["identity", "verify"])
def test_what_was_dropped_is_done_the_next_time(work):
    graph, left = deep(), NODES // 2

    def is_over() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    with time_limit(is_over), pytest.raises(NotInTimeError):
        WORK[work](graph)
    assert graph.identity == deep().identity
    assert graph.verify() is graph
