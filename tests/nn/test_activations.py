import json
import math
from pathlib import Path

import numpy as np
import pytest

from module_beside import module_beside
from quickprop import ops
from quickprop.autodiff import gradients
from quickprop.errors import DTypeError, GraphError, SettingError
from quickprop.execution import function
from quickprop.graph import constant, placeholder, variable
from quickprop.losses import CrossEntropy
from quickprop.nn import (
    ACTIVATIONS,
    Activation,
    Dense,
    Network,
    PReLU,
)
from quickprop.train import fit

HERE = Path(__file__).parent
oracle = module_beside(__file__, "make_expected_activations")
EXPECTED = json.loads((HERE / "expected_activations.json").read_text())

BACKENDS = ("reference", "native")
DTYPES = ("float32", "float64")
#: Relative to 1 + |expected|; a few units in the last place of 1.
TOLERANCE = {"float32": 1e-6, "float64": 1e-14}
NO_TORCH = "compares with PyTorch itself, which is not installed; the stored numbers were compared"


def values_and_slopes(activation, rows, dtype, backend, upstream=1.0):
    """The results for rows of numbers, and the derivatives of their weighted sum."""
    rows = np.asarray(rows, dtype)
    x = placeholder((None, rows.shape[1]), dtype)
    y = activation(x)
    weighted = y if upstream == 1.0 else y * constant([upstream], dtype)
    run = function([x], [y, *gradients(ops.sum(weighted), [x])], backend=backend)
    return run(rows)


def assert_near(got, expected, dtype, tolerance=None):
    with np.errstate(over="ignore"):
        expected = np.asarray(expected).astype(dtype)
    tolerance = tolerance or TOLERANCE[dtype]
    np.testing.assert_allclose(got, expected, tolerance, tolerance)


def each_number(name):
    """The function of a case of `oracle`."""
    if name in oracle.WITH_PARAMETERS:
        kind, settings, _ = oracle.WITH_PARAMETERS[name]
        return lambda x: getattr(ops, kind)(x, **settings)
    return ACTIVATIONS[name].function


def test_every_activation_has_an_expected_value():
    by_hand = {"identity", "step", "swish"}
    assert set(ACTIVATIONS) == {*oracle.EACH_NUMBER, *oracle.WHOLE_VECTOR, *by_hand}
    assert ACTIVATIONS["swish"] is ACTIVATIONS["silu"]
    whole = {name for name, row in ACTIVATIONS.items() if not row.elementwise}
    assert whole == set(oracle.WHOLE_VECTOR)
    assert [name for name, row in ACTIVATIONS.items() if not row.trainable] == ["step"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*oracle.EACH_NUMBER, *oracle.WITH_PARAMETERS])
def test_values_and_slopes_are_those_of_pytorch(name, dtype, backend):
    # Several columns, so that compiled code works on vectors and on their padding.
    rows = np.repeat(np.asarray(oracle.POINTS)[:, None], 3, axis=1)
    values, slopes = values_and_slopes(each_number(name), rows, dtype, backend)
    expected = EXPECTED["each number"][name]
    assert (values == values[:, :1]).all()
    assert_near(values[:, 0], expected["values"], dtype)
    # PyTorch takes the sixth in the slope of its hard sigmoid as a float32.
    sixth = 1e-8 if name == "hard_sigmoid" and dtype == "float64" else None
    assert_near(slopes[:, 0], expected["slopes"], dtype, sixth)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", oracle.WHOLE_VECTOR)
def test_functions_of_the_whole_vector_are_those_of_pytorch(name, dtype, backend):
    values, slopes = values_and_slopes(
        ACTIVATIONS[name].function, oracle.ROWS, dtype, backend, oracle.UPSTREAM
    )
    expected = EXPECTED["whole vector"][name]
    assert_near(values, expected["values"], dtype)
    assert_near(slopes, expected["slopes"], dtype)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_prelu_is_that_of_pytorch(dtype, backend):
    network = Network([PReLU()], 3, dtype=dtype)
    assert network.parameters[0].value.tolist() == [0.25] * 3
    network.set_weights({"prelu1.slope": oracle.PRELU_SLOPES})
    y, wanted = network.output(), [*network.inputs, *network.parameters]
    run = function(network.inputs, [y, *gradients(ops.sum(y), wanted)], backend=backend)
    points = np.asarray(oracle.PRELU_POINTS, dtype)
    values, slopes, by_parameter = run(np.repeat(points[:, None], 3, axis=1))
    expected = EXPECTED["prelu"]
    assert_near(values, expected["values"], dtype)
    assert_near(slopes, expected["slopes"], dtype)
    assert_near(by_parameter, expected["by_parameter"], dtype)


