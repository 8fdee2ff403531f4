"""Equal graphs are worked on once, and each runs on its own variables."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from random_graphs import random_case

from quickprop import ops
from quickprop.errors import GraphError
from quickprop.execution import function
from quickprop.graph import Graph, GraphTemplate, constant, placeholder, variable
from quickprop.passes import memoize, optimise


def counter(start: float, factor: float = 2.0):
    x, held = placeholder((None,), "float64"), variable(start, "float64")
    return x, held, Graph((x,), (ops.sum(x * factor) + held,), ((held, held + 1.0),))


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[Graph]:
    """The graphs that went through the passes."""
    seen: list[Graph] = []
    remember = memoize.memoize

    def counted(graph, work):
        return remember(graph, lambda new: seen.append(new) or work(new))

    monkeypatch.setattr("quickprop.passes.pipeline.memoize", counted)
    monkeypatch.setattr(memoize, "_RESULTS", type(memoize._RESULTS)(128))
    return seen


def test_an_equal_graph_is_worked_on_once(worked: list[Graph]):
    for start in (1.0, 5.0):
        optimise(counter(start)[2])
    assert len(worked) == 1
    optimise(counter(1.0, factor=3.0)[2])
    assert len(worked) == 2


@pytest.mark.parametrize("backend", ["native", "reference"])
def test_each_runs_on_its_own_variables(worked: list[Graph], backend: str):
    runs = []
    for start in (1.0, 5.0):
        x, held, graph = counter(start)
        runs.append((function([x], graph.outputs[0], graph.updates, backend), held))
    for run, _ in runs:
        run(np.array([1.0, 2.0]))
    # 2 (1 + 2) + start, and a step counted on both sides.
    assert [float(run(np.array([1.0, 2.0]))) for run, _ in runs] == [8.0, 12.0]
    assert [float(held.value) for _, held in runs] == [3.0, 7.0]


def test_what_is_remembered_holds_no_numbers(worked: list[Graph]):
    x, held, graph = counter(1.0)
    optimise(graph)
    worked.clear()
    storage = weakref.ref(held.attribute("storage"))
    del x, held, graph
    gc.collect()
    assert storage() is None


def test_a_wrong_graph_stays_wrong(worked: list[Graph]):
    x, y = placeholder((None,)), placeholder((None,))
    optimise(Graph((x, y), (x + y,)))
    for _ in range(2):
        with pytest.raises(GraphError, match="not among the inputs"):
            optimise(Graph((x,), (x + y,)))
        with pytest.raises(GraphError, match="named twice"):
            optimise(Graph((x, x), (x * constant(2.0),)))


def test_only_so_many_are_remembered(worked: list[Graph], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memoize._RESULTS, "kept", 2)
    for factor in (1.5, 2.5, 3.5, 1.5):
        optimise(counter(0.0, factor)[2])
    assert len(worked) == 4


@pytest.mark.parametrize("seed", range(8))
def test_a_filled_pattern_is_the_graph_written_anew(seed: int):
    first, second = (random_case(seed, "float32", 12).graph for _ in range(2))
    filled = GraphTemplate(first).instantiate(second.inputs, second.variables)
    # Without what was put in place, so that all is found out again.
    plain = Graph(filled.inputs, filled.outputs, filled.updates).verify()
    assert plain.identity == filled.identity == second.identity
    assert plain.nodes() == filled.nodes()
    assert plain.variables == filled.variables == second.variables
    assert set(first.variables).isdisjoint(filled.nodes())


def test_an_optimised_graph_is_left_as_it_is(worked: list[Graph]):
    once = optimise(counter(1.0)[2])
    assert optimise(once) is once
    again = optimise(counter(2.0)[2])
    assert optimise(again) is again
    assert len(worked) == 1
