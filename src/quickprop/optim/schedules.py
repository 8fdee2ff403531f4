"""Learning rates that change from step to step, written as graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from quickprop.config import DType
from quickprop.errors import SettingError
from quickprop.foundation.settings import callback, called, integer, number, optional, setting
from quickprop.graph import Tensor, show_shape
from quickprop.ops.elementary import cast, cos, exp, log, maximum, minimum, where
from quickprop.optim.optimizer import scalar
from quickprop.optim.schedule import SCHEDULES, Schedule


@SCHEDULES.register()
@dataclass(frozen=True)
class Constant(Schedule):
    """The base rate, always.

    Examples
    --------
    >>> from quickprop import SGD, Constant, Dense, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = SGD(0.1)
    >>> rates = Constant()
    >>> history = fit(
    ...     network, x, y, loss=MeanSquaredError(), optimizer=rule, schedule=rates, epochs=3
    ... )
    >>> [round(epoch.learning_rate, 3) for epoch in history.epochs]
    [0.1, 0.1, 0.1]
    """

    def rate(
        self,
        base_rate: Tensor,
        step: Tensor,
        total_steps: Tensor,
        state: Sequence[Tensor] = (),
    ) -> Tensor:
        """The base rate."""
        return base_rate


@SCHEDULES.register("cosine_annealing")
@dataclass(frozen=True)
class Cosine(Schedule):
    """From the base rate down to `floor` times it along half a cosine wave.

    Parameters
    ----------
    floor : float
        Between 0 and 1.
    steps : int, optional
        Length of the way down, by default the whole fit.

    Examples
    --------
    >>> from quickprop import SGD, Cosine, Dense, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = SGD(0.1)
    >>> rates = Cosine()
    >>> history = fit(
    ...     network, x, y, loss=MeanSquaredError(), optimizer=rule, schedule=rates, epochs=5
    ... )
    >>> [round(epoch.learning_rate, 3) for epoch in history.epochs]
    [0.1, 0.09, 0.065, 0.035, 0.01]
    """

    floor: float = setting(number(0.0, 1.0), 0.0)
    steps: int | None = setting(optional(integer(1)), None)

    @property
    def needs_total(self) -> bool:
        """Unless it has a length of its own."""
        return self.steps is None

    def rate(
        self,
        base_rate: Tensor,
        step: Tensor,
        total_steps: Tensor,
        state: Sequence[Tensor] = (),
    ) -> Tensor:
        """``base (floor + (1 - floor) (1 + cos(pi t)) / 2)``, t the part of the way done."""
        end = total_steps if self.steps is None else scalar(self.steps, base_rate, "cosine.steps")
        floor = scalar(self.floor, base_rate, "cosine.floor")
        return base_rate * _along_a_wave(1.0, floor, minimum(step / end, 1.0))


@SCHEDULES.register("coslog")
@dataclass(frozen=True)
class CosineLog(Schedule):
    """Waves of cosine from 0 to the base rate and back, each twice as long as the one before.

    ``base (1 - cos(2 pi log2(1 + (2**cycles - 1) t))) / 2``, t the part of the way done: the rate
    is 0 at the start, at the end and between two waves, where a network is annealed and may be
    compared with others or kept (Holzmüller, Grinsztajn and Steinwart 2024, whose "coslog4" has
    four waves).

    Parameters
    ----------
    cycles : int
        Number of waves, from 1 to 20.
    steps : int, optional
        Length of all of them, by default the whole fit.

    Examples
    --------
    >>> from quickprop import SGD, CosineLog, Dense, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = SGD(0.1)
    >>> rates = CosineLog(cycles=2)
    >>> history = fit(
    ...     network, x, y, loss=MeanSquaredError(), optimizer=rule, schedule=rates, epochs=6
    ... )
    >>> [round(epoch.learning_rate, 3) for epoch in history.epochs]
    [0.0, 0.093, 0.0, 0.072, 0.093, 0.032]
    """

    cycles: int = setting(integer(1, 20), 4)
    steps: int | None = setting(optional(integer(1)), None)

    @property
    def needs_total(self) -> bool:
        """Unless it has a length of its own."""
        return self.steps is None

    def rate(
        self,
        base_rate: Tensor,
        step: Tensor,
        total_steps: Tensor,
        state: Sequence[Tensor] = (),
    ) -> Tensor:
        """``base (1 - cos(2 pi log2(1 + (2**cycles - 1) t))) / 2``."""
        end = total_steps if self.steps is None else scalar(self.steps, base_rate, "coslog.steps")
        stretch = scalar(2.0**self.cycles - 1.0, base_rate, "coslog.stretch")
        doublings = log(minimum(step / end, 1.0) * stretch + 1.0) * (1.0 / math.log(2.0))
        return base_rate * (1.0 - cos(doublings * (2.0 * math.pi))) * 0.5


@SCHEDULES.register("flat_cos")
@dataclass(frozen=True)
class FlatCosine(Schedule):
    """The base rate for a part of the way, then down to 0 along half a cosine wave.

    ``base (1 + cos(pi max(t - flat, 0) / (1 - flat))) / 2``, t the part of the way done; half of
    the way is flat by default (Holzmüller, Grinsztajn and Steinwart 2024: "flat_cos").

    Parameters
    ----------
    flat : float
        The part of the way at the base rate, from 0 to below 1.
    steps : int, optional
        Length of the way, by default the whole fit.

    Examples
    --------
    >>> from quickprop import SGD, Dense, FlatCosine, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = SGD(0.1)
    >>> rates = FlatCosine()
    >>> history = fit(
    ...     network, x, y, loss=MeanSquaredError(), optimizer=rule, schedule=rates, epochs=6
    ... )
    >>> [round(epoch.learning_rate, 3) for epoch in history.epochs]
    [0.1, 0.1, 0.1, 0.1, 0.075, 0.025]
    """

    flat: float = setting(number(0.0, 1.0, high_open=True), 0.5)
    steps: int | None = setting(optional(integer(1)), None)

    @property
    def needs_total(self) -> bool:
        """Unless it has a length of its own."""
        return self.steps is None

    def rate(
        self,
        base_rate: Tensor,
        step: Tensor,
        total_steps: Tensor,
        state: Sequence[Tensor] = (),
    ) -> Tensor:
        """``base (1 + cos(pi max(t - flat, 0) / (1 - flat))) / 2``."""
        end = total_steps if self.steps is None else scalar(self.steps, base_rate, "flat.steps")
        flat = scalar(self.flat, base_rate, "flat.part")
        slope = scalar(1.0 / (1.0 - self.flat), base_rate, "flat.slope")
        down = maximum(minimum(step / end, 1.0) - flat, 0.0) * slope
        return base_rate * _along_a_wave(1.0, 0.0, down)


@SCHEDULES.register()
@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up to the base rate and down again, each along half a cosine wave.

    The base rate is the highest. The way up takes `rise` of the steps and begins at the base rate
    over `start_divisor`; the way down ends at that over `end_divisor` (Smith and Topin 2018, in
    PyTorch's form with two phases; the momentum stays as it is).

    Parameters
    ----------
    rise : float
        The part of the steps on the way up, above 0 and below 1.
    start_divisor, end_divisor : float
        At least 1.
    steps : int, optional
        Length of both ways, by default the whole fit.

    Examples
    --------
    >>> from quickprop import SGD, Dense, MeanSquaredError, Network, OneCycle
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = SGD(0.1)
    >>> rates = OneCycle()
    >>> history = fit(
    ...     network, x, y, loss=MeanSquaredError(), optimizer=rule, schedule=rates, epochs=5
    ... )
    >>> [round(epoch.learning_rate, 4) for epoch in history.epochs]
    [0.004, 0.095, 0.0611, 0.0188, 0.0]
    """

    rise: float = setting(number(0.0, 1.0, low_open=True, high_open=True), 0.3)
    start_divisor: float = setting(number(1.0), 25.0)
    end_divisor: float = setting(number(1.0), 1e4)
    steps: int | None = setting(optional(integer(1)), None)

    @property
    def needs_total(self) -> bool:
        """Unless it has a length of its own."""
        return self.steps is None

    def rate(
        self,
        base_rate: Tensor,
        step: Tensor,
        total_steps: Tensor,
        state: Sequence[Tensor] = (),
    ) -> Tensor:
        """``low + (high - low) (1 + cos(pi t)) / 2``, t the part of the way done."""
        count = total_steps if self.steps is None else scalar(self.steps, base_rate, "cycle.steps")
        start = scalar(1.0 / self.start_divisor, base_rate, "cycle.start")
        end = scalar(1.0 / self.start_divisor / self.end_divisor, base_rate, "cycle.end")
        # The first step is at the start, the last one at the end: one interval fewer than steps.
        top = maximum(count * scalar(self.rise, base_rate, "cycle.rise") - 1.0, 0.0)
        way_down = maximum(count - 1.0 - top, 1.0)
        # Both ways are worked out at every step; the divisors must not be zero on either.
        up = _along_a_wave(start, 1.0, minimum(step / maximum(top, 1.0), 1.0))
        down = _along_a_wave(1.0, end, minimum(maximum(step - top, 0.0) / way_down, 1.0))
        return base_rate * where(step < top, up, down)


