"""The code is written for a width, not for a machine: other machines' shapes run here too."""

from __future__ import annotations

import dataclasses

import llvmlite.binding as llvm
import numpy as np
import pytest
from random_graphs import random_case

from quickprop import ops
from quickprop.autodiff import gradients
from quickprop.execution import Function, Minibatches
from quickprop.graph import Graph, placeholder, variable
from quickprop.native import jit
from quickprop.native.machine import Machine
from quickprop.native.program import write_program
from quickprop.passes import optimise

#: Bytes of a vector, and registers: AVX-512, AVX2, NEON, SSE.
SHAPES = [(64, 32), (32, 16), (16, 32), (16, 16)]


@pytest.mark.parametrize(("width", "registers"), SHAPES)
@pytest.mark.parametrize("seed", range(6))
def test_other_vector_widths_give_the_same(
    width: int, registers: int, seed: int, monkeypatch: pytest.MonkeyPatch
):
    here = jit.host_machine()
    other = dataclasses.replace(here, vector_bytes=width, vector_registers=registers)
    monkeypatch.setattr(jit, "host_machine", lambda: other)
    plain, fast = (
        Function(case.graph, backend=backend)(*case.arrays)
        for backend in ("reference", "native")
        for case in [random_case(seed, "float64", 20)]
    )
    for a, b in zip(plain, fast, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("width", "registers"), SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_other_vector_widths_learn_the_same_from_lists(
    width: int, registers: int, dtype: str, monkeypatch: pytest.MonkeyPatch
):
    here = jit.host_machine()
    other = dataclasses.replace(here, vector_bytes=width, vector_registers=registers)
    monkeypatch.setattr(jit, "host_machine", lambda: other)
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(60, 90)) * (rng.random((60, 90)) < 0.05)
    rows[:, ::17] = rng.normal(size=(60, 6))
    target = rng.normal(size=(60, 20))
    results = []
    for backend in ("reference", "native"):
        x, y = placeholder((None, 90), dtype), placeholder((None, 20), dtype)
        w = variable(np.random.default_rng(3).normal(size=(90, 20)), dtype)
        difference = ops.tanh(x @ w) - y
        loss = ops.mean(difference * difference)
        graph = Graph((x, y), (loss,), ((w, w - gradients(loss, [w])[0]),))
        data = {x: rows.astype(dtype), y: target.astype(dtype)}
        batches = Minibatches(graph, data, 25, backend=backend)
        results.append((batches.run(0, 3, {}), w.value))
    assert batches._steps.sparse_inputs == (0,)
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    for plain, fast in zip(*results, strict=True):
        np.testing.assert_allclose(fast, plain, rtol=tolerance, atol=tolerance)


def training_graph() -> Graph:
    x, y = placeholder((None, 20)), placeholder((None,), "int32")
    w, v = variable(np.ones((20, 70))), variable(np.ones((70, 5)))
    hidden = ops.tanh(x @ w)
    logits = hidden @ v
    loss = ops.mean(ops.logsumexp(logits) - ops.sum(ops.one_hot(y, 5) * logits, 1))
    updates = tuple((p, p - 0.1 * g) for p, g in zip((w, v), gradients(loss, (w, v)), strict=True))
    return optimise(Graph((x, y), (loss,), updates))


#: triple, processor, vector bytes, registers
TARGETS = [
    ("aarch64-unknown-linux-gnu", "generic", 16, 32),
    ("arm64-apple-darwin", "apple-m1", 16, 32),
    ("x86_64-unknown-linux-gnu", "haswell", 32, 16),
    ("x86_64-apple-darwin", "x86-64", 16, 16),
]


@pytest.mark.parametrize(("triple", "cpu", "width", "registers"), TARGETS)
def test_other_processors_accept_the_code(triple: str, cpu: str, width: int, registers: int):
    """Cross-compiled only, not run: the intrinsics exist there and every width can be lowered."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        target = llvm.Target.from_triple(triple)
    except RuntimeError:
        pytest.skip(f"this build of LLVM cannot write code for {triple}")
    machine = Machine(cpu, "", triple, width, registers)
    for threaded in (False, True):
        program = write_program(training_graph(), machine, epoch=True, threaded=threaded)
        text = program.text.replace('"target-features"="" ', "")
        module = llvm.parse_assembly(text)
        module.verify()
        code = target.create_target_machine(cpu=cpu, opt=2, reloc="pic").emit_assembly(module)
        assert "epoch" in code
