"""Short lines taken abreast give what the interpreter gives, in every size of a last block."""

from __future__ import annotations

import ctypes
import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from quickprop import ops
from quickprop.execution import Function
from quickprop.foundation.lru_cache import LruCache
from quickprop.graph import Graph, Tensor, constant, matmul, placeholder
from quickprop.native import jit
from quickprop.native.ir import FunctionWriter, Value, int64, module_text, split_type, vector_type
from quickprop.native.lane_per_row import LanePerRowKernel
from quickprop.native.transposition import transposed

pytestmark = pytest.mark.usefixtures("working_memory_full_of_nan")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, tmp_path) -> list[bool]:
    """For each kernel of lines that is written, whether it takes a line in each lane."""
    monkeypatch.setenv("QUICKPROP_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(jit, "_LOADED", LruCache(jit.KEPT))
    answers: list[bool] = []
    fits = LanePerRowKernel.fits

    def noted(*given):
        answers.append(fits(*given))
        return answers[-1]

    monkeypatch.setattr(LanePerRowKernel, "fits", staticmethod(noted))
    return answers


def both(inputs: list[Tensor], outputs: list[Tensor], arrays: list[np.ndarray]) -> list[list]:
    """What both backends give."""
    graph = Graph(tuple(inputs), tuple(outputs), ())
    return [list(Function(graph, backend=backend)(*arrays)) for backend in ("reference", "native")]


def read_with_padding(lines: Tensor) -> Tensor:
    """A number that comes out wrong unless the padding of the lines is zero."""
    squares = matmul(lines, lines, transpose_a=True)
    # Not in the kernel that writes the lines: it needs all of them.
    return ops.sum(lines * ops.sum(squares * squares))


def agree(plain: list, native: list, dtype: str) -> None:
    tolerance = {"float32": 2e-4, "float64": 1e-11}[dtype]
    for a, b in zip(plain, native, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [2, 3, 5, 8, 9, 10, 13, 16])
def test_a_softmax_and_all_that_is_summed(width: int, dtype: str, written: list[bool]):
    x, codes = placeholder((None, width), dtype), placeholder((None,), "int32")
    scale = constant(np.linspace(0.5, 2.0, width).reshape(1, width), dtype)
    shifted = x - ops.max(x, axes=1, keepdims=True)
    powers = ops.exp(shifted)
    total = ops.sum(powers, axes=1, keepdims=True)
    own = ops.equal(
        ops.reshape(codes, (None, 1)), constant(np.arange(width).reshape(1, width), "int32")
    )
    slopes = (powers / total - ops.cast(own, dtype)) * scale
    largest = ops.max(slopes, axes=0)
    outputs = [
        slopes,
        read_with_padding(slopes),
        ops.sum(largest * largest),
        total,
        ops.sum(slopes, axes=0),
        largest,
        ops.sum(slopes * slopes),
        ops.max(total),
    ]
    for rows in (1, 2, 7, 8, 9, 16, 17, 31):
        rng = np.random.default_rng(rows)
        arrays = [
            3 * rng.normal(size=(rows, width)).astype(dtype),
            rng.integers(0, width, rows).astype(np.int32),
        ]
        agree(*both([x, codes], outputs, arrays), dtype)
    assert any(written)


@pytest.mark.parametrize("bytes_", [64, 32, 16])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_other_widths_of_vectors(bytes_: int, dtype: str, monkeypatch, written: list[bool]):
    other = dataclasses.replace(jit.host_machine(), vector_bytes=bytes_)
    monkeypatch.setattr(jit, "host_machine", lambda: other)
    for width in (2, 5, 10, 16):
        x = placeholder((None, width), dtype)
        y = ops.softmax(x)
        rows = np.random.default_rng(width).normal(size=(21, width)).astype(dtype)
        agree(*both([x], [y, read_with_padding(y), ops.sum(y * x, axes=0)], [rows]), dtype)
    assert any(written)


def test_lines_of_rows_with_more_than_two_axes(written: list[bool]):
    x = placeholder((None, 3, 5), "float32")
    y = ops.softmax(x)
    rows = np.random.default_rng(0).normal(size=(7, 3, 5)).astype(np.float32)
    agree(*both([x], [y], [rows]), "float32")
    assert any(written)


def test_what_is_not_finite_stays_in_its_line():
    x = placeholder((None, 6), "float64")
    y = ops.softmax(x)
    rows = np.random.default_rng(0).normal(size=(20, 6))
    expected = Function(Graph((x,), (y,), ()), single=True, backend="native")(rows)
    for bad in (np.nan, np.inf, -np.inf):
        spoilt = rows.copy()
        spoilt[11, 2] = bad
        given = Function(Graph((x,), (y,), ()), single=True, backend="native")(spoilt)
        others = np.arange(20) != 11
        np.testing.assert_array_equal(given[others], expected[others])


@pytest.mark.parametrize(
    "write",
    [
        lambda x: ops.softmax(ops.concat([x, x, x], axis=1)),
        lambda x: ops.exp(x) + 1.0,
    ],
    ids=["long", "no sum"],
)
def test_what_does_not_gain_goes_line_by_line(
    write: Callable[[Tensor], Tensor], written: list[bool]
):
    x = placeholder((None, 6), "float32")
    rows = np.random.default_rng(0).normal(size=(9, 6)).astype(np.float32)
    agree(*both([x], [write(x)], [rows]), "float32")
    assert not any(written)


@pytest.mark.parametrize(("count", "lanes"), [(2, 2), (8, 8), (8, 2), (2, 8), (16, 4), (4, 16)])
def test_blocks_are_transposed(count: int, lanes: int):
    w = FunctionWriter("turn", [("given", "ptr"), ("found", "ptr")])
    type_ = vector_type("double", lanes)
    given, found = Value("%given", "ptr"), Value("%found", "ptr")
    block = [w.load(w.offset(given, int64(k), type_), type_, 8) for k in range(count)]
    columns = transposed(w, block)
    assert [split_type(column.type)[1] for column in columns] == [count] * lanes
    for k, column in enumerate(columns):
        w.store(column, w.offset(found, int64(k), column.type), 8)
    text = module_text([w.finish()], w.declarations, jit.host_machine().attributes)
    _, code = jit.load(f"transposed {count} {lanes}", lambda: (text, {}), ("turn",))
    turn = code.function("turn", None, ctypes.c_void_p, ctypes.c_void_p)
    numbers = np.arange(float(count * lanes)).reshape(count, lanes)
    result = np.zeros((lanes, count))
    turn(numbers.ctypes.data, result.ctypes.data)
    np.testing.assert_array_equal(result, numbers.T)