@SCHEDULES.register("exponential")
@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """The base rate times `factor` for every `steps` steps made, without jumps.

    Parameters
    ----------
    factor : float
        Above 0, at most 1.
    steps : int

    Examples
    --------
    >>> from quickprop import SGD, Dense, ExponentialDecay, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = SGD(0.1)
    >>> rates = ExponentialDecay(factor=0.5, steps=2)
    >>> history = fit(
    ...     network, x, y, loss=MeanSquaredError(), optimizer=rule, schedule=rates, epochs=5
    ... )
    >>> [round(epoch.learning_rate, 3) for epoch in history.epochs]
    [0.1, 0.071, 0.05, 0.035, 0.025]
    """

    factor: float = setting(number(0.0, 1.0, low_open=True), 0.5)
    steps: int = setting(integer(1), 1000)

    def rate(
        self,
        base_rate: Tensor,
        step: Tensor,
        total_steps: Tensor,
        state: Sequence[Tensor] = (),
    ) -> Tensor:
        """``base factor**(step / steps)``."""
        slope = scalar(math.log(self.factor) / self.steps, base_rate, "decay.slope")
        return base_rate * exp(step * slope)


@SCHEDULES.register()
@dataclass(frozen=True)
class StepDecay(Schedule):
    """The base rate times `factor` after every `steps` steps, in jumps.

    Parameters
    ----------
    factor : float
        Above 0, at most 1.
    steps : int

    Examples
    --------
    >>> from quickprop import SGD, Dense, MeanSquaredError, Network, StepDecay
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = SGD(0.1)
    >>> rates = StepDecay(factor=0.1, steps=2)
    >>> history = fit(
    ...     network, x, y, loss=MeanSquaredError(), optimizer=rule, schedule=rates, epochs=5
    ... )
    >>> [round(epoch.learning_rate, 3) for epoch in history.epochs]
    [0.1, 0.1, 0.01, 0.01, 0.001]
    """

    factor: float = setting(number(0.0, 1.0, low_open=True), 0.1)
    steps: int = setting(integer(1), 1000)

    def rate(
        self,
        base_rate: Tensor,
        step: Tensor,
        total_steps: Tensor,
        state: Sequence[Tensor] = (),
    ) -> Tensor:
        """``base factor**floor(step / steps)``."""
        slope = scalar(math.log(self.factor), base_rate, "drops.slope")
        drops = cast(step / scalar(self.steps, base_rate, "drops.steps"), DType.int32)
        return base_rate * exp(cast(drops, base_rate.dtype) * slope)