def test_prelu_with_one_slope_for_all():
    network = Network([PReLU(per_channel=False, start=0.5)], 2, dtype="float64")
    # 0.5 * -3 = -1.5; the derivative by the slope is the sum of what is below zero: -3 - 1
    y = network.output()
    run = function(network.inputs, [y, *gradients(ops.sum(y), network.parameters)])
    values, by_slope = run([[-3.0, 2.0], [4.0, -1.0]])
    assert values.tolist() == [[-1.5, 2.0], [4.0, -0.5]]
    assert by_slope.tolist() == [-4.0]
    assert not network.penalised


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "far_below", "far_above"),
    [
        ("identity", -1e4, 1e4),
        ("step", 0.0, 1.0),
        ("sigmoid", 0.0, 1.0),
        ("hard_sigmoid", 0.0, 1.0),
        ("tanh", -1.0, 1.0),
        ("relu", 0.0, 1e4),
        ("relu6", 0.0, 6.0),
        ("elu", -1.0, 1e4),
        ("celu", -1.0, 1e4),
        ("gelu", 0.0, 1e4),
        ("gelu_tanh", 0.0, 1e4),
        ("silu", 0.0, 1e4),
        ("hard_swish", 0.0, 1e4),
        ("mish", 0.0, 1e4),
        ("softplus", 0.0, 1e4),
    ],
)
def test_limits_are_exact(name, far_below, far_above, dtype, backend):
    activation = ACTIVATIONS[name].function
    values, slopes = values_and_slopes(activation, [[-1e4, 1e4]], dtype, backend)
    assert values.tolist() == [[far_below, far_above]]
    # Flat, or the line through the origin.
    flat_above = far_above != 1e4
    flat_below = far_below != -1e4
    if name != "step":
        assert slopes.tolist() == [[0.0 if flat_below else 1.0, 0.0 if flat_above else 1.0]]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "exponential"])
