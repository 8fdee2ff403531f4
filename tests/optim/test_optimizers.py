import json
from pathlib import Path

import numpy as np
import pytest

from module_beside import module_beside
from quickprop.autodiff import gradients
from quickprop.errors import SettingError
from quickprop.execution import function
from quickprop.foundation.settings import from_document
from quickprop.graph import constant, placeholder, variable
from quickprop.ops.elementary import sum
from quickprop.optim import (
    OPTIMIZERS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdaMax,
    AdamW,
    AMSGrad,
    Lion,
    NAdam,
    Quickprop,
    RMSprop,
    Rprop,
)

HERE = Path(__file__).parent
stored = module_beside(__file__, "make_expected_steps")
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
        counted = [*self.updates, (step, step + 1)]
        self.run = function([rate], loss, counted, backend=backend)
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


def slope_at(w):
    return np.array(stored.SCALE) * (w - np.array(stored.GOAL))


def lion_by_hand(rate, beta1=0.9, beta2=0.99, weight_decay=0.0):
    """Chen et al. 2023, algorithm 2, in NumPy."""
    w, m, path = np.array(stored.START), 0.0, []
    for _ in range(stored.STEPS):
        g = slope_at(w)
        w = w - rate * (np.sign(beta1 * m + (1 - beta1) * g) + weight_decay * w)
        m = beta2 * m + (1 - beta2) * g
        path.append(w)
    return path


def quickprop_by_hand(rate, growth=1.75):
    """Fahlman 1988, weight by weight, as the report's cases are told: before, then now."""
    w, path = np.array(stored.START), []
    before, move = np.zeros_like(w), np.zeros_like(w)
    for _ in range(stored.STEPS):
        slope = slope_at(w)
        for place in np.ndindex(w.shape):
            s, p, d = slope[place], before[place], move[place]
            if d == 0:
                d = -rate * s
            else:
                toward_lower = s < 0 if d > 0 else s > 0
                linear = -rate * s if toward_lower else 0.0
                # The bottom of the parabola is ahead when the slope became smaller, or turned.
                has_bottom = abs(s) < abs(p) or s * p <= 0
                ratio = s / (p - s) if has_bottom else growth
                d = linear + min(ratio, growth) * d
            move[place] = d
            w[place] += d
        before = slope
        path.append(w.copy())
    return path


#: What PyTorch lacks: the optimizer, and its steps worked out from the paper.
BY_HAND = [
    (Lion(learning_rate=0.1), lion_by_hand(0.1)),
    (Lion(0.3, 0.5, 0.8, 0.1), lion_by_hand(0.3, 0.5, 0.8, 0.1)),
    (Quickprop(learning_rate=0.05), quickprop_by_hand(0.05)),
    (Quickprop(0.15, growth=1.2), quickprop_by_hand(0.15, 1.2)),
]


