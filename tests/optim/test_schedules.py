import json
import math
from pathlib import Path

import numpy as np
import pytest

from module_beside import module_beside
from quickprop.config import DType
from quickprop.errors import SettingError
from quickprop.execution import function
from quickprop.foundation.settings import from_document
from quickprop.graph import placeholder, variable
from quickprop.ops.elementary import maximum
from quickprop.optim import (
    SCHEDULES,
    Adam,
    Constant,
    Cosine,
    CosineLog,
    EpochEnd,
    ExponentialDecay,
    FlatCosine,
    FunctionOfStep,
    InverseScaling,
    OneCycle,
    ReduceOnPlateau,
    StepDecay,
    WarmUp,
    WithinBudget,
)

HERE = Path(__file__).parent
stored = module_beside(__file__, "make_expected_rates")
EXPECTED = json.loads((HERE / "expected_rates.json").read_text())["rates"]


class Rates:
    """A schedule whose rates can be asked for between epochs."""

    def __init__(self, schedule, total=100, base=0.5, backend="reference", dtype="float64"):
        self.schedule, self.base, self.dtype = schedule, base, dtype
        base_rate, step = placeholder((), dtype), placeholder((), dtype)
        self.state = schedule.state(DType(dtype))
        total_steps = variable(float(total), dtype)
        rate = schedule.rate(base_rate, step, total_steps, self.state)
        self.run = function((base_rate, step), rate, backend=backend)

    def at(self, step):
        return float(self.run(np.asarray(self.base, self.dtype), np.asarray(step, self.dtype)))

    def after(self, loss, steps=1, steps_left=None):
        self.schedule.after_epoch(self.state, EpochEnd(loss, steps, steps_left))


def rates(schedule, steps, total=100, base=0.5, backend="reference", dtype="float64"):
    asked = Rates(schedule, total, base, backend, dtype)
    return [asked.at(k) for k in steps]


def warm(base_rate, step):
    return base_rate / maximum(10.0 - step, 1.0)


