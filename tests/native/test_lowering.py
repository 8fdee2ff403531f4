"""Places of buffers, new values over old ones, and work that grows with the graph alone."""

from __future__ import annotations

import cProfile
import pstats
import re

import numpy as np
import pytest

from quickprop import ops
from quickprop.autodiff import gradients
from quickprop.graph import Graph, Tensor, matmul, placeholder, variable
from quickprop.native import step_calls
from quickprop.native.buffer_allocation import Span, allocate
from quickprop.native.buffers import Location, TableSlot
from quickprop.native.kernel import Step
from quickprop.native.lowering import Lowered, Settings, lower
from quickprop.native.machine import Machine
from quickprop.native.program import plan_memory, write_program
from quickprop.passes import optimise

MACHINE = Machine("x86-64-v3", "", "x86_64-unknown-linux-gnu", 32, 16)


def lowest_places(spans: list[Span], alignment: int) -> list[int]:
    """What `allocate` promises, byte by byte."""
    offsets = [0] * len(spans)
    done: list[int] = []
    for k in sorted(range(len(spans)), key=lambda k: (-spans[k].size, spans[k].first, k)):
        span = spans[k]
        taken = np.zeros(sum(alignment * (1 + s.size // alignment) for s in spans) + 1, bool)
        for j in done:
            if spans[j].first <= span.last and span.first <= spans[j].last:
                taken[offsets[j] : offsets[j] + -(-spans[j].size // alignment) * alignment] = True
        size = -(-span.size // alignment) * alignment
        while taken[offsets[k] : offsets[k] + size].any():
            offsets[k] += alignment
        done.append(k)
    return offsets


@pytest.mark.parametrize("seed", range(20))
def test_buffers_lie_as_low_as_they_can(seed: int):
    rng = np.random.default_rng(seed)
    spans = []
    for _ in range(int(rng.integers(1, 25))):
        first = int(rng.integers(0, 12))
        spans.append(Span(int(rng.integers(1, 40)), first, first + int(rng.integers(0, 6))))
    offsets, total = allocate(spans, 4)
    assert offsets == lowest_places(spans, 4)
    assert total == max(o + -(-s.size // 4) * 4 for o, s in zip(offsets, spans, strict=True))


def test_no_buffers_take_no_memory():
    assert allocate([], 64) == ([], 0)


def lowered(inputs: list[Tensor], outputs: list[Tensor], updates: list) -> Lowered:
    graph = optimise(Graph(tuple(inputs), tuple(outputs), tuple(updates)))
    return lower(graph, Settings(MACHINE, 32))


def test_a_new_value_is_written_over_the_old_one():
    w = variable(np.ones((4, 8)))
    found = lowered([], [], [(w, w * 0.5)])
    assert found.last_copies == []
    (step,) = found.steps
    assert [buffer.location for buffer in step.writes] == [TableSlot(0)]


def test_weights_are_updated_as_soon_as_nobody_reads_the_old_ones():
    x = h = placeholder((None, 16))
    weights = [variable(np.ones((16, 16))) for _ in range(12)]
    for w in weights:
        h = ops.tanh(h @ w)
    loss = ops.mean(ops.square(h))
    updates = [(w, w - 0.1 * g) for w, g in zip(weights, gradients(loss, weights), strict=True)]
    found = lowered([x], [loss], updates)
    assert found.last_copies == []
    _, row_bytes = plan_memory(found)
    # All activations are alive at the end of the forward pass, but no layer's gradients with them.
    assert row_bytes < 16 * 4 * (len(weights) + 5)
    for w in weights:
        memory = found.buffers.of(w).location
        written = [k for k, step in enumerate(found.steps) if writes_to(step, memory)]
        read = [k for k, step in enumerate(found.steps) if reads_from(step, memory)]
        assert len(written) == 1
        assert max(read) <= written[0] <= max(read) + 3


def writes_to(step: Step, place: Location | None) -> bool:
    return any(buffer.location == place for buffer in step.writes)


def reads_from(step: Step, place: Location | None) -> bool:
    return any(buffer.location == place for buffer in step.reads)


def test_a_new_value_is_copied_when_the_old_one_is_shown():
    w = variable(np.ones((4, 8)))
    assert len(lowered([], [w], [(w, w * 0.5)]).last_copies) == 1


def test_a_new_value_is_copied_when_its_kernel_reads_other_lines_of_the_old_one():
    """The weight is a factor of the product that its own update comes from."""
    w = variable(np.ones((8, 8)))
    assert len(lowered([], [], [(w, w + matmul(w, w))]).last_copies) == 1


def test_an_exchange_of_two_variables_sets_the_old_values_aside():
    a, b = variable(np.ones(3)), variable(np.zeros(3))
    found = lowered([], [], [(a, b), (b, a)])
    assert (len(found.steps), len(found.last_copies)) == (2, 2)


def test_every_buffer_that_a_step_touches_has_a_place():
    x, w = placeholder((None, 600)), variable(np.ones((500, 600)))
    y = ops.softmax(ops.tanh(matmul(x, w, transpose_b=True)))
    found = lowered([x], [ops.sum(y * y, axes=1)], [])
    plan_memory(found)
    touched = {buffer for step in found.steps for buffer in (*step.reads, *step.writes)}
    assert "panels" in {buffer.name for buffer in touched}
    assert all(buffer.location is not None for buffer in touched)


def deep_step(layers: int) -> Graph:
    """A training step of so many dense layers of one width."""
    x, rate = placeholder((None, 8)), placeholder(())
    h, parameters = x, []
    for _ in range(layers):
        weight, bias = variable(np.ones((8, 8))), variable(np.ones(8))
        h = ops.tanh(h @ weight + bias)
        parameters += [weight, bias]
    loss = ops.mean(h * h)
    speeds = [variable(np.zeros(parameter.shape)) for parameter in parameters]
    updates = []
    for parameter, speed, gradient in zip(
        parameters, speeds, gradients(loss, parameters), strict=True
    ):
        faster = speed * 0.9 + gradient
        updates += [(speed, faster), (parameter, parameter - rate * faster)]
    return optimise(Graph((x, rate), (loss,), tuple(updates)))


def calls_to_write(graph: Graph) -> int:
    """Calls of Python functions that writing a program takes."""
    profile = cProfile.Profile()
    profile.runcall(write_program, graph, MACHINE, epoch=True)
    return pstats.Stats(profile).total_calls  # type: ignore[attr-defined]


def test_writing_code_takes_time_in_proportion_to_the_layers():
    few, many = (calls_to_write(deep_step(layers)) for layers in (20, 80))
    assert many < 4.6 * few


def test_functions_of_a_long_program_are_of_bounded_length():
    text = write_program(deep_step(80), MACHINE, epoch=True).text
    bodies = re.findall(r"^define internal void @body\d*\(.*?^}", text, flags=re.S | re.M)
    assert len(bodies) > 1
    assert all(body.count("call void @k") <= step_calls.MOST_STEPS for body in bodies)
