"""Schedules that change when another one runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from quickprop.config import DType
from quickprop.foundation.settings import LARGEST, integer, number, setting
from quickprop.graph import Tensor, variable
from quickprop.ops.elementary import maximum, minimum, where
from quickprop.optim.optimizer import scalar
from quickprop.optim.schedule import INNER, SCHEDULES, EpochEnd, Schedule
from quickprop.optim.schedules import Constant, Cosine


@SCHEDULES.register()
@dataclass(frozen=True)
class WarmUp(Schedule):
    """From `start` times the base rate up to it in a straight line, then another schedule.

    Large first steps from random weights can do lasting harm (Goyal et al. 2017).

    Parameters
    ----------
    steps : int
        Length of the way up.
    then : Schedule
        Its steps count from the end of the way up.
    start : float
        Above 0, at most 1.

    Examples
    --------
    >>> from quickprop import SGD, Dense, MeanSquaredError, Network, WarmUp
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = SGD(0.1)
    >>> rates = WarmUp(steps=5)
    >>> history = fit(
    ...     network, x, y, loss=MeanSquaredError(), optimizer=rule, schedule=rates, epochs=6
    ... )
    >>> [round(epoch.learning_rate, 3) for epoch in history.epochs]
    [0.001, 0.021, 0.041, 0.06, 0.08, 0.1]
    """

    steps: int = setting(integer(1), 100)
    then: Schedule = setting(INNER, Constant())
    start: float = setting(number(0.0, 1.0, low_open=True), 0.01)

    @property
    def needs_total(self) -> bool:
        """As what follows."""
        return self.then.needs_total

    def state(self, dtype: DType) -> tuple[Tensor, ...]:
        """That of what follows."""
        return self.then.state(dtype)

    def rate(
        self,
        base_rate: Tensor,
        step: Tensor,
        total_steps: Tensor,
        state: Sequence[Tensor] = (),
    ) -> Tensor:
        """``base (start + (1 - start) step / steps)``, then the other's rate."""
        steps = scalar(self.steps, base_rate, "warm.steps")
        start = scalar(self.start, base_rate, "warm.start")
        since = maximum(step - steps, 0.0)
        then = self.then.rate(base_rate, since, maximum(total_steps - steps, 1.0), state)
        return where(step < steps, base_rate * (start + (1.0 - start) * (step / steps)), then)

    def after_epoch(self, state: Sequence[Tensor], end: EpochEnd) -> None:
        """What follows takes it in once it runs, steps counted from its own first."""
        if end.steps >= self.steps:
            self.then.after_epoch(state, replace(end, steps=end.steps - self.steps))


@SCHEDULES.register()
@dataclass(frozen=True)
class WithinBudget(Schedule):
    """A schedule of the whole fit that ends when the budget does.

    A budget may end a fit long before its planned epochs, and a schedule of the whole fit would
    then never come to its low rates. After every epoch this one works out from the time so far how
    many steps the budget leaves time for, and the other one takes these for the whole fit when
    they are fewer than planned. Rates then depend on the clock, so that the same seed no longer
    gives the same bits; without a budget nothing changes.

    Parameters
    ----------
    schedule : Schedule

    Examples
    --------
    >>> from quickprop import SGD, Cosine, Dense, MeanSquaredError, Network, WithinBudget
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = SGD(0.1)
    >>> rates = WithinBudget(Cosine())
    >>> history = fit(
    ...     network, x, y, loss=MeanSquaredError(), optimizer=rule, schedule=rates, epochs=5
    ... )
    >>> [round(epoch.learning_rate, 3) for epoch in history.epochs]
    [0.1, 0.09, 0.065, 0.035, 0.01]
    """

    schedule: Schedule = setting(INNER, Cosine())

    @property
    def needs_total(self) -> bool:
        """As the other."""
        return self.schedule.needs_total

    def state(self, dtype: DType) -> tuple[Tensor, ...]:
        """The most steps there is time for; then the state of the other."""
        most = variable(LARGEST, dtype, "budget.steps")
        return (most, *self.schedule.state(dtype))

    def rate(
        self,
        base_rate: Tensor,
        step: Tensor,
        total_steps: Tensor,
        state: Sequence[Tensor] = (),
    ) -> Tensor:
        """The other's rate in a fit of so many steps."""
        most, *others = state
        return self.schedule.rate(base_rate, step, minimum(total_steps, most), others)

    def after_epoch(self, state: Sequence[Tensor], end: EpochEnd) -> None:
        """Those made and those there is time for."""
        most, *others = state
        if end.steps_left is not None:
            most.assign(end.steps + end.steps_left)
        self.schedule.after_epoch(others, end)