@pytest.mark.parametrize("backend", ["reference", "native"])
@pytest.mark.parametrize(
    ("schedule", "steps", "expected"),
    [
        (Constant(), (0, 50, 1000), (0.5, 0.5, 0.5)),
        # half a wave over 100 steps: 1, (1 + cos(pi/4))/2, 1/2, 0, and 0 ever after
        (Cosine(), (0, 25, 50, 100, 300), (0.5, 0.25 * (1 + math.sqrt(0.5)), 0.25, 0, 0)),
        (Cosine(floor=0.2, steps=10), (0, 5, 10, 20), (0.5, 0.3, 0.1, 0.1)),
        # the valleys stand at 1/15, 3/15 and 7/15 of the way
        (CosineLog(steps=15), (0, 1, 3, 7, 15, 99), (0, 0, 0, 0, 0, 0)),
        (CosineLog(1), (0, 100 * (math.sqrt(2) - 1), 100), (0, 0.5, 0)),
        (FlatCosine(), (0, 25, 50, 75, 100, 300), (0.5, 0.5, 0.5, 0.25, 0, 0)),
        (FlatCosine(0.2, 10), (0, 2, 6, 10, 11), (0.5, 0.5, 0.25, 0, 0)),
        (ExponentialDecay(0.5, 10), (0, 5, 10, 20), (0.5, 0.5 * 0.5**0.5, 0.25, 0.125)),
        (ExponentialDecay(1.0, 3), (0, 7), (0.5, 0.5)),
        (InverseScaling(), (0, 3, 8, 99), (0.5, 0.25, 0.5 / 3, 0.05)),
        (InverseScaling(power=1.0), (0, 1, 4), (0.5, 0.25, 0.1)),
        (InverseScaling(power=0), (0, 7), (0.5, 0.5)),
        # the last step before a drop, and the step of it
        (StepDecay(0.5, 10), (0, 9, 10, 19, 20), (0.5, 0.5, 0.25, 0.25, 0.125)),
        # 100 steps: up to step 29, down to step 99, and low ever after
        (OneCycle(), (0, 29, 99, 500), (0.02, 0.5, 2e-6, 2e-6)),
        (OneCycle(steps=1), (0, 1), (0.5, 2e-6)),
        (WarmUp(4, start=0.2), (0, 1, 3, 4, 50), (0.1, 0.2, 0.4, 0.5, 0.5)),
        # 10 steps of warm-up leave 90 for the wave
        (WarmUp(10, Cosine()), (10, 55, 100), (0.5, 0.25, 0.0)),
        (WarmUp(1, FunctionOfStep(warm)), (0, 1, 6, 10), (0.005, 0.05, 0.1, 0.5)),
        (WithinBudget(), (0, 50, 100), (0.5, 0.25, 0.0)),
        (FunctionOfStep(warm), (0, 5, 9, 99), (0.05, 0.1, 0.5, 0.5)),
    ],
)
def test_rates(schedule, steps, expected, backend):
    got = rates(schedule, steps, backend=backend)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("backend", ["reference", "native"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", stored.CASES)
def test_rates_are_those_of_pytorch(case, dtype, backend):
    kind, settings, total, _, _ = stored.CASES[case]
    expected = EXPECTED[case]
    assert len(expected) >= 15
    got = rates(
        SCHEDULES[kind](**settings), range(len(expected)), total, stored.BASE, backend, dtype
    )
    tolerance = 1e-12 if dtype == "float64" else 3e-6
    np.testing.assert_allclose(got, expected, tolerance, 1e-15 if dtype == "float64" else 1e-7)


def test_a_warm_up_and_a_wave_are_those_of_pytorch():
    got = rates(WarmUp(5, Cosine(), start=0.1), range(15), 15, stored.BASE)
    np.testing.assert_allclose(got, EXPECTED["warm-up and cosine"], 1e-12, 1e-15)


@pytest.mark.parametrize("backend", ["reference", "native"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", stored.PLATEAUS)
def test_plateaus_are_those_of_pytorch(case, dtype, backend):
    settings, _ = stored.PLATEAUS[case]
    asked = Rates(ReduceOnPlateau(**settings), 100, stored.BASE, backend, dtype)
    assert asked.at(0) == stored.BASE
    got = []
    for epoch, loss in enumerate(stored.LOSSES):
        asked.after(loss)
        got.append(asked.at(epoch))
    assert len(set(got)) > 2
    np.testing.assert_allclose(got, EXPECTED[case], 1e-12 if dtype == "float64" else 1e-6)


@pytest.mark.filterwarnings("ignore")  # Whatever PyTorch says while it is imported.
def test_the_stored_rates_are_those_of_this_pytorch():
    pytest.importorskip("torch", reason="PyTorch is not installed; its stored numbers are used")
    now = stored.everything()
    assert now.keys() == EXPECTED.keys()
    for case, expected in EXPECTED.items():
        np.testing.assert_allclose(now[case], expected, 1e-12, 1e-15)


def test_losses_below_zero_have_plateaus_too():
    # -4.0001 is not below -4 by more than a thousandth of 4; -5 is.
    asked = Rates(ReduceOnPlateau(0.5, patience=0, threshold=1e-3))
    seen = []
    for loss in (-4.0, -4.0001, -5.0, -4.9):
        asked.after(loss)
        seen.append(asked.at(0))
    assert seen == [0.5, 0.25, 0.25, 0.125]


def test_a_plateau_after_a_warm_up_begins_to_count_there():
    asked = Rates(WarmUp(10, ReduceOnPlateau(0.5, patience=0)))
    for steps in (4, 8):  # worse and worse, but the rate is not up yet
        asked.after(float(steps), steps)
    assert asked.at(12) == 0.5
    asked.after(9.0, 12)
    asked.after(9.0, 16)
    assert asked.at(12) == 0.25


def test_the_wave_ends_with_the_budget():
    asked = Rates(WithinBudget(Cosine()), total=1000)
    asked.after(1.0, steps=20, steps_left=20.0)
    # 40 steps in all: half of the wave at 20.
    np.testing.assert_allclose([asked.at(20), asked.at(40)], [0.25, 0.0], 1e-12, 1e-15)
    asked.after(1.0, steps=40, steps_left=40.0)  # It went faster than it seemed.
    np.testing.assert_allclose(asked.at(40), 0.25, 1e-12)
    asked.after(1.0, steps=50, steps_left=1e6)  # Never more than planned.
    np.testing.assert_allclose(asked.at(500), 0.25, 1e-12)


def test_within_a_warm_up_the_budget_counts_from_its_end():
    asked = Rates(WarmUp(10, WithinBudget(Cosine())), total=1000)
    asked.after(1.0, steps=20, steps_left=30.0)
    # 50 steps, 40 of them for the wave, which is half done at 30.
    np.testing.assert_allclose([asked.at(30), asked.at(50)], [0.25, 0.0], 1e-12, 1e-15)


@pytest.mark.parametrize("kind", SCHEDULES.values())
def test_schedule_survives_its_document(kind):
    assert from_document(kind().to_document(), SCHEDULES, "schedule") == kind()


@pytest.mark.parametrize(
    "schedule",
    [
        WarmUp(7, Cosine(0.5), 0.25),
        WithinBudget(OneCycle(rise=0.4)),
        WarmUp(3, WithinBudget(WarmUp(2, ReduceOnPlateau(cooldown=4)))),
    ],
)
def test_schedules_within_schedules_survive_their_document(schedule):
    document = json.loads(json.dumps(schedule.to_document()))
    assert from_document(document, SCHEDULES, "schedule") == schedule


def test_which_schedules_depend_on_the_length_of_the_fit():
    assert Cosine().needs_total
    assert not Cosine(steps=10).needs_total
    assert not ExponentialDecay().needs_total
    assert OneCycle().needs_total
    assert not OneCycle(steps=10).needs_total
    assert WarmUp(then=Cosine()).needs_total
    assert not WarmUp().needs_total
    assert WithinBudget().needs_total


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Cosine(floor=1.5), "Cosine.floor"),
        (lambda: Cosine(steps=0), "Cosine.steps: .*at least 1 .*, or None"),
        (lambda: ExponentialDecay(factor=0), "ExponentialDecay.factor"),
        (lambda: ExponentialDecay(steps=1.5), "ExponentialDecay.steps"),
        (lambda: StepDecay(factor=1.5), "StepDecay.factor: .*above 0 and at most 1"),
        (lambda: StepDecay(steps=0), "StepDecay.steps: .*at least 1"),
        (lambda: InverseScaling(power=-1), "InverseScaling.power: .*at least 0"),
        (lambda: OneCycle(rise=1), "OneCycle.rise: .*above 0 and below 1"),
        (lambda: OneCycle(start_divisor=0.5), "OneCycle.start_divisor: .*at least 1"),
        (lambda: OneCycle(end_divisor=0), "OneCycle.end_divisor"),
        (lambda: OneCycle(steps=0), "OneCycle.steps"),
        (lambda: ReduceOnPlateau(factor=1), "ReduceOnPlateau.factor: .*above 0 and below 1"),
        (lambda: ReduceOnPlateau(patience=-1), "ReduceOnPlateau.patience: .*at least 0"),
        (lambda: ReduceOnPlateau(threshold=-1), "ReduceOnPlateau.threshold"),
        (lambda: ReduceOnPlateau(cooldown=1.5), "ReduceOnPlateau.cooldown: .*whole"),
        (lambda: ReduceOnPlateau(floor=2), "ReduceOnPlateau.floor"),
        (lambda: WarmUp(steps=0), "WarmUp.steps"),
        (lambda: WarmUp(start=0), "WarmUp.start: .*above 0"),
        (lambda: WarmUp(then="cosine"), r"WarmUp.then: .*a schedule, such as Cosine\(\)"),
        (lambda: WithinBudget(Adam()), "WithinBudget.schedule: .*a schedule"),
        (lambda: FunctionOfStep(3), "a function"),
    ],
)
def test_settings_outside_what_is_allowed(make, message):
    with pytest.raises(SettingError, match=message):
        make()


@pytest.mark.parametrize("function_of_step", [lambda base, step: 0.1, lambda base, step: None])
def test_a_function_must_give_a_tensor(function_of_step):
    with pytest.raises(SettingError, match="must give a scalar tensor"):
        rates(FunctionOfStep(function_of_step), [0])
