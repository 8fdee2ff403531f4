import math

import numpy as np
import pytest

from quickprop.autodiff import gradients
from quickprop.errors import DataError, ShapeError
from quickprop.execution import function
from quickprop.graph import placeholder
from quickprop.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError

BACKENDS = ("reference", "native")


def loss_and_slope(loss, output, target, dtype="float32", backend="reference", weights=None):
    """The loss, and its derivative by the outputs."""
    output = np.asarray(output, dtype)
    width = output.shape[1]
    x, y = placeholder((None, width), dtype), loss.target_placeholder(width, x_dtype(dtype))
    factors = placeholder((None,), dtype) if weights is not None else None
    value = loss(x, y, factors)
    inputs = (x, y) if factors is None else (x, y, factors)
    run = function(inputs, [value, *gradients(value, [x])], backend=backend)
    arrays = [output, np.asarray(target), *([] if weights is None else [np.asarray(weights)])]
    got, slope = run(*arrays)
    return float(got), slope


def x_dtype(name):
    return placeholder((), name).dtype


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("output", "target", "expected"),
    [
        ([1e4, 0.0], 0, 0.0),
        ([1e4, 0.0], 1, 1e4),
        ([-1e4, 0.0], 0, 1e4),
        ([0.0, -1e4, 1e4], 1, 2e4),
        ([1e4, 1e4], 0, math.log(2)),
        ([-1e4, -1e4, -1e4], 2, math.log(3)),
        ([0.0, 0.0, 0.0, 0.0], 3, math.log(4)),
        ([1.0, 2.0], 0, math.log1p(math.e)),
    ],
)
def test_cross_entropy_values(output, target, expected, dtype, backend):
    value, slope = loss_and_slope(CrossEntropy(), [output], [target], dtype, backend)
    assert value == pytest.approx(expected, rel=3e-7 if dtype == "float32" else 1e-14, abs=0)
    assert np.isfinite(slope).all()
    # The derivative is softmax minus the one-hot row, and sums to 0.
    assert abs(slope.sum()) < 1e-6


def test_cross_entropy_slope_by_hand():
    # softmax(0, ln 3) = (1/4, 3/4), of two rows the mean: half of (-3/4, 3/4) and of (1/4, -1/4)
    _, slope = loss_and_slope(
        CrossEntropy(), [[0.0, math.log(3)], [0.0, math.log(3)]], [0, 1], "float64"
    )
    np.testing.assert_allclose(slope, [[-0.375, 0.375], [0.125, -0.125]], rtol=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("output", "target", "expected"),
    [
        (0.0, 1.0, math.log(2)),
        (1e4, 1.0, 0.0),
        (1e4, 0.0, 1e4),
        (-1e4, 1.0, 1e4),
        (-1e4, 0.0, 0.0),
        (2.0, 0.25, math.log1p(math.exp(2)) - 0.5),
    ],
)
def test_binary_cross_entropy_values(output, target, expected, backend):
    value, slope = loss_and_slope(
        BinaryCrossEntropy(), [[output]], np.float32([[target]]), backend=backend
    )
    assert value == pytest.approx(expected, rel=3e-7, abs=0)
    assert np.isfinite(slope).all()


def test_binary_cross_entropy_is_cross_entropy_with_a_second_logit_of_zero():
    f = np.linspace(-5, 5, 11)
    y = np.arange(11) % 2
    two = np.stack([np.zeros(11), f], axis=1)
    one, _ = loss_and_slope(BinaryCrossEntropy(), f[:, None], y[:, None].astype(float), "float64")
    assert one == pytest.approx(loss_and_slope(CrossEntropy(), two, y, "float64")[0], rel=1e-14)


def test_mean_squared_error_by_hand():
    # differences 1, -2, 0, 3: squares 1 + 4 + 0 + 9 = 14, over four numbers
    value, slope = loss_and_slope(
        MeanSquaredError(), [[1.0, 0.0], [2.0, 3.0]], [[0.0, 2.0], [2.0, 0.0]], "float64"
    )
    assert value == 3.5
    assert slope.tolist() == [[0.5, -1.0], [0.0, 1.5]]


@pytest.mark.parametrize("loss", [CrossEntropy(), MeanSquaredError(), BinaryCrossEntropy()])
def test_weights_count_rows(loss):
    # A row of weight 2 beside one of weight 0 is that row alone.
    output = [[0.3, -1.0], [0.5, 0.1]]
    target = [0, 1] if isinstance(loss, CrossEntropy) else [[0.0, 1.0], [1.0, 1.0]]
    both, _ = loss_and_slope(loss, output, target, "float64", weights=[2.0, 0.0])
    first, _ = loss_and_slope(loss, output[:1], target[:1], "float64")
    assert both == pytest.approx(first, rel=1e-14)


@pytest.mark.parametrize(
    ("loss", "width", "target", "error", "message"),
    [
        (CrossEntropy(), 1, [0, 1], ShapeError, "an output for each class.*BinaryCrossEntropy"),
        (CrossEntropy(), 3, [0, 3], DataError, "allowed: 0 to 2; given: 0 to 3.*width of 4"),
        (CrossEntropy(), 3, [-1, 2], DataError, "Count classes from 0"),
        (CrossEntropy(), 2, [0.0, 1.0], DataError, "whole numbers.*astype"),
        (CrossEntropy(), 2, [[0, 1]], ShapeError, "argmax"),
        (CrossEntropy(), 2, ["a", "b"], DataError, "does not hold numbers"),
        (MeanSquaredError(), 2, [1.0, 2.0], ShapeError, r"allowed: \[rows, 2\]; given: \[2\]"),
        (MeanSquaredError(), 1, [[1.0, 2.0]], ShapeError, "a width of 2"),
        (MeanSquaredError(), 1, [1.0, math.inf], DataError, "infinite.*given: inf in row 1"),
        (MeanSquaredError(), 3, [0, 1, 2], ShapeError, "CrossEntropy.. when these are class codes"),
        (BinaryCrossEntropy(), 1, [0.0, 2.0], DataError, "allowed: 0 to 1; given: 2.0 in row 1"),
    ],
)
def test_targets_that_do_not_fit(loss, width, target, error, message):
    with pytest.raises(error, match=message):
        loss.check_target(target, width, "target")


def test_a_column_may_be_given_as_a_row_of_numbers():
    assert MeanSquaredError().check_target([1, 2, 3], 1, "target").shape == (3, 1)
    assert CrossEntropy().check_target(np.array([True, False]), 2, "target").tolist() == [1, 0]
