import math

import numpy as np
import pytest

from quickprop.errors import SettingError
from quickprop.execution import function
from quickprop.graph import placeholder, variable
from quickprop.nn.component import from_document
from quickprop.ops.elementary import maximum
from quickprop.optim import SCHEDULES, Constant, Cosine, ExponentialDecay, FunctionOfStep


def rates(schedule, steps, total=100, base=0.5, backend="reference"):
    base_rate, step = placeholder((), "float64"), placeholder((), "float64")
    rate = schedule.rate(base_rate, step, variable(float(total), "float64"))
    run = function((base_rate, step), rate, backend=backend)
    return [float(run(np.float64(base), np.float64(k))) for k in steps]


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
        (ExponentialDecay(0.5, 10), (0, 5, 10, 20), (0.5, 0.5 * 0.5**0.5, 0.25, 0.125)),
        (ExponentialDecay(1.0, 3), (0, 7), (0.5, 0.5)),
        (FunctionOfStep(warm), (0, 5, 9, 99), (0.05, 0.1, 0.5, 0.5)),
    ],
)
def test_rates(schedule, steps, expected, backend):
    got = rates(schedule, steps, backend=backend)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("kind", SCHEDULES.values())
def test_schedule_survives_its_document(kind):
    assert from_document(kind().to_document(), SCHEDULES, "schedule") == kind()


def test_which_schedules_depend_on_the_length_of_the_fit():
    assert Cosine().needs_total
    assert not Cosine(steps=10).needs_total
    assert not ExponentialDecay().needs_total


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Cosine(floor=1.5), "Cosine.floor"),
        (lambda: Cosine(steps=0), "Cosine.steps: .*at least 1, or None"),
        (lambda: ExponentialDecay(factor=0), "ExponentialDecay.factor"),
        (lambda: ExponentialDecay(steps=1.5), "ExponentialDecay.steps"),
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
