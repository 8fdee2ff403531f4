"""Working memory grows with the rows there are, and buffers stay apart for any number of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickprop import Adam, Conv2D, Dense, Flatten, MeanSquaredError, Network
from quickprop.graph import Graph
from quickprop.native.buffer_allocation import Span, _distances, allocate
from quickprop.native.buffers import FixedPart, RowsPart
from quickprop.native.jit import host_machine
from quickprop.native.layout import ALIGNMENT, ROW_QUANTUM
from quickprop.native.lowering import Settings, lower
from quickprop.native.memory_estimate import arena_bytes
from quickprop.native.program import plan_memory
from quickprop.native.step_calls import BARRIER_AT, BARRIER_BYTES
from quickprop.train.objective import MeanLoss
from quickprop.train.step import StepSpec, step_of

spans = st.lists(
    st.builds(
        lambda size, first, length: Span(16 * size, first, first + length),
        st.integers(1, 40),
        st.integers(0, 12),
        st.integers(0, 12),
    ),
    min_size=1,
    max_size=30,
)


@given(spans=spans, blocks=st.lists(st.integers(1, 8), min_size=30, max_size=30))
@settings(deadline=None)
def test_no_buffer_reaches_into_another(spans: list[Span], blocks: list[int]):
    over = [ALIGNMENT * block for block in blocks[: len(spans)]]
    offsets, row_bytes = allocate(spans, ALIGNMENT // ROW_QUANTUM)
    distances, behind = _distances(spans, offsets, over)
    for capacity in (ROW_QUANTUM, 3 * ROW_QUANTUM, 1000):
        begins = [capacity * at + more for at, more in zip(offsets, distances, strict=True)]
        ends = [
            begin + capacity * span.size + beyond
            for begin, span, beyond in zip(begins, spans, over, strict=True)
        ]
        assert max(ends) <= capacity * row_bytes + behind
        assert all(begin % ALIGNMENT == 0 for begin in begins)
        for j, one in enumerate(spans):
            for k, other in enumerate(spans[:j]):
                if one.first <= other.last and other.first <= one.last:
                    assert ends[j] <= begins[k] or ends[k] <= begins[j]


def test_few_images_need_the_memory_of_few():
    network = Network(
        [Conv2D(8, (3, 3), activation="relu"), Flatten(), Dense(2)], features=(32, 32, 3)
    )
    graph = Graph(network.inputs, network.results())
    four, sixteen = (arena_bytes(graph, rows) for rows in (4, 16))
    assert four < 0.4 * sixteen


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 7, 15, 17])
def test_any_number_of_rows(rows: int):
    network = Network(
        [Conv2D(5, (3, 3), activation="tanh"), Flatten(), Dense(7, activation="softmax"), Dense(3)],
        features=(9, 9, 2),
    )
    x = np.random.default_rng(rows).normal(size=(rows, 9, 9, 2)).astype(np.float32)
    native, plain = (network.predict(x, backend=one) for one in ("native", "reference"))
    np.testing.assert_allclose(native, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("threaded", [False, True])
def test_no_buffer_reaches_into_the_barrier(threaded: bool):
    network = Network([Dense(24, activation="relu"), Dense(24), Dense(3)], features=9)
    spec = StepSpec(MeanLoss(MeanSquaredError()), Adam())
    graph = step_of(network, spec).graph
    lowered = lower(graph, Settings(host_machine(), 32, True, threaded, ()))
    plan_memory(lowered)
    places = [
        buffer.location
        for step in lowered.steps
        for buffer in (*step.arguments, *step.writes)
        if buffer.location is not None
    ]
    starts = [one.offset for one in places if isinstance(one, FixedPart)]
    starts += [one.start for one in places if isinstance(one, RowsPart)]
    assert min(starts) >= BARRIER_AT + BARRIER_BYTES
