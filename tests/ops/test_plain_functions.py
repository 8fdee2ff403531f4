import math

import numpy as np
import pytest

from quickprop.errors import DataError, DTypeError, SettingError, ShapeError
from quickprop.execution import function
from quickprop.graph import Tensor, placeholder
from quickprop.ops import from_one_hot, log_softmax, one_hot, softmax

BACKENDS = ("reference", "native")

# -- softmax --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ([1e4, -1e4], [1.0, 0.0]),
        ([-1e4, -1e4], [0.5, 0.5]),
        ([1e4, 1e4, 1e4, 1e4], [0.25, 0.25, 0.25, 0.25]),
        ([1e4, 0.0, -1e4], [1.0, 0.0, 0.0]),
        ([0.0], [1.0]),
    ],
)
def test_softmax_is_exact_for_large_logits(logits, expected, dtype):
    found = softmax(np.array([logits], dtype))
    assert found.dtype == dtype
    assert found.tolist() == [expected]
    x = placeholder((None, len(logits)), dtype)
    for backend in BACKENDS:
        run = function([x], softmax(x), backend=backend)
        assert run(np.array([logits], dtype)).tolist() == [expected]


def test_softmax_by_hand():
    # e^0, e^ln2, e^ln5 are 1, 2, 5: over their sum 8
    np.testing.assert_allclose(
        softmax([0.0, math.log(2.0), math.log(5.0)]), [0.125, 0.25, 0.625], rtol=1e-15
    )
    np.testing.assert_allclose(
        log_softmax([[0.0, math.log(3.0)]]), [[-math.log(4.0), math.log(0.75)]], rtol=1e-15
    )
    assert log_softmax([1e4, -1e4]).tolist() == [0.0, -2e4]


def test_softmax_along_another_axis():
    x = np.random.default_rng(0).normal(size=(4, 3, 5))
    for axis in (0, 1, 2, -2, np.int64(1)):
        e = np.exp(x)
        np.testing.assert_allclose(softmax(x, axis), e / e.sum(axis, keepdims=True), 1e-14)


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        ([1, 2], "float64"),
        ([True, False], "float64"),
        ((0.5, 1.0), "float64"),
        (np.float16([1, 2]), "float64"),
        (np.float32([1, 2]), "float32"),
        (np.zeros((0, 3)), "float64"),
        (np.zeros((0, 3), np.float32), "float32"),
    ],
)
def test_numbers_of_any_type(given, dtype):
    found = softmax(given)
    assert type(found) is np.ndarray
    assert found.dtype == dtype
    assert found.shape == np.shape(given)


def test_the_argument_is_left_alone_and_the_result_is_writable():
    x = np.array([1.0, 2.0])
    y = softmax(x)
    y[0] = 7.0
    assert x.tolist() == [1.0, 2.0]


def test_a_missing_number_makes_its_row_missing():
    found = softmax([[math.nan, 1.0], [0.0, 0.0]])
    assert np.isnan(found[0]).all()
    assert found[1].tolist() == [0.5, 0.5]


# -- one-hot --------------------------------------------------------------------------------------


def test_one_hot_by_hand():
    assert one_hot([0, 2, 1]).tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert one_hot([1, 0], 4).tolist() == [[0, 1, 0, 0], [1, 0, 0, 0]]
    assert one_hot(2, 3).tolist() == [0, 0, 1]
    assert one_hot([True, False]).tolist() == [[0, 1], [1, 0]]
    assert one_hot([[0], [1]]).tolist() == [[[1, 0]], [[0, 1]]]
    assert one_hot([], 3).shape == (0, 3)
    assert one_hot([0]).dtype == np.float32
    assert one_hot(np.uint8([0]), dtype="float64").dtype == np.float64


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_hot_and_back_as_graph(backend):
    labels = np.random.default_rng(1).integers(0, 5, 40).astype(np.int32)
    index = placeholder((None,), "int32")
    rows = one_hot(index, 5)
    assert isinstance(rows, Tensor)
    found, back = function([index], [rows, from_one_hot(rows)], backend=backend)(labels)
    assert (found == one_hot(labels, 5)).all()
    assert back.dtype == np.int32
    assert (back == labels).all()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_the_place_of_the_largest_as_graph(dtype, backend):
    # Small whole numbers: many rows have ties, of which the first counts.
    rows = np.random.default_rng(2).integers(-3, 4, (50, 6)).astype(dtype)
    x = placeholder((None, 6), dtype)
    found = function([x], from_one_hot(x), backend=backend)(rows)
    assert (found == rows.argmax(axis=1)).all()
    assert (from_one_hot(rows, probabilities=True) == found).all()


