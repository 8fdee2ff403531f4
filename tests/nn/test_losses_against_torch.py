"""Losses and their derivatives are those of PyTorch, stored and live."""

import json
from pathlib import Path

import numpy as np
import pytest

from module_beside import module_beside
from quickprop.autodiff import gradients
from quickprop.execution import function
from quickprop.foundation.settings import from_document
from quickprop.graph import placeholder
from quickprop.losses import LOSSES

HERE = Path(__file__).parent
CASES = json.loads((HERE / "expected_losses.json").read_text())["cases"]


@pytest.mark.parametrize("backend", ["reference", "native"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 3e-6)])
@pytest.mark.parametrize("name", CASES)
def test_values_and_slopes(name, dtype, tolerance, backend):
    case = CASES[name]
    loss = from_document(case["loss"], LOSSES, "loss")
    output = np.array(case["output"], dtype)
    width = output.shape[1]
    x = placeholder((None, width), dtype)
    y = loss.target_placeholder(width, x.dtype)
    target = loss.check_target(case["target"], width, "target").astype(y.dtype.value)
    value = loss(x, y)
    got, slopes = function((x, y), [value, *gradients(value, [x])], backend=backend)(output, target)
    np.testing.assert_allclose(got, case["value"], rtol=tolerance)
    expected = np.array(case["slopes"])
    np.testing.assert_allclose(
        slopes, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max()
    )


def test_the_stored_numbers_are_those_of_this_pytorch():
    pytest.importorskip("torch", reason="PyTorch is not installed; the stored numbers stand for it")
    make = module_beside(__file__, "make_expected_losses")
    assert list(make.CASES) == list(CASES)
    for name, case in CASES.items():
        live = make.computed(name)
        assert {key: live[key] for key in ("loss", "output", "target")} == {
            key: case[key] for key in ("loss", "output", "target")
        }
        np.testing.assert_allclose(live["value"], case["value"], rtol=1e-13)
        np.testing.assert_allclose(live["slopes"], case["slopes"], rtol=1e-10, atol=1e-15)
