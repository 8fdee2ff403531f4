"""Native code against the reference on random graphs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_graphs import random_case

from quickprop import ops
from quickprop.execution import Function
from quickprop.graph import (
    Graph,
    Tensor,
    broadcast_to,
    constant,
    matmul,
    placeholder,
    row_count,
    variable,
)
from quickprop.graph.tensor import reshape
from quickprop.native.layout import layout_of

pytestmark = pytest.mark.usefixtures("working_memory_full_of_nan")
TOLERANCE = {"float32": 2e-3, "float64": 1e-9}


def check(
    seed: int,
    dtype: str,
    steps: int,
    mixed: bool = False,
    stacks: bool = False,
    closed: bool = False,
) -> None:
    results = []
    for backend in ("reference", "native"):
        case = random_case(seed, dtype, steps, mixed, stacks, closed)
        run = Function(case.graph, backend=backend)
        # Twice, so that the second call sees what the first one wrote.
        outputs = [*run(*case.arrays), *run(*case.arrays)]
        state = [updated.value for updated, _ in case.graph.updates]
        results.append((outputs, state, case))
    (outputs, state, _), (fast, fast_state, case) = results
    tolerance = TOLERANCE["float32" if mixed else dtype]
    for plain, native in zip([*outputs, *state], [*fast, *fast_state], strict=True):
        assert native.shape == plain.shape
        np.testing.assert_allclose(native, plain, rtol=tolerance, atol=tolerance)
    for updated, _ in case.graph.updates:
        assert_padding_is_zero(updated)


def assert_padding_is_zero(updated: Tensor) -> None:
    layout = layout_of(updated.shape, updated.dtype)
    block = updated.attribute("storage").memory
    lines = block[: layout.size].reshape(layout.lines_per_row, layout.stride)
    assert not lines[:, layout.width :].any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=25, deadline=None, derandomize=True, database=None,
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(seed=st.integers(0, 10**6), steps=st.integers(1, 14))
def test_native_equals_reference(dtype: str, seed: int, steps: int):
    check(seed, dtype, steps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
# The last three find it when the ends of lines that are padded further than others stay unwritten.
@pytest.mark.parametrize("seed", [*range(30), 98, 196, 206])
def test_native_equals_reference_with_numbers_of_two_sizes(dtype: str, seed: int):
    check(seed, dtype, 14, mixed=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(20))
def test_native_equals_reference_with_products_of_stacks(dtype: str, seed: int):
    check(seed, dtype, 10, stacks=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(20))
def test_native_equals_reference_without_placeholders(dtype: str, seed: int):
    check(seed, dtype, 10, closed=True)


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_kernels_read_constants_variables_and_the_number_of_rows(backend: str):
    """Whatever is one number is memory all the same where a kernel reads memory only."""
    x, rows = placeholder((None, 2)), row_count()
    table, ones = variable([[1.0], [2.0]]), constant(np.ones((2, 1)), "float32")
    code = constant([1], "int32")
    outputs = [
        ops.gather(table, code),
        ops.gather(ones, code),
        ops.concat([table, ones], axis=0),
        matmul(table, ones, transpose_a=True),
        matmul(reshape(rows, (1, 1)), constant([[3.0]])),
        matmul(x, broadcast_to(reshape(rows, (1, 1)), (2, 1))),
        ops.concat([reshape(rows, (1,)), constant([2.0])], axis=0),
        constant([1.0, 2.0, 3.0]),
        table,
    ]
    found = Function(Graph((x,), tuple(outputs), ()), backend=backend)(np.ones((3, 2), np.float32))
    assert [array.ravel().tolist() for array in found] == [
        [2], [1], [1, 2, 1, 1], [3], [9], [6, 6, 6], [3, 2], [1, 2, 3], [1, 2]
    ]  # fmt: skip


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_a_variable_becomes_the_number_of_rows(backend: str):
    x, seen = placeholder((None, 2)), variable(0.0)
    run = Function(Graph((x,), (ops.sum(x),), ((seen, row_count()),)), backend=backend)
    run(np.ones((5, 2), np.float32))
    assert seen.value == 5


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_native_equals_reference_on_larger_graphs(seed: int):
    check(seed, "float64" if seed % 2 else "float32", 30)
