"""Inputs as lists of the numbers that are not zero: the same results, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from random_graphs import random_case

from quickprop.autodiff import gradients
from quickprop.config import DType
from quickprop.errors import DataError, DTypeError, ShapeError
from quickprop.execution import Minibatches, function
from quickprop.graph import ROWS, Graph, placeholder, variable
from quickprop.native import CsrMatrix
from quickprop.native.csr import HybridMatrix, column_shares
from quickprop.native.csr_choice import dense_columns, only_factors
from quickprop.native.jit import host_machine
from quickprop.ops.activations import relu
from quickprop.ops.elementary import exp, mean, sum, tanh

RNG = np.random.default_rng(7)


def mostly_zero(rows: int, columns: int, share: float, dtype: str = "float64") -> np.ndarray:
    """An array with so large a share of numbers that are not zero, some rows and columns empty."""
    array = RNG.normal(size=(rows, columns)) * (RNG.random((rows, columns)) < share)
    array[rows // 2] = 0
    array[:, columns // 3] = 0
    return array.astype(dtype)


def step(columns: int, width: int, dtype: str, *, other_reader: bool = False):
    """A training step of a network of two layers, its inputs and its variables."""
    kind = DType(dtype)
    rng = np.random.default_rng(3)
    x, t = placeholder((ROWS, columns), kind, "x"), placeholder((ROWS, 2), kind, "t")
    first = variable((rng.normal(size=(columns, width)) / 4).astype(dtype), kind)
    bias = variable(rng.normal(size=(1, width)).astype(dtype), kind)
    last = variable((rng.normal(size=(width, 2)) / 4).astype(dtype), kind)
    read = x * 2.0 if other_reader else x
    difference = relu(read @ first + bias) @ last - t
    loss = mean(difference * difference)
    if other_reader:
        loss = loss + mean(exp(x * 0.125))
    learned = (first, bias, last)
    slopes = gradients(loss, learned)
    updates = tuple((p, p - slope * 0.02) for p, slope in zip(learned, slopes, strict=True))
    return Graph((x, t), (loss,), updates), learned


def trained(data: tuple, batch: int, dtype: str, width: int = 20, **settings):
    """The loss sums of two epochs and the weights after them."""
    other_reader = settings.pop("other_reader", False)
    graph, learned = step(data[0].shape[1], width, dtype, other_reader=other_reader)
    batches = Minibatches(graph, dict(zip(graph.inputs, data, strict=True)), batch, **settings)
    losses = []
    for epoch in range(2):
        batches.shuffle(1, epoch)
        losses.append(batches.run(0, batches.steps_per_epoch, {}))
    return losses, [parameter.value for parameter in learned], batches


def test_rows_become_lists_and_whole_again():
    array = np.array([[0.0, 2.0, 0.0, -1.0], [0.0, 0.0, 0.0, 0.0], [np.nan, 0.0, -0.0, 3.0]])
    rows = CsrMatrix.of_array(array)
    assert rows.indptr.tolist() == [0, 2, 2, 4]
    assert rows.indices.tolist() == [1, 3, 0, 3]
    np.testing.assert_array_equal(rows.data, [2, -1, np.nan, 3])
    assert (rows.shape, len(rows), rows.size) == ((3, 4), 3, 12)
    assert [rows.most_entries(count) for count in (1, 2, 3, 5)] == [2, 4, 4, 4]
    np.testing.assert_array_equal(rows.dense(), array)
    np.testing.assert_array_equal(rows.dense(np.array([2, 0, 2])), array[[2, 0, 2]])
    np.testing.assert_array_equal(rows.dense(slice(1, 2)), array[1:2])


@pytest.mark.parametrize("piece", [1, 10, 11, 2**19])
def test_arrays_are_gone_through_piece_by_piece(piece: int, monkeypatch):
    monkeypatch.setattr("quickprop.native.csr.PIECE", piece)
    array = mostly_zero(23, 5, 0.5)
    np.testing.assert_array_equal(CsrMatrix.of_array(array).dense(), array)
    np.testing.assert_array_equal(CsrMatrix.of_array(array[:, ::-1]).dense(), array[:, ::-1])
    assert CsrMatrix.of_array(array[:0]).shape == (0, 5)


@pytest.mark.parametrize("rows", [1, 7, 241, 700])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_function_gives_the_same_bits_for_sparse_rows(rows: int, dtype: str):
    kind = DType(dtype)
    x = placeholder((ROWS, 37), kind, "x")
    weights = variable(RNG.normal(size=(37, 19)).astype(dtype), kind)
    bias = variable(RNG.normal(size=(1, 19)).astype(dtype), kind)
    run = function([x], [relu(x @ weights + bias), x @ weights])
    array = mostly_zero(rows, 37, 0.2, dtype)
    for whole, sparse in zip(run(array), run(scipy.sparse.csr_array(array)), strict=True):
        np.testing.assert_array_equal(sparse, whole)


def test_rows_that_are_read_elsewhere_too_are_written_out_whole():
    x = placeholder((ROWS, 21), DType.float64, "x")
    weights = variable(RNG.normal(size=(21, 5)), DType.float64)
    assert only_factors(Graph((x,), (x @ weights,))) == {x}
    assert not only_factors(Graph((x,), (x @ weights, exp(x))))
    run = function([x], [x @ weights, exp(x)])
    array = mostly_zero(500, 21, 0.3)
    for whole, sparse in zip(run(array), run(scipy.sparse.csr_array(array)), strict=True):
        np.testing.assert_array_equal(sparse, whole)


def test_slopes_of_a_call_read_lists_by_column():
    graph, learned = step(31, 12, "float64")
    run = function(graph.inputs, gradients(graph.outputs[0], learned))
    x, t = mostly_zero(50, 31, 0.2), RNG.normal(size=(50, 2))
    for whole, sparse in zip(run(x, t), run(scipy.sparse.csr_array(x), t), strict=True):
        np.testing.assert_array_equal(sparse, whole)


@pytest.mark.parametrize("kind", ["csr_array", "csc_array", "coo_array", "csr_matrix", "lil_array"])
def test_every_kind_of_sparse_array_is_taken(kind: str):
    x = placeholder((ROWS, 9), DType.float64, "x")
    weights = variable(RNG.normal(size=(9, 4)), DType.float64)
    array = mostly_zero(12, 9, 0.4)
    run = function([x], x @ weights)
    np.testing.assert_array_equal(run(getattr(scipy.sparse, kind)(array)), run(array))


def test_repeated_entries_are_added_and_unsorted_ones_sorted():
    parts = (np.array([1.0, 2.0, 4.0]), np.array([3, 0, 3]), np.array([0, 3]))
    given = scipy.sparse.csr_array(parts, shape=(1, 5))
    x = placeholder((ROWS, 5), DType.float64, "x")
    run = function([x], x @ variable(np.eye(5), DType.float64))
    np.testing.assert_array_equal(run(given), [[2, 0, 0, 5, 0]])
    # What was given is left as it was.
    assert given.indices.tolist() == [3, 0, 3]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("other_reader", [False, True])
def test_training_gives_the_same_bits_for_sparse_rows(
    threads: int, dtype: str, other_reader: bool, monkeypatch
):
    # 130 columns of 1 in 10: also the whole array is made lists of.
    x, t = mostly_zero(230, 130, 0.1, dtype), RNG.normal(size=(230, 2)).astype(dtype)
    settings = {"other_reader": other_reader, "threads": threads, "width": 40}
    dense = RNG.normal(size=x.shape).astype(dtype)
    sparse, weights, batches = trained((scipy.sparse.csr_array(x), t), 50, dtype, **settings)
    whole, same, others = trained((x, t), 50, dtype, **settings)
    # Few enough to be made whole where nothing is won by lists.
    assert (
        batches._steps.sparse_inputs
        == others._steps.sparse_inputs
        == (() if other_reader else (0,))
    )
    monkeypatch.setattr("quickprop.native.native_minibatches.DENSE_BYTES", 0)
    spread, same_again, batches = trained((scipy.sparse.csr_array(x), t), 50, dtype, **settings)
    assert batches._steps.sparse_inputs == (0,)
    assert spread == sparse
    for a, b in zip(weights, same_again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert sparse == whole
    for a, b in zip(weights, same, strict=True):
        np.testing.assert_array_equal(a, b)
    reference, plain, _ = trained(
        (scipy.sparse.csr_array(x), t),
        50,
        dtype,
        backend="reference",
        width=40,
        other_reader=other_reader,
    )
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(sparse, reference, rtol=tolerance)
    for a, b in zip(weights, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
    _, _, full = trained((dense, t), 50, dtype, **settings)
    assert full._steps.sparse_inputs == ()


def keep_all_whole(monkeypatch) -> None:
    def chosen(graph, leaf, shares, machine):
        return np.ones(len(shares), bool), False

    monkeypatch.setattr("quickprop.native.native_minibatches.dense_columns", chosen)


def test_lists_and_whole_rows_train_to_the_same_bits(monkeypatch):
    x, t = mostly_zero(230, 130, 0.1), RNG.normal(size=(230, 2))
    listed, weights, batches = trained((x, t), 64, "float64")
    keep_all_whole(monkeypatch)
    whole, same, others = trained((x, t), 64, "float64")
    assert (batches._steps.sparse_inputs, others._steps.sparse_inputs) == ((0,), ())
    assert listed == whole
    for a, b in zip(weights, same, strict=True):
        np.testing.assert_array_equal(a, b)


def test_other_rows_may_be_bound():
    x, t = mostly_zero(60, 130, 0.1), RNG.normal(size=(60, 2))
    graph, _ = step(130, 20, "float64")
    batches = Minibatches(graph, dict(zip(graph.inputs, (x, t), strict=True)), 60)
    again, _ = step(130, 20, "float64")
    other = mostly_zero(60, 130, 0.5)
    expected = Minibatches(again, dict(zip(again.inputs, (other, t), strict=True)), 60)
    batches.bind({graph.inputs[0]: other})
    # Whole in one and in lists in the other, and so summed in another order.
    assert batches.run(0, 1, {}) == pytest.approx(expected.run(0, 1, {}), rel=1e-12)


def test_rows_of_zeros_alone():
    x, t = np.zeros((40, 50)), RNG.normal(size=(40, 2))
    listed, _, batches = trained((x, t), 16, "float64")
    assert batches._steps.sparse_inputs == (0,)
    reference, _, _ = trained((x, t), 16, "float64", backend="reference")
    np.testing.assert_allclose(listed, reference, rtol=1e-12)


def test_columns_that_are_seldom_zero_are_kept_whole():
    graph, _ = step(100, 100, "float32")
    leaf, machine = graph.inputs[0], host_machine()
    shares = np.full(100, 0.05)
    kept, worth_it = dense_columns(graph, leaf, shares, machine)
    assert not kept.any()
    assert worth_it
    shares[[3, 50]] = 1.0
    kept, worth_it = dense_columns(graph, leaf, shares, machine)
    assert np.flatnonzero(kept).tolist() == [3, 50]
    assert worth_it
    kept, worth_it = dense_columns(graph, leaf, np.full(100, 0.9), machine)
    assert kept.all()
    assert not worth_it
    # Narrow results are quick whole: a list is a chain of additions that wait for each other.
    narrow, _ = step(100, 3, "float32")
    _, worth_it = dense_columns(narrow, narrow.inputs[0], np.full(100, 0.3), machine)
    assert not worth_it


def test_shares_come_from_a_sample_of_rows():
    array = np.eye(2000)
    some = np.arange(0, 2000, 16)
    np.testing.assert_array_equal(np.flatnonzero(column_shares(array)), some)
    sparse = CsrMatrix.of_array(array)
    np.testing.assert_array_equal(column_shares(sparse), column_shares(array))


def test_rows_split_into_whole_columns_and_lists():
    array = np.array([[1.0, 0.0, 2.0, 0.0], [3.0, 4.0, 0.0, 0.0], [5.0, 0.0, 0.0, 6.0]])
    whole = np.array([True, False, False, True])
    for rows in (array, CsrMatrix.of_array(array)):
        split = HybridMatrix.of(rows, whole)
        assert split.columns.tolist() == [0, 3]
        assert split.places.tolist() == [1, 0, 0, 2]
        assert split.block.shape == (3, 8)
        np.testing.assert_array_equal(split.block[:, :2], array[:, [0, 3]])
        assert not split.block[:, 2:].any()
        np.testing.assert_array_equal(split.entries.dense(), array * ~whole)


def table_like(rows: int, dtype: str) -> np.ndarray:
    """Nine columns of numbers here and there among columns of 1 in 20."""
    array = mostly_zero(rows, 130, 0.05, dtype)
    array[:, [0, 7, 8, 20, 64, 65, 66, 100, 129]] = RNG.normal(size=(rows, 9))
    return array


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [3, 17, 40, 150])
def test_tables_of_numbers_and_categories(dtype: str, width: int, monkeypatch):
    x, t = table_like(230, dtype), RNG.normal(size=(230, 2)).astype(dtype)
    # 230 rows in batches of 50: the last is short.
    one, weights, batches = trained((x, t), 50, dtype, width=width, threads=1)
    two, same, _ = trained((x, t), 50, dtype, width=width, threads=2)
    sparse, again, _ = trained((scipy.sparse.csr_array(x), t), 50, dtype, width=width)
    assert batches._steps.sparse_inputs == (0,)
    assert one == two == sparse
    for a, b, c in zip(weights, same, again, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
    keep_all_whole(monkeypatch)
    whole, plain, _ = trained((x, t), 50, dtype, width=width)
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(one, whole, rtol=tolerance)
    for a, b in zip(weights, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("threads", [1, 2])
def test_several_products_of_one_table(threads: int):
    kind = DType.float64
    rng = np.random.default_rng(5)
    table, target = table_like(90, "float64"), rng.normal(size=(90, 1))
    results = []
    for backend in ("native", "reference"):
        x, t = placeholder((ROWS, 130), kind, "x"), placeholder((ROWS, 1), kind, "t")
        draw = np.random.default_rng(6)
        wide = variable(draw.normal(size=(130, 70)) / 9, kind)
        narrow = variable(draw.normal(size=(130, 20)) / 9, kind)
        bias = variable(draw.normal(size=(1, 70)), kind)
        parts = (tanh(x @ wide + bias), x @ narrow)
        output = sum(parts[0], [1], keepdims=True) + sum(parts[1], [1], keepdims=True)
        loss = mean((output - t) * (output - t))
        learned = (wide, narrow, bias)
        slopes = gradients(loss, learned)
        updates = tuple((p, p - s * 0.01) for p, s in zip(learned, slopes, strict=True))
        graph = Graph((x, t), (loss,), updates)
        data = {x: table, t: target}
        batches = Minibatches(graph, data, 32, backend=backend, threads=threads)
        losses = [batches.run(0, 3, {}) for _ in range(3)]
        results.append([np.array(losses), *(p.value for p in learned)])
    for native, plain in zip(*results, strict=True):
        np.testing.assert_allclose(native, plain, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (scipy.sparse.csr_array(np.eye(4)), ShapeError, "has the wrong shape"),
        (scipy.sparse.csr_array(np.eye(3, dtype=complex)), DTypeError, "does not hold numbers"),
        (scipy.sparse.csr_array(np.eye(3) * 1e300), DataError, "too large for float32"),
        # The fourth listed number stands in the third row.
        (
            scipy.sparse.csr_array([[1.0, 2.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 1e300]]),
            DataError,
            "1e.300 in row 2",
        ),
        (scipy.sparse.csr_array((0, 3)), ShapeError, "no rows"),
    ],
)
def test_sparse_rows_that_do_not_fit(given, error, text: str):
    x = placeholder((ROWS, 3), DType.float32, "x")
    run = function([x], x @ variable(np.eye(3, dtype=np.float32), DType.float32))
    with pytest.raises(error, match=text):
        run(given)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(30))
def test_random_graphs_with_sparse_rows(seed: int, dtype: str):
    tolerance = 2e-3 if dtype == "float32" else 1e-9
    results = []
    for backend in ("reference", "native"):
        case = random_case(seed, dtype, 14)
        rng = np.random.default_rng(seed)
        arrays = [_thinned(leaf, a, rng) for leaf, a in zip(case.graph.inputs, case.arrays)]
        run = function(case.graph.inputs, case.graph.outputs, case.graph.updates, backend)
        outputs = run(*arrays)
        results.append([*outputs, *(variable.value for variable, _ in case.graph.updates)])
    for plain, native in zip(*results, strict=True):
        np.testing.assert_allclose(native, plain, rtol=tolerance, atol=tolerance)


def _thinned(leaf, array: np.ndarray, rng: np.random.Generator):
    if leaf.rank != 2 or leaf.shape[0] is not None or not leaf.dtype.is_float:
        return array
    return scipy.sparse.csr_array(array * (rng.random(array.shape) < 0.4))