@pytest.mark.parametrize("backend", ["reference", "native"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("optimizer", "path"), BY_HAND, ids=lambda case: repr(case)[:40])
def test_ten_steps_are_those_of_the_paper(optimizer, path, dtype, backend):
    descent = Descent(optimizer, dtype, backend)
    tolerance = 1e-12 if dtype == "float64" else 1e-4
    for expected in path:
        descent.step()
        np.testing.assert_allclose(descent.w.value, expected, tolerance, tolerance)


def test_every_optimizer_has_a_case():
    from_pytorch = {kind for kind, _, _, _ in stored.CASES.values()}
    assert from_pytorch | {type(made).__name__ for made, _ in BY_HAND} == set(OPTIMIZERS)


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_quickprop_by_hand(backend):
    # loss w**2 / 2, slope w; w = 4, rate 0.1.
    # 1: no move yet, so -0.1 * 4 = -0.4, w = 3.6.
    # 2: the parabola asks for 3.6 / (4 - 3.6) = 9 moves, allowed are 1.75: -0.7, and -0.36 for the
    #    slope that kept its sign; w = 2.54.
    # 3: 2.54 / (3.6 - 2.54) = 2.396 moves, again too many: -1.06 * 1.75 - 0.254; w = 0.431.
    # 4: 0.431 / (2.54 - 0.431) = 0.20436 moves reach the bottom, and -0.0431 goes beyond it.
    # 5: the slope has turned, so the parabola alone: exactly the bottom.
    w = variable([4.0], "float64", "w")
    rate = placeholder((), "float64")
    loss = sum(w * w) * 0.5
    updates = Quickprop().updates([w], gradients(loss, [w]), rate, variable(0, "int32"))
    run = function([rate], loss, updates, backend=backend)
    seen = []
    for _ in range(5):
        run(np.float64(0.1))
        seen.append(float(w.value[0]))
    np.testing.assert_allclose(seen, [3.6, 2.54, 0.431, -0.0431, 0.0], 1e-12, 1e-15)


def test_rprop_by_hand():
    # slopes 1, 2, -1, -1, 1 with a first size of 0.5:
    # down by 0.5; same sign: 0.6; turned: size 0.3, and rest; after a rest the size is kept: up by
    # 0.3; turned again: size 0.15, and rest.
    w, slope = variable([0.0], "float64", "w"), placeholder((1,), "float64")
    rate = placeholder((), "float64")
    updates = Rprop(0.5).updates([w], [slope], rate, variable(0, "int32"))
    run = function([slope, rate], sum(w), updates, backend="reference")
    seen = []
    for g in (1.0, 2.0, -1.0, -1.0, 1.0):
        run(np.array([g]), np.float64(0.5))
        seen.append(float(w.value[0]))
    np.testing.assert_allclose(seen, [-0.5, -1.1, -1.1, -0.8, -0.8], 1e-12)


def test_a_schedule_scales_every_size_of_rprop():
    w, slope = variable([0.0], "float64", "w"), constant([3.0], "float64")
    rate = placeholder((), "float64")
    updates = Rprop(0.5).updates([w], [slope], rate, variable(0, "int32"))
    run = function([rate], sum(w), updates, backend="reference")
    run(np.float64(0.5))  # a move of 0.5
    run(np.float64(0.05))  # 0.6, a tenth of it
    assert float(w.value[0]) == pytest.approx(-0.56, rel=1e-12)


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_equal_gradients_have_no_variance_below_zero(backend):
    # The mean square less the square of the mean is 0 but for rounding, whose root is no number.
    w = variable(np.zeros(9), "float32", "w")
    rate = placeholder((), "float32")
    slope = constant(np.linspace(0.1, 2.7, 9), "float32")
    rule = RMSprop(decay=0.5, centered=True, epsilon=0.1)
    updates = rule.updates([w], [slope], rate, variable(0, "int32"))
    run = function([rate], sum(w), updates, backend=backend)
    for _ in range(60):
        run(np.float32(0.01))
        assert np.isfinite(w.value).all()


@pytest.mark.parametrize("size", [1e-30, 1e30])
@pytest.mark.parametrize("kind", [Lion, Rprop])
def test_only_the_sign_counts(kind, size):
    w, slope = variable([0.0, 0.0, 0.0], "float32", "w"), constant([size, -size, 0.0], "float32")
    rate = placeholder((), "float32")
    updates = kind(0.25).updates([w], [slope], rate, variable(0, "int32"))
    run = function([rate], sum(w), updates, backend="native")
    run(np.float32(0.25))
    assert w.value.tolist() == [-0.25, 0.25, 0.0]


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


#: Rates for the small problem, where the default of the kind is made for long fits.
RATES = {"Adadelta": 30.0, "Adagrad": 1.0, "Quickprop": 0.05}


@pytest.mark.parametrize("kind", OPTIMIZERS)
class TestContract:
    """What every optimizer must do."""

    def test_survives_its_document(self, kind):
        optimizer = OPTIMIZERS[kind](learning_rate=0.125)
        assert from_document(optimizer.to_document(), OPTIMIZERS, "optimizer") == optimizer

    @pytest.mark.parametrize("backend", ["reference", "native"])
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_goes_down(self, kind, dtype, backend):
        rate = RATES.get(kind, 0.05)
        descent = Descent(OPTIMIZERS[kind](learning_rate=rate), dtype, backend)
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
            # The sizes of Rprop begin at the learning rate.
            assert not old.value.any() or (old.name == "w.size" and (old.value == 0.01).all())
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
        (lambda: SGD(nesterov=True), "SGD.nesterov: .*look ahead.*given: momentum=0.*Set momentum"),
        (lambda: SGD(momentum=0.9, nesterov=1), "SGD.nesterov: .*True or False; given: 1"),
        (lambda: Adagrad(epsilon=0), "Adagrad.epsilon: .*above 0"),
        (lambda: Adadelta(decay=1.0), "Adadelta.decay: .*below 1"),
        (lambda: Adadelta(epsilon=-1e-6), "Adadelta.epsilon: .*above 0"),
        (lambda: RMSprop(decay=-0.1), "RMSprop.decay: .*at least 0"),
        (lambda: RMSprop(momentum=1), "RMSprop.momentum: .*below 1"),
        (lambda: RMSprop(centered="yes"), "RMSprop.centered: .*True or False; given: 'yes'"),
        (lambda: RMSprop(epsilon=0), "RMSprop.epsilon"),
        (lambda: AdaMax(beta1=1), "AdaMax.beta1"),
        (lambda: AdaMax(beta2=-1), "AdaMax.beta2"),
        (lambda: AdaMax(epsilon=0), "AdaMax.epsilon"),
        (lambda: NAdam(beta1=1), "NAdam.beta1"),
        (lambda: NAdam(beta2=1), "NAdam.beta2"),
        (lambda: NAdam(epsilon=0), "NAdam.epsilon"),
        (lambda: NAdam(momentum_decay=-1e-3), "NAdam.momentum_decay: .*at least 0"),
        (lambda: AMSGrad(beta1=1), "AMSGrad.beta1"),
        (lambda: AMSGrad(beta2=1), "AMSGrad.beta2"),
        (lambda: AMSGrad(epsilon=0), "AMSGrad.epsilon"),
        (lambda: Lion(beta1=1), "Lion.beta1"),
        (lambda: Lion(beta2=None), "Lion.beta2"),
        (lambda: Lion(weight_decay=-1), "Lion.weight_decay: .*at least 0"),
        (lambda: Rprop(shrink=1), "Rprop.shrink: .*above 0 and below 1"),
        (lambda: Rprop(growth=0.5), "Rprop.growth: .*at least 1"),
        (lambda: Rprop(largest=0), "Rprop.largest: .*above 0"),
        (lambda: Rprop(smallest=1, largest=0.5), "Rprop.smallest: .*at most 0.5; given: 1"),
        (lambda: Quickprop(growth=0), "Quickprop.growth: .*above 0"),
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