@SCHEDULES.register()
@dataclass(frozen=True)
class InverseScaling(Schedule):
    """The base rate over a power of the step, counted from 1.

    scikit-learn calls it "invscaling" and counts rows where this counts steps. With powers above
    1/2, up to 1, it fulfils what Robbins and Monro (1951) ask of a sequence of rates.

    Parameters
    ----------
    power : float

    Examples
    --------
    >>> from quickprop import SGD, Dense, InverseScaling, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = SGD(0.1)
    >>> rates = InverseScaling()
    >>> history = fit(
    ...     network, x, y, loss=MeanSquaredError(), optimizer=rule, schedule=rates, epochs=4
    ... )
    >>> [round(epoch.learning_rate, 3) for epoch in history.epochs]
    [0.1, 0.071, 0.058, 0.05]
    """

    power: float = setting(number(0.0), 0.5)

    def rate(
        self,
        base_rate: Tensor,
        step: Tensor,
        total_steps: Tensor,
        state: Sequence[Tensor] = (),
    ) -> Tensor:
        """``base / (step + 1)**power``."""
        power = scalar(-self.power, base_rate, "inverse.power")
        return base_rate * exp(log(step + 1.0) * power)


def _along_a_wave(first: Tensor | float, last: Tensor | float, done: Tensor) -> Tensor:
    """From `first` to `last` along half a cosine wave, `done` of the way from 0 to 1."""
    wave = (cos(done * math.pi) + 1.0) * 0.5
    return last + (first - last) * wave


@dataclass(frozen=True)
class FunctionOfStep(Schedule):
    """A schedule of your own.

    Parameters
    ----------
    function : callable
        ``function(base_rate, step)`` gives the rate; all three are scalar tensors, so it is
        written with their operators and the functions of `quickprop.ops`.

    Examples
    --------
    >>> from quickprop import SGD, Dense, FunctionOfStep, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = SGD(0.1)
    >>> rates = FunctionOfStep(lambda base, step: base / (1.0 + step))
    >>> history = fit(
    ...     network, x, y, loss=MeanSquaredError(), optimizer=rule, schedule=rates, epochs=3
    ... )
    >>> [round(epoch.learning_rate, 3) for epoch in history.epochs]
    [0.1, 0.05, 0.033]
    """

    function: Callable[[Tensor, Tensor], Tensor] = setting(callback())

    def rate(
        self,
        base_rate: Tensor,
        step: Tensor,
        total_steps: Tensor,
        state: Sequence[Tensor] = (),
    ) -> Tensor:
        """What the function gives, which must be a scalar tensor."""
        rate = called(self.function, "FunctionOfStep.function", base_rate, step)
        if not isinstance(rate, Tensor) or rate.shape != () or rate.dtype is not base_rate.dtype:
            given = repr(rate)[:80]
            raise SettingError(
                "the function must give a scalar tensor of the type of the base rate",
                where="FunctionOfStep.function",
                allowed=f"{base_rate.dtype.value}{show_shape(())}",
                given=given,
            )
        return rate

    def to_document(self) -> dict[str, Any]:
        """The name of the function stands for it; it cannot be read back."""
        name = getattr(self.function, "__qualname__", type(self.function).__name__)
        return {"kind": "FunctionOfStep", "function": name}
