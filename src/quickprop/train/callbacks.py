"""Looking on while a network trains."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from quickprop.foundation.interrupts import Interrupts
from quickprop.train.history import EpochRecord, History


@dataclass(frozen=True)
class Progress:
    """How far a fit has come.

    Parameters
    ----------
    epoch, epochs : int
        The running epoch, counted from 1, and the most that will be run.
    fraction : float
        The part of the running epoch that is done.
    train_loss : float
        The mean over the rows of the running epoch so far.
    seconds : float
        Since the start of the fit.
    seconds_left : float or None
        Time left of the budget, if there is one.
    history : History
        The epochs that are complete.
    """

    epoch: int
    epochs: int
    fraction: float
    train_loss: float
    seconds: float
    seconds_left: float | None
    history: History


class Callback(ABC):  # noqa: B024
    """Called by a fit; every method does nothing unless it is written.

    A callback may raise KeyboardInterrupt to end the fit, which then returns as after Ctrl-C. Any
    other error ends the fit too and is passed on; the network then has the best weights so far.
    """

    def on_start(self, progress: Progress) -> None:  # noqa: B027
        """Before the first step."""

    def on_slice(self, progress: Progress) -> None:  # noqa: B027
        """After every slice of a few milliseconds."""

    def on_epoch(self, record: EpochRecord, progress: Progress) -> None:  # noqa: B027
        """After every epoch."""

    def on_end(self, history: History) -> None:  # noqa: B027
        """When the fit has ended, whatever ended it, with the best weights in place."""


def tell_all(
    callbacks: Sequence[Callback],
    tell: Callable[[Callback, Progress], None],
    progress: Callable[[], Progress],
    interrupts: Interrupts,
) -> None:
    """Call every callback; KeyboardInterrupt from one counts as Ctrl-C."""
    if not callbacks:
        return
    now = progress()
    for callback in callbacks:
        try:
            tell(callback, now)
        except KeyboardInterrupt:
            interrupts.raised = True
