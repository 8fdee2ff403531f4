"""Windows that slide: worked by hand, against a plain loop, and refused where they do not fit."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickprop import ops
from quickprop.autodiff import gradients
from quickprop.errors import SettingError, ShapeError
from quickprop.execution import function
from quickprop.graph import placeholder, variable
from quickprop.losses import CrossEntropy, MeanSquaredError
from quickprop.nn import (
    Activation,
    AveragePool1D,
    AveragePool2D,
    Conv1D,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    MaxPool1D,
    MaxPool2D,
    Network,
    Reshape,
)
from quickprop.ops.sliding_windows import average_pool, convolve, max_pool, windows_over
from quickprop.optim import LBFGS
from quickprop.train import fit

BACKENDS = ("reference", "native")


def predicted(layer, rows, weights=None, backend="native"):
    rows = np.asarray(rows, "float64")
    network = Network([layer], rows.shape[1:], dtype="float64")
    if weights:
        network.set_weights(weights)
    return network.predict(rows, backend=backend)


# -- by hand --------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_convolution_along_a_line_by_hand(backend):
    weights = {"conv1d1.weight": [[[1.0]], [[-2.0]]], "conv1d1.bias": [10.0]}
    rows = [[[1.0], [2.0], [5.0], [3.0]]]
    # 1 - 2*2 + 10 = 7; 2 - 2*5 + 10 = 2; 5 - 2*3 + 10 = 9
    assert predicted(Conv1D(1, 2), rows, weights, backend).ravel().tolist() == [7.0, 2.0, 9.0]
    # "same" with 2 taps puts its one zero behind: 3 - 2*0 + 10 = 13
    same = predicted(Conv1D(1, 2, padding="same"), rows, weights, backend)
    assert same.ravel().tolist() == [7.0, 2.0, 9.0, 13.0]
    # taps 2 apart: 1 - 2*5 + 10 = 1; 2 - 2*3 + 10 = 6
    far = predicted(Conv1D(1, 2, dilation=2), rows, weights, backend)
    assert far.ravel().tolist() == [1.0, 6.0]
    # windows 2 apart: the first and the third of those above
    apart = predicted(Conv1D(1, 2, stride=2), rows, weights, backend)
    assert apart.ravel().tolist() == [7.0, 9.0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_pooling_by_hand(backend):
    image = np.arange(12.0).reshape(1, 3, 4, 1)  # 0 1 2 3 / 4 5 6 7 / 8 9 10 11
    assert predicted(MaxPool2D(2), image, None, backend).ravel().tolist() == [5.0, 7.0]
    assert predicted(AveragePool2D(2), image, None, backend).ravel().tolist() == [2.5, 4.5]
    # Windows 2 apart over a border of 1: what lies beyond never is the largest, here negative.
    largest = predicted(MaxPool2D(2, padding=1), image - 20.0, None, backend)
    assert largest.ravel().tolist() == [-20.0, -18.0, -17.0, -12.0, -10.0, -9.0]
    # It counts as zero in the mean: 0/4, (1 + 2)/4, 3/4; (4 + 8)/4, (5+6+9+10)/4, (7 + 11)/4
    means = predicted(AveragePool2D(2, padding=1), image, None, backend)
    assert means.ravel().tolist() == [0.0, 0.75, 0.75, 3.0, 7.5, 4.5]
    assert predicted(GlobalMaxPool(), image, None, backend).tolist() == [[11.0]]
    assert predicted(GlobalAveragePool(), image, None, backend).tolist() == [[5.5]]


@pytest.mark.parametrize("backend", BACKENDS)
def test_ties_share_the_derivative(backend):
    x = placeholder((None, 4, 1), "float64")
    slope = gradients(ops.sum(max_pool(x, 2)), [x])
    run = function([x], slope, backend=backend)
    # The first window holds 3 twice, the second 1 and 2.
    (got,) = run([[[3.0], [3.0], [1.0], [2.0]]])
    assert got.ravel().tolist() == [0.5, 0.5, 0.0, 1.0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_window_wholly_beyond_the_ends(backend):
    # A border of 3 around 2 numbers: windows of 2 at -3 and at 3 see nothing of them.
    x = placeholder((None, 2, 1), "float64")
    y = convolve(x, variable([[[1.0]], [[1.0]]], "float64"), padding=3)
    run = function([x], [y, *gradients(ops.sum(y), [x])], backend=backend)
    values, slope = run([[[5.0], [7.0]]])
    assert values.ravel().tolist() == [0.0, 0.0, 5.0, 12.0, 7.0, 0.0, 0.0]
    assert slope.ravel().tolist() == [2.0, 2.0]


def test_flatten_and_reshape_keep_the_order():
    image = np.arange(24.0).reshape(2, 2, 3, 2)
    assert predicted(Flatten(), image).tolist() == image.reshape(2, 12).tolist()
    assert predicted(Reshape((3, 4)), image).tolist() == image.reshape(2, 3, 4).tolist()


# -- against a loop -------------------------------------------------------------------------------


def slid(x, kernel, stride, before, after, dilation, groups):
    """The definition, number by number."""
    x = np.pad(x, [(0, 0), *zip(before, after, strict=True), (0, 0)])
    *sizes, depth, filters = kernel.shape
    counts = [
        (n - (k - 1) * d - 1) // s + 1
        for n, k, d, s in zip(x.shape[1:-1], sizes, dilation, stride, strict=True)
    ]
    y = np.zeros((len(x), *counts, filters))
    for at in itertools.product(*map(range, counts)):
        for f in range(filters):
            group = f // (filters // groups)
            for place in itertools.product(*map(range, sizes)):
                where = tuple(
                    a * s + p * d for a, s, p, d in zip(at, stride, place, dilation, strict=True)
                )
                part = x[(slice(None), *where, slice(group * depth, (group + 1) * depth))]
                y[(slice(None), *at, f)] += part @ kernel[(*place, slice(None), f)]
    return y


@st.composite
def convolutions(draw):
    axes = draw(st.integers(1, 2))
    pick = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(axes))  # noqa: E731
    size, dilation, stride = pick(1, 3), pick(1, 2), pick(1, 3)
    padding = draw(st.one_of(st.sampled_from(["valid", "same"]), st.just(pick(0, 3))))
    room = 0 if isinstance(padding, str) else min(padding)
    lengths = tuple(
        draw(st.integers(max(1, (k - 1) * d + 1 - 2 * room), 6))
        for k, d in zip(size, dilation, strict=True)
    )
    groups = draw(st.integers(1, 3))
    return {
        "rows": draw(st.integers(1, 3)),
        "lengths": lengths,
        "size": size,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "channels": groups * draw(st.integers(1, 3)),
        "filters": groups * draw(st.integers(1, 3)),
    }


@settings(max_examples=25, deadline=None, derandomize=True)
@given(convolutions())
def test_any_convolution_is_the_loop(case):
    rng = np.random.default_rng(0)
    lengths, groups = case["lengths"], case["groups"]
    x = rng.normal(size=(case["rows"], *lengths, case["channels"]))
    kernel = rng.normal(size=(*case["size"], case["channels"] // groups, case["filters"]))
    how = (case["stride"], case["padding"], case["dilation"])
    windows = windows_over(lengths, case["size"], *how)
    if case["padding"] == "same":
        expected = [math.ceil(n / s) for n, s in zip(lengths, case["stride"], strict=True)]
        assert list(windows.counts(lengths)) == expected
    leaf = placeholder((None, *x.shape[1:]), "float64")
    y = convolve(leaf, variable(kernel, "float64"), *how, groups)
    expected = slid(
        x, kernel, case["stride"], windows.before, windows.after, case["dilation"], groups
    )
    for backend in BACKENDS:
        got = function([leaf], y, backend=backend)(x)
        np.testing.assert_allclose(got, expected, 1e-12, 1e-12)


@pytest.mark.parametrize("channels", [1, 2, 3, 16, 17, 33])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_number_of_channels_compiles_right(channels, dtype):
    # Lines of 1 to 33 numbers: with padding, without, and longer than a vector.
    layers = [
        Conv2D(channels, 3, padding=1),
        MaxPool2D(2),
        Conv2D(channels + 1, (1, 2), stride=(1, 2), padding=(0, 1)),
        AveragePool2D(2, padding="same"),
        Flatten(),
        Dense(1),
    ]
    network = Network(layers, (6, 5, channels), dtype=dtype)
    x = np.random.default_rng(0).normal(size=(5, 6, 5, channels))
    y = ops.sum(ops.square(network.output()))
    wanted = [y, *gradients(y, [*network.inputs, *network.parameters])]
    reference, native = (function(network.inputs, wanted, backend=b)(x) for b in BACKENDS)
    tolerance = 2e-4 if dtype == "float32" else 1e-11
    for mine, other in zip(native, reference, strict=True):
        np.testing.assert_allclose(mine, other, tolerance, tolerance)


# -- learning -------------------------------------------------------------------------------------


def test_a_convolution_finds_the_kernel_it_was_made_with():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 6, 6, 1))
    kernel = np.array([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])
    y = slid(x, kernel[..., None, None], (1, 1), (0, 0), (0, 0), (1, 1), 1).reshape(64, 16)
    network = Network([Conv2D(1, 3), Flatten()], (6, 6, 1), dtype="float64")
    # By least squares: L-BFGS is there in a few steps.
    fit(network, x, y, loss=MeanSquaredError(), optimizer=LBFGS(), epochs=50)
    found = network.weights()["conv2d1.weight"][..., 0, 0]
    np.testing.assert_allclose(found, kernel, atol=1e-4)


def test_where_a_stroke_is_does_not_matter_behind_a_global_pooling():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 128)
    images = rng.normal(0, 0.1, (128, 9, 9, 1))
    for image, label, place in zip(images, labels, rng.integers(1, 6, (128, 2)), strict=True):
        row, column = place
        if label:
            image[row : row + 3, column] = 1.0
        else:
            image[row, column : column + 3] = 1.0
    network = Network(
        [Conv2D(4, 3), Activation("relu"), GlobalMaxPool(), Dense(2)], (9, 9, 1), seed=1
    )
    part = slice(0, 96)
    fit(network, images[part], labels[part], loss=CrossEntropy(), epochs=60, batch_size=16)
    assert (network.predict(images[96:]).argmax(1) == labels[96:]).mean() > 0.9


# -- wrong use ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2D(0, 3), "Conv2D.filters: .*from 1 to 65536; given: 0"),
        (lambda: Conv2D(3), "size"),
        (lambda: Conv2D(3, 0), r"Conv2D.size: .*at least 1|Conv2D.size: .*list of 2"),
        (lambda: Conv2D(3, (3, 3, 3)), r"Conv2D.size: .*or a list of 2; given: \(3, 3, 3\)"),
        (lambda: Conv2D(3, 2.5), "Conv2D.size"),
        (lambda: Conv2D(3, True), "Conv2D.size"),
        (lambda: Conv2D(3, "3"), "Conv2D.size"),
        (lambda: Conv1D(3, 3, stride=0), "Conv1D.stride"),
        (lambda: Conv1D(3, 3, padding="full"), "Conv1D.padding: .*valid, same, .*given: 'full'"),
        (lambda: Conv1D(3, 3, padding=-1), "Conv1D.padding: .*at least 0"),
        (lambda: Conv1D(3, 3, padding=None), "Conv1D.padding"),
        (lambda: Conv1D(3, 3, dilation=0), "Conv1D.dilation"),
        (lambda: Conv1D(3, 3, groups=0), "Conv1D.groups"),
        (lambda: Conv1D(3, 3, bias=0), "Conv1D.bias: .*True or False"),
        (lambda: Conv1D(3, 3, initializer="hee"), r"Conv1D.initializer: .*HeNormal\(\)"),
        (lambda: MaxPool1D(0), "MaxPool1D.size"),
        (lambda: MaxPool2D(2, stride=0), "MaxPool2D.stride: .*None"),
        (lambda: AveragePool1D(2, padding="SAME"), "AveragePool1D.padding"),
        (lambda: AveragePool2D((2,)), "AveragePool2D.size"),
        (lambda: Reshape(()), "Reshape.shape"),
        (lambda: Reshape((2, 0)), "Reshape.shape"),
        (lambda: Reshape("28"), "Reshape.shape"),
    ],
)
def test_settings_outside_what_is_allowed(make, message):
    with pytest.raises((SettingError, TypeError), match=message):
        make()


@pytest.mark.parametrize(
    ("layers", "shape", "message"),
    [
        ([Conv2D(3, 3)], (28, 28), r"conv2d1: Conv2D needs other rows .*\(height, width, channels\)"
         r"; given: \(28, 28\)\)\. Put a Reshape"),
        ([Conv2D(3, 3)], 784, "conv2d1: Conv2D needs other rows"),
        ([Conv1D(3, 3)], (8, 8, 1), r"conv1d1: Conv1D needs other rows .*\(length, channels\)"),
        ([Conv1D(3, 9)], (8, 1), r"conv1d1: a window is longer than what it slides over"),
        ([Conv1D(3, 5, dilation=2)], (8, 1), r'a smaller size, or padding="same"|A smaller size'),
        ([Conv2D(3, 3, groups=2)], (8, 8, 3), "the groups do not divide .*divisors of 3 and 3"),
        ([Conv2D(4, 3, groups=2)], (8, 8, 3), "the groups do not divide .*divisors of 3 and 4"),
        ([MaxPool2D(9)], (8, 8, 3), "maxpool2d1: a window is longer"),
        ([MaxPool2D(2, padding=2)], (8, 8, 3), "maxpool2d1: a window of a pooling sees"),
        ([AveragePool1D(3, stride=4, padding=3)], (8, 3), "size 3, padding 3, on 8 .*Less padding"),
        ([MaxPool1D(2)], (8, 8, 3), "maxpool1d1: MaxPool1D needs other rows"),
        ([AveragePool2D(2)], 64, "averagepool2d1: AveragePool2D needs other rows"),
        ([GlobalMaxPool()], 64, r"globalmaxpool1: GlobalMaxPool needs other rows"),
        ([GlobalAveragePool()], 64, r"globalaveragepool1: .*\(lengths..., channels\)"),
        ([Reshape((3, 3))], 8, r"reshape1: the number of elements changes .*shapes of 8 numbers"),
        ([Conv2D(2, 3), Dense(3)], (8, 8, 1), r"dense1: .*rows that are vectors"),
    ],
)  # fmt: skip
def test_rows_that_do_not_fit(layers, shape, message):
    with pytest.raises(ShapeError, match=message):
        Network(layers, shape)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, k: convolve(x, k, stride=(1, 1)), "not a number for each axis"),
        (lambda x, k: convolve(x, k, groups=3), "the kernel does not fit"),
        (lambda x, k: convolve(x[:, 0], k), "an axis between rows and channels"),
        (lambda x, k: max_pool(x[:, 0], 2), "an axis between rows and channels"),
        (lambda x, k: max_pool(x, 9), "a window is longer"),
        (lambda x, k: max_pool(x[:, :1], 2, 1, "same", 2), "sees nothing but what lies beyond"),
        (lambda x, k: average_pool(x, (2, 2)), "not a number for each axis"),
    ],
)
def test_functions_refuse_what_does_not_fit(call, message):
    x, kernel = placeholder((None, 6, 2)), variable(np.ones((3, 2, 4)))
    with pytest.raises(ShapeError, match=message):
        call(x, kernel)
