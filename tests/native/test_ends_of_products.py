"""What is fused to the end of a product reads the right lines, whatever axes they repeat over."""

import numpy as np
import pytest

from quickprop import ops
from quickprop.execution import function
from quickprop.graph import constant, matmul, placeholder

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
