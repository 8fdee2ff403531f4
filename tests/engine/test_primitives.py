"""One row for every primitive: its value by NumPy, its gradient by differences, native code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import special

from quickprop import autodiff, ops
from quickprop.execution import function
from quickprop.graph import Op, Tensor, batch_matmul, constant, make, matmul, placeholder, row_count
from quickprop.graph.primitives import LEAVES
from quickprop.graph.shape_rules import RULES as SHAPE_RULES
from quickprop.graph.windows import Windows
from quickprop.native import data_movement, elementwise
from quickprop.ops import reference


@dataclass(frozen=True)
class Row:
    """Inputs as NumPy arrays (the first axis of `rows` ones is the rows axis), graph, NumPy."""

    op: Op
    inputs: tuple[np.ndarray, ...]
    build: Callable[..., Tensor]
    numpy: Callable[..., np.ndarray]
    rows: bool = True
    differentiable: bool = True
    label: str = ""


RNG = np.random.default_rng(20)
ANY = RNG.normal(size=(5, 7)) * 1.5
OTHER = RNG.normal(size=(5, 7)) + 0.1
POSITIVE = RNG.uniform(0.3, 3.0, size=(5, 7))
WIDE = RNG.normal(size=(5, 300))
CODES = np.array([2, 0, 3, 3, 1], np.int32)
TABLE = RNG.normal(size=(4, 6))


def unary(op: Op, x: np.ndarray, f: Callable, **settings) -> Row:
    return Row(op, (x,), lambda a: make(op, a), f, **settings)


def binary(op: Op, a: np.ndarray, b: np.ndarray, f: Callable, **settings) -> Row:
    return Row(op, (a, b), lambda x, y: make(op, x, y), f, **settings)


def product(m: int, k: int, n: int, ta: bool, tb: bool) -> Row:
    a = RNG.normal(size=(k, m) if ta else (m, k))
    b = RNG.normal(size=(n, k) if tb else (k, n))
    return Row(
        Op.MATMUL,
        (a, b),
        lambda x, y: matmul(x, y, ta, tb),
        lambda x, y: (x.T if ta else x) @ (y.T if tb else y),
        rows=False,
        label=f"{m}x{k}x{n}{'T' if ta else 'N'}{'T' if tb else 'N'}",
    )


def lines_product(*outer: int) -> list[Row]:
    """[..., k] by [k, n], and [..., m] by [..., n] summed over all but the last axes."""
    a, b, w = (RNG.normal(size=shape) for shape in ((*outer, 6), (*outer, 9), (6, 9)))
    label = "x".join(map(str, outer))
    return [
        Row(Op.MATMUL, (a, w), lambda x, y: matmul(x, y), np.matmul, rows=False, label=label),
        Row(
            Op.MATMUL,
            (a, b),
            lambda x, y: matmul(x, y, transpose_a=True),
            lambda x, y: x.reshape(-1, 6).T @ y.reshape(-1, 9),
            label=f"{label}, transposed",
        ),
    ]


def batch_product(
    outer: tuple[int, ...], m: int, k: int, n: int, ta: bool, tb: bool, rows: bool = True
) -> Row:
    """A product for each index of the outer axes."""
    a = RNG.normal(size=(*outer, *((k, m) if ta else (m, k))))
    b = RNG.normal(size=(*outer, *((n, k) if tb else (k, n))))

    def numpy(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x.swapaxes(-1, -2) if ta else x) @ (y.swapaxes(-1, -2) if tb else y)

    return Row(
        Op.BATCH_MATMUL,
        (a, b),
        lambda x, y: batch_matmul(x, y, ta, tb),
        numpy,
        rows=rows,
        label=f"{outer} {m}x{k}x{n}{'T' if ta else 'N'}{'T' if tb else 'N'}",
    )


def patches_by_hand(x: np.ndarray, windows: Windows, fill: float, joined: bool) -> np.ndarray:
    """One number at a time."""
    lengths = x.shape[1:-1]
    counts = windows.counts(lengths)
    out = np.full((len(x), *counts, int(np.prod(windows.size)), x.shape[-1]), fill, x.dtype)
    for at in np.ndindex(counts):
        for number, place in enumerate(np.ndindex(windows.size)):
            position = [
                w * windows.stride[k] + p * windows.dilation[k] - windows.before[k]
                for k, (w, p) in enumerate(zip(at, place, strict=True))
            ]
            if all(0 <= p < n for p, n in zip(position, lengths, strict=True)):
                out[(slice(None), *at, number)] = x[(slice(None), *position)]
    return out.reshape(len(x), *counts, -1) if joined else out


def windows_row(op: Op, lengths, channels: int, windows: Windows, joined: bool, fill=0.0) -> Row:
    x = RNG.normal(size=(5, *lengths, channels))
    label = f"{lengths} {channels} {windows.size} {windows.stride} {windows.before} {joined}"
    if op is Op.PATCHES:
        return Row(
            op,
            (x,),
            lambda a: make(op, a, windows=windows, joined=joined, fill=fill),
            lambda a: patches_by_hand(a, windows, fill, joined),
            differentiable=np.isfinite(fill),
            label=label,
        )
    values = RNG.normal(size=patches_by_hand(x, windows, 0.0, joined).shape)

    def back(v: np.ndarray) -> np.ndarray:
        # The transpose of a linear map, found by asking it about each place.
        out = np.zeros((5, *lengths, channels), v.dtype)
        for at in np.ndindex((*lengths, channels)):
            one = np.zeros((1, *lengths, channels), v.dtype)
            one[(0, *at)] = 1
            hit = patches_by_hand(one, windows, 0.0, joined)
            out[(slice(None), *at)] = (v * hit).reshape(5, -1).sum(1)
        return out

    return Row(
        op,
        (values,),
        lambda v: make(op, v, windows=windows, lengths=lengths, joined=joined),
        back,
        label=label,
    )


WINDOWS = [
    ((6, 7), 1, Windows((3, 3), (1, 1), (1, 1), (0, 0), (0, 0))),
    ((6, 7), 3, Windows((3, 2), (2, 1), (1, 1), (1, 0), (1, 1))),
    ((5, 6), 8, Windows((2, 2), (2, 2), (1, 1), (0, 0), (0, 0))),
    ((7, 7), 17, Windows((3, 3), (1, 2), (2, 2), (2, 1), (2, 0))),
    ((9,), 4, Windows((4,), (3,), (2,), (3,), (2,))),
    ((3, 4, 2), 2, Windows((2, 2, 2), (1, 1, 1), (1, 1, 1), (1, 0, 0), (0, 1, 0))),
    ((2,), 5, Windows((2,), (5,), (1,), (4,), (4,))),
]

ROWS = [
    unary(Op.NEG, ANY, np.negative),
    unary(Op.EXP, ANY, np.exp),
    unary(Op.LOG, POSITIVE, np.log),
    unary(Op.SQRT, POSITIVE, np.sqrt),
    unary(Op.TANH, ANY, np.tanh),
    unary(Op.SIGMOID, ANY, special.expit),
    unary(Op.ERF, ANY, special.erf),
    unary(Op.SIN, ANY, np.sin),
    unary(Op.COS, ANY, np.cos),
    unary(Op.ABS, ANY, np.abs),
    unary(Op.STOP_GRADIENT, ANY, lambda x: x, differentiable=False),
    Row(Op.CAST, (ANY,), lambda x: ops.cast(ops.cast(x, "int32"), x.dtype), np.trunc,
        differentiable=False),
    binary(Op.ADD, ANY, OTHER, np.add),
    binary(Op.SUB, ANY, OTHER, np.subtract),
    binary(Op.MUL, ANY, OTHER, np.multiply),
    binary(Op.DIV, ANY, POSITIVE, np.divide),
    binary(Op.POW, POSITIVE, OTHER, np.power),
    binary(Op.MAXIMUM, ANY, OTHER, np.maximum),
    binary(Op.MINIMUM, ANY, OTHER, np.minimum),
    binary(Op.LESS, ANY, OTHER, np.less, differentiable=False),
    binary(Op.EQUAL, np.round(ANY), np.round(OTHER), np.equal, differentiable=False),
    Row(Op.WHERE, (ANY, OTHER), lambda a, b: ops.where(a < b, a * 2.0, b),
        lambda a, b: np.where(a < b, 2 * a, b)),
    Row(Op.SUM, (ANY,), lambda x: ops.sum(x, 1), lambda x: x.sum(1), label="lines"),
    Row(Op.SUM, (ANY,), lambda x: ops.sum(x, 0), lambda x: x.sum(0), label="rows"),
    Row(Op.SUM, (ANY,), ops.sum, np.sum, label="all"),
    Row(Op.SUM, (WIDE,), lambda x: ops.sum(x, 1, keepdims=True) * x,
        lambda x: x.sum(1, keepdims=True) * x, label="wide"),
    Row(Op.SUM, (RNG.normal(size=(3, 4, 5)),), lambda x: ops.sum(x, 1), lambda x: x.sum(1),
        label="middle"),
    Row(Op.MAX, (ANY,), lambda x: ops.max(x, 1), lambda x: x.max(1), label="lines"),
    Row(Op.MAX, (ANY,), lambda x: ops.max(x, 0), lambda x: x.max(0), label="rows"),
    Row(Op.MAX, (-POSITIVE,), ops.max, np.max, label="all"),
    Row(Op.MAX, (RNG.normal(size=(3, 4, 5)),), lambda x: ops.max(x, (0, 1)),
        lambda x: x.max((0, 1)), label="two axes"),
    *(product(m, k, n, ta, tb) for ta in (False, True) for tb in (False, True)
      for m, k, n in ((5, 3, 7), (1, 4, 1), (3, 1, 5), (17, 33, 1), (1, 9, 40), (33, 70, 300))),
    Row(Op.RESHAPE, (RNG.normal(size=(5, 12)),), lambda x: x * ops.reshape(
        ops.reshape(x, (None, 3, 4)), (None, 12)), lambda x: x * x),
    *(Row(Op.RESHAPE, (RNG.normal(size=(5, *before)),),
          lambda x, after=after: ops.reshape(x, (None, *after)) * 2.0,
          lambda x, after=after: x.reshape(5, *after) * 2.0, label=f"{before} {after}")
      for before, after in (((2, 60), (2, 4, 15)), ((4, 15), (2, 30)), ((6, 70), (4, 105)),
                            ((3, 200), (3, 1, 2, 100)))),
    Row(Op.TRANSPOSE, (RNG.normal(size=(5, 3, 4)),), lambda x: ops.transpose(x, (0, 2, 1)),
        lambda x: x.transpose(0, 2, 1)),
    Row(Op.TRANSPOSE, (RNG.normal(size=(5, 3)),), lambda x: x.T, np.transpose, rows=False,
        label="matrix"),
    Row(Op.BROADCAST, (RNG.normal(size=(5, 1)), ANY), lambda a, b: a * b, lambda a, b: a * b),
    Row(Op.BROADCAST, (RNG.normal(size=(1, 3, 1)), RNG.normal(size=(2, 1, 5))),
        lambda a, b: a * b, lambda a, b: a * b, rows=False, label="both ways"),
    Row(Op.SLICE, (ANY,), lambda x: x[:, 2:6], lambda x: x[:, 2:6]),
    Row(Op.PAD, (ANY,), lambda x: ops.pad(x, (0, 2), (0, 1)),
        lambda x: np.pad(x, ((0, 0), (2, 1)))),
    Row(Op.CONCAT, (ANY, WIDE), lambda a, b: ops.concat([a, b, a]),
        lambda a, b: np.concatenate([a, b, a], 1)),
    Row(Op.GATHER, (TABLE,), lambda t: ops.gather(t, constant(CODES)), lambda t: t[CODES],
        rows=False),
    Row(Op.SCATTER_ADD, (RNG.normal(size=(5, 6)),),
        lambda v: make(Op.SCATTER_ADD, constant(CODES), v, length=4),
        lambda v: np.eye(4)[CODES].T @ v, rows=False),
    *(batch_product(outer, m, k, n, ta, tb) for ta in (False, True) for tb in (False, True)
      for outer, m, k, n in (((5,), 3, 4, 7), ((5, 2), 1, 9, 1), ((1, 3), 17, 33, 20))),
    batch_product((5, 1), 6, 1, 5, True, True), batch_product((5,), 3, 1, 4, False, False),
    batch_product((2, 3), 4, 5, 6, False, True, rows=False),
    batch_product((2,), 1, 1, 1, False, False, rows=False),
    batch_product((2,), 3, 70, 600, False, True, rows=False),
    batch_product((2,), 3, 7, 600, False, False, rows=False),
    Row(Op.BATCH_MATMUL, (RNG.normal(size=(5, 2, 3, 4)), RNG.normal(size=(5, 1, 4, 6))),
        lambda a, b: a @ b, np.matmul, label="repeated"),
    *lines_product(5, 4), *lines_product(5, 2, 3, 1), *lines_product(5, 1),
    *(windows_row(op, *case, joined) for op in (Op.PATCHES, Op.PATCHES_ADD)
      for case in WINDOWS for joined in (False, True)),
    windows_row(Op.PATCHES, *WINDOWS[1], False, fill=-np.inf),
    Row(Op.ROW_COUNT, (ANY,), lambda x: x / row_count(x.dtype), lambda x: x / 5),
]  # fmt: skip


def names(row: Row) -> str:
    return f"{row.op.value}-{row.label}" if row.label else row.op.value


def build(row: Row, dtype: str) -> tuple[list[Tensor], Tensor]:
    leaves = [placeholder((None, *x.shape[1:]) if row.rows else x.shape, dtype) for x in row.inputs]
    return leaves, row.build(*leaves)


@pytest.mark.parametrize("row", ROWS, ids=names)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value(row: Row, dtype: str):
    leaves, y = build(row, dtype)
    arrays = [x.astype(dtype) for x in row.inputs]
    expected = row.numpy(*arrays)
    plain = function(leaves, y, backend="reference")(*arrays)
    fast = function(leaves, y, backend="native")(*arrays)
    tolerance = 3e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(plain, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(fast, plain, rtol=tolerance, atol=tolerance)
    assert fast.dtype == plain.dtype == np.dtype(dtype)


@pytest.mark.parametrize("row", [row for row in ROWS if row.differentiable], ids=names)
def test_gradient(row: Row):
    """Central differences with h = 1e-6 in float64 are right to about 1e-8."""
    leaves, y = build(row, "float64")
    # Weights that differ make a mistake in one place visible.
    spread = ops.sum(ops.sin(y * 1.7 + 0.3))
    run = function(leaves, [spread, *autodiff.gradients(spread, leaves)], backend="reference")
    _, *grads = run(*row.inputs)
    fast = function(leaves, autodiff.gradients(spread, leaves), backend="native")(*row.inputs)
    rng = np.random.default_rng(3)
    for k, (x, gradient) in enumerate(zip(row.inputs, grads, strict=True)):
        np.testing.assert_allclose(fast[k], gradient, rtol=1e-10, atol=1e-10)
        for _ in range(6):
            at = tuple(rng.integers(0, n) for n in x.shape)
            values = []
            for h in (1e-6, -1e-6):
                moved = x.copy()
                moved[at] += h
                arrays = [moved if j == k else other for j, other in enumerate(row.inputs)]
                values.append(run(*arrays)[0])
            difference = (values[0] - values[1]) / 2e-6
            assert gradient[at] == pytest.approx(difference, rel=2e-5, abs=2e-6)


def test_every_primitive_has_a_row_in_every_table():
    ours = {row.op for row in ROWS} | {Op.UNIFORM}
    inner = {
        Op.MATMUL, Op.BATCH_MATMUL, Op.BROADCAST, Op.UNIFORM, Op.WHERE, Op.CAST,
    }  # fmt: skip
    native = {*elementwise.EMIT, *elementwise.CONDITIONS, *data_movement.WRITE, *inner}
    for op in Op:
        if op in LEAVES:
            continue
        assert op in SHAPE_RULES, f"{op} has no shape rule"
        assert op in reference.RULES, f"{op} has no reference rule"
        assert op in autodiff.gradient_rules.RULES, f"{op} has no gradient rule"
        assert op in native, f"{op} has no native code"
        assert op in ours, f"{op} has no test row"


@pytest.mark.parametrize("backend", ["native", "reference"])
def test_second_derivative(backend: str):
    x = placeholder((), "float64")
    y = x * x * x + ops.exp(x * 2.0)
    (first,) = autodiff.gradients(y, [x])
    (second,) = autodiff.gradients(first, [x])
    # d/dx = 3 x^2 + 2 e^(2x), d2/dx2 = 6 x + 4 e^(2x)
    value = function([x], [first, second], backend=backend)(0.5)
    assert value[0] == pytest.approx(0.75 + 2 * np.e, rel=1e-12)
    assert value[1] == pytest.approx(3.0 + 4 * np.e, rel=1e-12)


def test_uniform_is_the_same_everywhere():
    seed, step = placeholder((), "int32"), placeholder((), "int32")
    x = placeholder((None, 37))
    drawn = ops.uniform((None, 37), "mask", seed, step)
    results = [
        function([x, seed, step], x * 0.0 + drawn, backend=backend)(
            np.zeros((50, 37), np.float32), 7, -3
        )
        for backend in ("native", "reference")
    ]
    np.testing.assert_array_equal(*results)
    assert 0 <= results[0].min() < 0.01 < 0.99 < results[0].max() < 1