def test_values_and_slopes_are_finite_everywhere(name, dtype, backend):
    powers = np.arange(-30.0, 31.0) if dtype == "float32" else np.arange(-150.0, 151.0, 5.0)
    sizes = np.append(10.0**powers, np.linspace(0.0, 120.0, 100))
    rows = np.stack([sizes, -sizes], axis=1)
    values, slopes = values_and_slopes(ACTIVATIONS[name].function, rows, dtype, backend)
    assert np.isfinite(values).all()
    assert np.isfinite(slopes).all()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_softplus_keeps_its_digits_far_below_zero(dtype, backend):
    # ln(1 + e) is e to the last digit when e is far below the spacing of numbers at 1.
    x = np.array([[-50.0, -40.0, -80.0]])
    values, slopes = values_and_slopes(ops.softplus, x, dtype, backend)
    np.testing.assert_allclose(values, np.exp(x), 1e-6 if dtype == "float32" else 1e-14)
    np.testing.assert_allclose(slopes, np.exp(x), 1e-6 if dtype == "float32" else 1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
def test_missing_numbers_stay_missing(backend):
    for name, row in ACTIVATIONS.items():
        values, _ = values_and_slopes(row.function, [[math.nan, 1.0]], "float32", backend)
        # A step asks whether a number is above 0, which one that is missing is not.
        assert math.isnan(values[0, 0]) == (name != "step"), name


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_compiled_is_as_the_reference(name, dtype):
    rows = np.random.default_rng(7).normal(0.0, 4.0, (61, 19))
    row = ACTIVATIONS[name]
    expected = values_and_slopes(row.function, rows, dtype, "reference")
    got = values_and_slopes(row.function, rows, dtype, "native")
    for one, other in zip(got, expected, strict=True):
        assert_near(one, other, dtype)


@pytest.mark.parametrize("name", [*oracle.EACH_NUMBER, *oracle.WITH_PARAMETERS])
def test_random_points_against_pytorch_itself(name):
    pytest.importorskip("torch", reason=NO_TORCH)
    rows = np.random.default_rng(11).normal(0.0, 5.0, (200, 5))
    kind, _, settings = oracle.WITH_PARAMETERS.get(name, (name, None, None))
    expected = oracle.torch_values(kind, rows.tolist(), settings)
    values, slopes = values_and_slopes(each_number(name), rows, "float64", "native")
    assert_near(values, expected["values"], "float64")
    assert_near(slopes, expected["slopes"], "float64", 1e-8 if name == "hard_sigmoid" else 2e-14)


def test_stored_numbers_are_those_of_pytorch():
    pytest.importorskip("torch", reason=NO_TORCH)
    now = oracle.document()
    for part in ("each number", "whole vector"):
        assert set(now[part]) == set(EXPECTED[part])
        for name, found in now[part].items():
            for what, numbers in found.items():
                np.testing.assert_allclose(numbers, EXPECTED[part][name][what], 1e-13, 1e-300)
    for what, numbers in now["prelu"].items():
        np.testing.assert_allclose(numbers, EXPECTED["prelu"][what], 1e-13)


def test_a_learned_slope_of_the_leaky_rectifier():
    # The parameters of the functions may be tensors: d/ds of s * -2 is -2, of s * 3 nothing.
    x, slope = placeholder((None, 2), "float64"), variable(0.5, "float64")
    y = ops.leaky_relu(x, slope)
    values, by_slope = function([x], [y, *gradients(ops.sum(y), [slope])])([[-2.0, 3.0]])
    assert values.tolist() == [[-1.0, 3.0]]
    assert by_slope == -2.0


# -- the step -------------------------------------------------------------------------------------


def test_a_network_of_steps_predicts():
    # Two neurons x > 1/2 and y > 1/2, and one that fires when both do.
    network = Network([Dense(2), Activation("step"), Dense(1), Activation("step")], 2)
    network.set_weights(
        {
            "dense1.weight": np.eye(2),
            "dense1.bias": [-0.5, -0.5],
            "dense2.weight": [[1.0], [1.0]],
            "dense2.bias": [-1.5],
        }
    )
    rows = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    for backend in BACKENDS:
        assert network.predict(rows, backend=backend).ravel().tolist() == [0.0, 0.0, 0.0, 1.0]


OF_TENSORS = [
    row.function
    for name, row in ACTIVATIONS.items()
    if row.elementwise and name not in ("identity", "swish")
]
STEP_MESSAGE = (
    "activation1: gradient descent cannot train through 'step': its gradient is zero everywhere"
    ".*Use 'sigmoid'.*Perceptron"
)


def test_training_through_a_step_is_refused():
    network = Network([Dense(2), Activation("step"), Dense(2)], 1)
    with pytest.raises(GraphError, match=STEP_MESSAGE):
        network.output(True)
    with pytest.raises(GraphError, match=STEP_MESSAGE):
        fit(network, [[0.0], [1.0]], [0, 1], loss=CrossEntropy(), epochs=1)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Activation("swich"), SettingError, "Did you mean 'swish'"),
        (lambda: Activation("prelu"), SettingError, "Did you mean 'relu'"),
        (lambda: PReLU(per_channel=3), SettingError, "PReLU.per_channel: .*True or False"),
        (lambda: PReLU(start=math.inf), SettingError, "PReLU.start"),
        (lambda: ops.celu(placeholder(()), 0.0), SettingError, "celu: alpha must be above 0"),
        (lambda: ops.celu(placeholder(()), -1), SettingError, "given: -1"),
        (lambda: ops.elu(placeholder(()), "1"), GraphError, "not a tensor.*given: str"),
        *((lambda f=f: f("a"), DTypeError, "not numbers") for f in OF_TENSORS),
    ],
)
def test_wrong_use(make, error, message):
    with pytest.raises(error, match=message):
        make()
