"""Learning rates that change from step to step, written as graph."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from quickprop.errors import SettingError
from quickprop.graph import Tensor, show_shape
from quickprop.nn.component import Component, Rule, optional, real, setting, whole
from quickprop.ops.elementary import cos, exp, minimum
from quickprop.optim.optimizer import scalar


@dataclass(frozen=True)
class Schedule(Component, ABC):
    """The learning rate as a function of the step."""

    @abstractmethod
    def rate(self, base_rate: Tensor, step: Tensor, total_steps: Tensor) -> Tensor:
        """The scalar rate of a step.

        Parameters
        ----------
        base_rate : Tensor
            The optimizer's learning rate.
        step : Tensor
            How many steps were made before, in the number type of `base_rate`.
        total_steps : Tensor
            Steps that the fit makes if nothing ends it early, in the same type.
        """

    @property
    def needs_total(self) -> bool:
        """Whether the rates depend on the planned length of the fit."""
        return False


@dataclass(frozen=True)
class Constant(Schedule):
    """The base rate, always."""

    def rate(self, base_rate: Tensor, step: Tensor, total_steps: Tensor) -> Tensor:
        """The base rate."""
        return base_rate


@dataclass(frozen=True)
class Cosine(Schedule):
    """From the base rate down to `floor` times it along half a cosine wave.

    Parameters
    ----------
    floor : float
        Between 0 and 1.
    steps : int, optional
        Length of the way down, by default the whole fit.
    """

    floor: float = setting(real(0.0, 1.0), 0.0)
    steps: int | None = setting(optional(whole(1)), None)

    @property
    def needs_total(self) -> bool:
        """Unless it has a length of its own."""
        return self.steps is None

    def rate(self, base_rate: Tensor, step: Tensor, total_steps: Tensor) -> Tensor:
        """``base (floor + (1 - floor) (1 + cos(pi t)) / 2)``, t the part of the way done."""
        end = total_steps if self.steps is None else scalar(self.steps, base_rate, "cosine.steps")
        floor = scalar(self.floor, base_rate, "cosine.floor")
        wave = (cos(minimum(step / end, 1.0) * math.pi) + 1.0) * 0.5
        return base_rate * (floor + (1.0 - floor) * wave)


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """The base rate times `factor` for every `steps` steps made, without jumps.

    Parameters
    ----------
    factor : float
        Above 0, at most 1.
    steps : int
    """

    factor: float = setting(real(0.0, 1.0, low_open=True), 0.5)
    steps: int = setting(whole(1), 1000)

    def rate(self, base_rate: Tensor, step: Tensor, total_steps: Tensor) -> Tensor:
        """``base factor**(step / steps)``."""
        slope = scalar(math.log(self.factor) / self.steps, base_rate, "decay.slope")
        return base_rate * exp(step * slope)


def _callable(value: Any) -> Any:
    if not callable(value):
        raise TypeError
    return value


_FUNCTION = Rule("a function", _callable)


@dataclass(frozen=True)
class FunctionOfStep(Schedule):
    """A schedule of your own.

    Parameters
    ----------
    function : callable
        ``function(base_rate, step)`` gives the rate; all three are scalar tensors, so it is
        written with their operators and the functions of `quickprop.ops`.
    """

    function: Callable[[Tensor, Tensor], Tensor] = setting(_FUNCTION)  # noqa: RUF009

    def rate(self, base_rate: Tensor, step: Tensor, total_steps: Tensor) -> Tensor:
        """What the function gives, which must be a scalar tensor."""
        rate = self.function(base_rate, step)
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


SCHEDULES: dict[str, type[Component]] = {
    kind.__name__: kind for kind in (Constant, Cosine, ExponentialDecay)
}
