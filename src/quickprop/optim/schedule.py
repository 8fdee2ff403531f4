"""What every schedule is: settings, the rate as graph, and what it learns from an epoch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quickprop.config import DType
from quickprop.foundation.registry import Registry
from quickprop.foundation.settings import Component, Rule
from quickprop.graph import Tensor


@dataclass(frozen=True)
class EpochEnd:
    """What a fit tells its schedule after every epoch.

    Parameters
    ----------
    loss : float
        Of validation, or of training when there is no validation part.
    steps : int
        Made so far.
    steps_left : float or None
        As many as the budget seems to leave time for, if there is a budget.

    Examples
    --------
    >>> from quickprop import EpochEnd
    >>> EpochEnd(loss=0.5, steps=100).steps
    100
    """

    loss: float
    steps: int
    steps_left: float | None = None


@dataclass(frozen=True)
class Schedule(Component, ABC):
    """The learning rate as a function of the step.

    Examples
    --------
    >>> from quickprop import Cosine, Schedule
    >>> isinstance(Cosine(), Schedule), Cosine().needs_total
    (True, True)
    """

    @abstractmethod
    def rate(
        self,
        base_rate: Tensor,
        step: Tensor,
        total_steps: Tensor,
        state: Sequence[Tensor] = (),
    ) -> Tensor:
        """The scalar rate of a step.

        Parameters
        ----------
        base_rate : Tensor
            The optimizer's learning rate.
        step : Tensor
            How many steps were made before, in the number type of `base_rate`.
        total_steps : Tensor
            Steps that the fit makes if nothing ends it early, in the same type.
        state : sequence of Tensor
            What `state` gave.
        """

    @property
    def needs_total(self) -> bool:
        """Whether the rates depend on the planned length of the fit."""
        return False

    def state(self, dtype: DType) -> tuple[Tensor, ...]:
        """Variables that `after_epoch` changes and the rate may depend on."""
        return ()

    def after_epoch(self, state: Sequence[Tensor], end: EpochEnd) -> None:
        """Take in an epoch: the fit calls it before the next one begins."""
        return


#: Every schedule by its name.
SCHEDULES: Registry[type[Component]] = Registry()


def _schedule(value: Any) -> Any:
    if not isinstance(value, Schedule):
        raise TypeError
    return value


#: A schedule within a schedule.
INNER = Rule("a schedule, such as Cosine()", _schedule, SCHEDULES)