def test_from_one_hot_by_hand():
    codes = from_one_hot([[0, 0, 1], [1, 0, 0]])
    assert codes.tolist() == [2, 0]
    assert codes.dtype == np.int32
    assert from_one_hot([[True, False]]).tolist() == [0]
    assert from_one_hot([0.0, 1.0]) == 1
    assert from_one_hot(np.zeros((0, 3))).shape == (0,)
    assert from_one_hot([[0.1, 0.7, 0.2], [0.5, 0.5, 0.0]], probabilities=True).tolist() == [1, 0]


def test_there_and_back():
    labels = np.random.default_rng(3).integers(0, 7, (4, 9))
    assert (from_one_hot(one_hot(labels)) == labels).all()


INDEX = placeholder((None,), "int32")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: softmax("a"), DTypeError, "softmax: not numbers .*given: str of type"),
        (lambda: softmax(None), DTypeError, "given: NoneType"),
        (lambda: softmax([1j]), DTypeError, "complex128"),
        (lambda: softmax([[1], [2, 3]]), ShapeError, "softmax: not an array"),
        (lambda: softmax(3.0), ShapeError, "a single number is no vector"),
        (lambda: softmax([1.0, 2.0], 1), ShapeError, "no such axis .*-1 to 0; given: 1"),
        (lambda: softmax([1.0, 2.0], "last"), ShapeError, "an axis is a whole number"),
        (lambda: log_softmax("a"), DTypeError, "log_softmax: not numbers"),
        (lambda: one_hot(["cat"]), DTypeError, "Turn names into codes: numpy.unique"),
        (lambda: one_hot([0, 1, 3], 3), DataError, "row 2: .*allowed: 0 to 2; given: 3"),
        (lambda: one_hot([0, -1]), DataError, "row 1: .*allowed: 0 to 0; given: -1"),
        (lambda: one_hot([-1]), DataError, "row 0: .*allowed: 0 or more; given: -1"),
        (lambda: one_hot([[0, 1], [2, 5]], 3), DataError, "row 1, 1: .*given: 5"),
        (lambda: one_hot(7, 3), DataError, "the only row: .*given: 7"),
        (lambda: one_hot([0.0, 1.0]), DataError, "whole numbers .*float64.*astype"),
        (lambda: one_hot([1.0, math.nan]), DataError, "whole numbers"),
        (lambda: one_hot([0, 10**12]), DataError, "row 1: a label too large.*given: 10+"),
        (lambda: one_hot([]), DataError, "Give the number of classes"),
        (lambda: one_hot([0], 0), SettingError, "one_hot.classes: .*1 to 16777216; given: 0"),
        (lambda: one_hot([0], 2.0), SettingError, "given: 2.0"),
        (lambda: one_hot([0], True), SettingError, "given: True"),
        (lambda: one_hot([0], 2, "float16"), SettingError, "dtype: unknown name"),
        (lambda: one_hot(INDEX), SettingError, "the number of classes must be given"),
        (lambda: from_one_hot([[0, 1], [1, 1]]), DataError, r"row 1: .*given: \[1, 1\]"),
        (lambda: from_one_hot([[0, 1], [0, 0]]), DataError, r"row 1: .*not one-hot.*\[0, 0\]"),
        (lambda: from_one_hot([[0.5, 0.5]]), DataError, "row 0: .*For probabilities"),
        (lambda: from_one_hot([[0, -1]]), DataError, "a single 1, and 0 everywhere else"),
        (lambda: from_one_hot([[math.nan, 1]]), DataError, "row 0: a row that is not one-hot"),
        (lambda: from_one_hot([[1, 0], [math.nan, 1]], True), DataError, "row 1: .*missing"),
        (lambda: from_one_hot("abc"), DTypeError, "from_one_hot: not numbers"),
        (lambda: from_one_hot(3), ShapeError, "no axis of classes .*a single number"),
        (lambda: from_one_hot([[]]), ShapeError, "no axis of classes"),
        (lambda: from_one_hot(INDEX), ShapeError, r"no axis of classes .*given: \[rows\]"),
    ],
)
def test_wrong_use(call, error, message):
    with pytest.raises(error, match=message):
        call()
