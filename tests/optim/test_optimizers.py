import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from quickprop.autodiff import gradients
from quickprop.errors import SettingError
from quickprop.execution import function
from quickprop.graph import constant, placeholder, variable
from quickprop.nn.component import from_document
from quickprop.ops.elementary import sum
from quickprop.optim import OPTIMIZERS, SGD, Adam, AdamW

HERE = Path(__file__).parent
_SPEC = importlib.util.spec_from_file_location("expected_steps", HERE / "make_expected_steps.py")
stored = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(stored)
EXPECTED = json.loads((HERE / "expected_steps.json").read_text())["steps"]


class Descent:
    """An optimizer at work on ``sum(scale * (w - goal)**2) / 2``."""

    def __init__(self, optimizer, dtype="float64", backend="reference"):
        self.w = variable(stored.START, dtype, "w")
        difference = self.w - constant(stored.GOAL, dtype)
        loss = sum(constant(stored.SCALE, dtype) * difference * difference) * 0.5
        rate = placeholder((), dtype, "rate")
        step = variable(0, "int32", "step")
        self.updates = optimizer.updates([self.w], gradients(loss, [self.w]), rate, step)
        self.rate = optimizer.learning_rate
        self.run = function([rate], loss, self.updates, backend=backend)
        self.dtype = dtype

    def step(self, rate=None):
        return float(self.run(np.asarray(self.rate if rate is None else rate, self.dtype)))


@pytest.mark.parametrize("backend", ["reference", "native"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", stored.CASES)
def test_ten_steps_are_those_of_pytorch(case, dtype, backend):
    kind, settings, _, _ = stored.CASES[case]
    descent = Descent(OPTIMIZERS[kind](**settings), dtype, backend)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    for expected in EXPECTED[case]:
        descent.step()
        np.testing.assert_allclose(descent.w.value, expected, tolerance, tolerance)


@pytest.mark.filterwarnings("ignore")  # Whatever PyTorch says while it is imported.
@pytest.mark.parametrize("case", stored.CASES)
def test_the_stored_steps_are_those_of_this_pytorch(case):
    pytest.importorskip("torch", reason="PyTorch is not installed; its stored numbers are used")
    _, _, kind, settings = stored.CASES[case]
    np.testing.assert_allclose(stored.torch_steps(kind, settings), EXPECTED[case], 1e-12, 1e-12)


def test_every_optimizer_has_a_case():
    assert {kind for kind, _, _, _ in stored.CASES.values()} == set(OPTIMIZERS)


def test_two_steps_of_momentum_by_hand():
    # w = 4, loss w**2 / 2, so the gradient is w. Rate 0.5, momentum 0.5.
    # velocity 4, w = 4 - 2 = 2; then velocity 2 + 2 = 4, w = 2 - 2 = 0.
    w = variable([4.0], "float64", "w")
    rate = placeholder((), "float64")
    loss = sum(w * w) * 0.5
    step = variable(0, "int32")
    updates = SGD(0.5, 0.5).updates([w], gradients(loss, [w]), rate, step)
    run = function([rate], loss, updates, backend="reference")
    seen = []
    for _ in range(2):
        run(np.float64(0.5))
        seen.append(float(w.value[0]))
    assert seen == [2.0, 0.0]


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
def test_the_first_step_of_adam_is_the_rate_whatever_the_gradient(size):
    # m = 0.1 g and v = 0.001 g**2, over 0.1 and 0.001: the step is rate * g / |g|.
    w = variable([0.0], "float64", "w")
    rate = placeholder((), "float64")
    slope = constant([size], "float64")
    updates = Adam(epsilon=1e-300).updates([w], [slope], rate, variable(0, "int32"))
    function([rate], sum(w), updates, backend="reference")(np.float64(0.25))
    assert float(w.value[0]) == pytest.approx(-0.25, rel=1e-12)


@pytest.mark.parametrize("kind", OPTIMIZERS)
class TestContract:
    """What every optimizer must do."""

    def test_survives_its_document(self, kind):
        optimizer = OPTIMIZERS[kind](learning_rate=0.125)
        assert from_document(optimizer.to_document(), OPTIMIZERS, "optimizer") == optimizer

    def test_goes_down(self, kind):
        descent = Descent(OPTIMIZERS[kind](learning_rate=0.05))
        first = descent.step()
        for _ in range(50):
            last = descent.step()
        assert last < 0.5 * first

    def test_the_rate_is_a_run_time_number(self, kind):
        descent = Descent(OPTIMIZERS[kind]())
        before = descent.w.value
        descent.step(0.0)
        assert (descent.w.value == before).all()

    def test_state_is_named_after_its_parameter_and_begins_at_zero(self, kind):
        descent = Descent(OPTIMIZERS[kind]())
        states = [old for old, _ in descent.updates if old is not descent.w]
        names = [old.name for old in states]
        assert len(set(names)) == len(names)
        for old in states:
            assert not old.value.any()
            assert old.shape == () or old.name.startswith("w.")

    def test_bad_rates_are_refused(self, kind):
        for bad in (0, -1, float("nan"), float("inf"), "0.1", None, True):
            with pytest.raises(SettingError, match=rf"{kind}.learning_rate.*above 0"):
                OPTIMIZERS[kind](learning_rate=bad)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(momentum=1.0), "SGD.momentum: .*at least 0 and below 1; given: 1.0"),
        (lambda: SGD(momentum=-0.1), "SGD.momentum"),
        (lambda: Adam(beta1=1), "Adam.beta1"),
        (lambda: Adam(beta2=-0.5), "Adam.beta2"),
        (lambda: Adam(epsilon=0), "Adam.epsilon: .*above 0"),
        (lambda: AdamW(weight_decay=-1), "AdamW.weight_decay: .*at least 0"),
        (lambda: AdamW(weight_decay=1e300), r"AdamW.weight_decay: .*The largest is 1e\+30"),
    ],
)
def test_settings_outside_what_is_allowed(make, message):
    with pytest.raises(SettingError, match=message):
        make()
