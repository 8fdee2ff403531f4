"""What is fused to the end of a product reads the right lines, whatever axes they repeat over."""

import dataclasses

import numpy as np
import pytest

from quickprop import ops
from quickprop.execution import function
from quickprop.graph import constant, matmul, placeholder
from quickprop.native import jit

SHAPES = [
    ((None, 4, 3), (None, 4, 3)),
    ((None, 4, 3), (None, 4, 1)),
    ((None, 4, 3), (None, 1, 3)),
    ((None, 4, 3), (None, 1, 1)),
    ((None, 4, 3), (1, 4, 3)),
    ((None, 4, 3), (1, 1, 3)),
    ((None, 4, 3), (1, 4, 1)),
    ((None, 2, 4, 3), (None, 2, 1, 3)),
    ((None, 2, 4, 3), (None, 1, 4, 3)),
    ((None, 2, 4, 3), (None, 1, 1, 3)),
    ((None, 2, 4, 3), (1, 2, 1, 1)),
]


@pytest.mark.parametrize("rows", [1, 2, 40])
@pytest.mark.parametrize(("shape", "other"), SHAPES)
def test_factors_that_repeat(shape, other, rows):
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(3, 3))
    x, z = (rng.normal(size=(rows, *shape[1:])), rng.normal(size=(other[0] or rows, *other[1:])))
    given = [placeholder(shape, "float64")]
    arrays = [x]
    if other[0] is None:
        given.append(placeholder(other, "float64"))
        arrays.append(z)
        factor = given[1]
    else:
        factor = constant(z, "float64")
    y = ops.tanh(matmul(given[0], constant(matrix, "float64")) * factor)
    run = function(given, [y, ops.sum(y, 0)], backend="native")
    expected = np.tanh(x @ matrix * z)
    result, total = run(*arrays)
    np.testing.assert_allclose(result, expected, 1e-12, 1e-12)
    np.testing.assert_allclose(total, expected.sum(0), 1e-11, 1e-11)


@pytest.mark.usefixtures("working_memory_full_of_nan")
@pytest.mark.parametrize("vector_bytes", [64, 32, 16])
@pytest.mark.parametrize("width", [3, 9, 10, 12, 20, 50])
def test_the_padding_of_results_and_of_their_sums_is_zero(width, vector_bytes, monkeypatch):
    # Vectors that would hold nothing but padding are not computed: it is zeroed apart.
    other = dataclasses.replace(jit.host_machine(), vector_bytes=vector_bytes)
    monkeypatch.setattr(jit, "host_machine", lambda: other)
    rng = np.random.default_rng(width)
    rows, matrix = rng.normal(size=(30, 4)), rng.normal(size=(4, width))
    x = placeholder((None, 4), "float64")
    y = ops.relu(matmul(x, constant(matrix, "float64")))
    total, largest = ops.sum(y, 0), ops.max(y, 0)
    # Each is read in another kernel, padding and all.
    outputs = [ops.sum(y * ops.sum(total)), ops.sum(total * total), ops.sum(largest * largest)]
    expected = np.maximum(rows @ matrix, 0)
    sums = expected.sum(0)
    for found, wanted in zip(
        function([x], outputs, backend="native")(rows),
        [expected.sum() * sums.sum(), (sums**2).sum(), (expected.max(0) ** 2).sum()],
        strict=True,
    ):
        np.testing.assert_allclose(found, wanted, 1e-12)
