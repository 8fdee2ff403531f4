"""Every layer's result, and its derivatives by every source and parameter, are PyTorch's."""

import json
from pathlib import Path

import numpy as np
import pytest

from module_beside import module_beside
from quickprop import ops
from quickprop.autodiff import gradients
from quickprop.execution import function
from quickprop.graph import placeholder

HERE = Path(__file__).parent
oracle = module_beside(__file__, "make_expected_layers")
EXPECTED = json.loads((HERE / "expected_layers.json").read_text())

BACKENDS = ("reference", "native")
#: Relative to 1 + |expected|. The stored numbers have nine digits.
TOLERANCE = {"float32": 2e-5, "float64": 1e-8}
#: Against PyTorch itself, in float64.
EXACT = 1e-12
NO_TORCH = "compares with PyTorch itself, which is not installed; the stored numbers were compared"


def compiled(case, dtype, backend):
    """From a number of rows to the result and its derivatives by sources and parameters."""
    network = oracle.network_of(case, dtype)
    given = oracle.parameters_of(oracle.shapes_of(network), case.scale)
    network.set_weights({f"layer.{name}": value for name, value in given.items()})
    y = network.output()
    upstream = placeholder(y.shape, y.dtype)
    wanted = [x for x in network.inputs if x.dtype.is_float]
    learned = {str(p.name).removeprefix("layer."): p for p in network.parameters}
    slopes = gradients(ops.sum(y * upstream), [*wanted, *learned.values()])
    run = function([*network.inputs, upstream], [y, *slopes], backend=backend)

    def call(rows=oracle.ROWS):
        factors = oracle.numbers((rows, *network.layers[-1].output_shape), 5.0)
        result, *found = run(*oracle.sources_of(case, rows), factors)
        return {
            "result": result,
            "by_source": found[: len(wanted)],
            "by_parameter": dict(zip(learned, found[len(wanted) :], strict=True)),
        }

    return call


def pairs(got, expected):
    """Arrays of one name on both sides."""
    yield "result", got["result"], expected["result"]
    for k, (mine, other) in enumerate(zip(got["by_source"], expected["by_source"], strict=True)):
        yield f"by source {k}", mine, other
    assert set(got["by_parameter"]) == set(expected["by_parameter"])
    for name, mine in got["by_parameter"].items():
        yield f"by {name}", mine, expected["by_parameter"][name]


def assert_near(got, expected, tolerance):
    for name, mine, other in pairs(got, expected):
        other = np.reshape(other, mine.shape)
        np.testing.assert_allclose(mine, other, tolerance, tolerance, err_msg=name)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", oracle.CASES)
def test_values_and_slopes_are_those_of_pytorch(name, dtype, backend):
    got = compiled(oracle.CASES[name], dtype, backend)()
    assert got["result"].dtype == dtype
    assert_near(got, EXPECTED["cases"][name], TOLERANCE[dtype])


@pytest.mark.parametrize("name", oracle.CASES)
def test_pytorch_itself_gives_these_numbers(name):
    pytest.importorskip("torch", reason=NO_TORCH)
    case = oracle.CASES[name]
    expected = oracle.torch_values(case)
    assert_near(compiled(case, "float64", "native")(), expected, EXACT)
    assert expected["result"].ravel() == pytest.approx(EXPECTED["cases"][name]["result"], abs=1e-8)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", oracle.CASES)
def test_compiled_code_gives_what_the_reference_gives(name, dtype):
    case = oracle.CASES[name]
    reference, native = (compiled(case, dtype, backend) for backend in BACKENDS)
    for rows in (1, 7, 300):
        # Sums over 300 rows grow, and so does what rounding leaves.
        tolerance = {"float32": 1e-5, "float64": 1e-12}[dtype] * max(1, rows // 10)
        assert_near(native(rows), reference(rows), tolerance)
