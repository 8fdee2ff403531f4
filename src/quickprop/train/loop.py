"""The loop over epochs of mini-batches: slices of steps, the clock, Ctrl-C and who looks on.

Every fit by mini-batches runs here. What it does around its epochs (the order of rows, the rates,
what is looked at after an epoch, which weights are kept, when there is no more progress) is an
`EpochRule`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from quickprop.execution import Minibatches
from quickprop.foundation.deadline import Deadline
from quickprop.foundation.interrupts import Interrupts
from quickprop.graph import Tensor
from quickprop.train.callbacks import Callback, CallbackList, Progress, epoch_start, slice_done
from quickprop.train.history import EpochRecord, History, Stop, StopReason
from quickprop.train.slices import SlicePlanner

Scalars = Mapping[Tensor, float | int]


class Position(NamedTuple):
    """Where a fit stands.

    Parameters
    ----------
    epoch : int
        The running epoch, counted from 1.
    done : int
        Steps made in it.
    total : float
        Sum of the losses of its rows so far.
    """

    epoch: int = 1
    done: int = 0
    total: float = 0.0


class EpochRule(ABC):
    """What a fit does around its epochs.

    Attributes
    ----------
    history : History
    """

    history: History

    @abstractmethod
    def begin(self) -> None:
        """Before the first epoch, when all who look on were told of the start."""

    @abstractmethod
    def begin_epoch(self, epoch: int) -> Scalars:
        """Put the rows in order; gives the numbers of the steps of that epoch."""

    @abstractmethod
    def end_epoch(
        self, position: Position, pace: StepPace
    ) -> tuple[EpochRecord | None, Stop | None]:
        """Take in an epoch, or what was made of one that the fit ends in.

        Returns
        -------
        record : EpochRecord or None
            For those who look on; None when there is nothing to tell.
        stop : Stop or None
            Why the fit ends with it.
        """

    @abstractmethod
    def ended(self) -> Stop | None:
        """Why no further epoch shall begin."""

    @abstractmethod
    def settle(self, stop: Stop | None) -> Stop | None:
        """Put the weights to keep in place, whatever ended the fit.

        Parameters
        ----------
        stop : Stop or None
            None when an error is on its way to the caller.

        Returns
        -------
        Stop or None
            The same, perhaps in better words.
        """

    @abstractmethod
    def seconds_at_end(self, seconds_per_row: float) -> float:
        """Time to keep for what must be done when the steps end.

        Parameters
        ----------
        seconds_per_row : float
            That a step takes; 0 when it is not known yet.
        """


class StateFile(ABC):
    """Where the state of a fit is kept, to go on from."""

    @property
    @abstractmethod
    def is_due(self) -> bool:
        """Whether it is time to write again."""

    @property
    @abstractmethod
    def seconds(self) -> float:
        """That the last writing took."""

    @abstractmethod
    def write(self, position: Position) -> None:
        """Write the state of now, in which the fit stands there."""


class StepPace:
    """How long steps take, and how many there is time for."""

    def __init__(self, steps_per_epoch: int, seconds_left: Callable[[], float]) -> None:
        self._steps_per_epoch, self._seconds_left = steps_per_epoch, seconds_left
        self._steps, self._seconds = 0, 0.0

    def note(self, steps: int, seconds: float) -> None:
        """Take in some steps."""
        self._steps += steps
        self._seconds += seconds

    def steps_left(self, seconds_aside: float = 0.0) -> float | None:
        """How many steps the budget leaves time for; None without a budget.

        Parameters
        ----------
        seconds_aside : float
            That an epoch takes beside its steps.
        """
        left = self._seconds_left()
        if left == math.inf or not self._steps:
            return None
        a_step = self._seconds / self._steps + seconds_aside / self._steps_per_epoch
        return max(0.0, left) / max(a_step, 1e-9)


class EpochLoop:
    """A fit by mini-batches in progress.

    Parameters
    ----------
    batches : Minibatches
    rule : EpochRule
    epochs : int
        The most.
    callbacks : sequence of Callback
    deadline : Deadline
    interrupts : Interrupts
    file : StateFile, optional
    position : Position
        Where to go on from.
    seconds_before : float
        That the fit took before it went on from there.
    """

    def __init__(
        self,
        batches: Minibatches,
        rule: EpochRule,
        epochs: int,
        callbacks: Sequence[Callback],
        deadline: Deadline,
        interrupts: Interrupts,
        *,
        file: StateFile | None = None,
        position: Position | None = None,
        seconds_before: float = 0.0,
    ) -> None:
        self.batches, self.rule, self.epochs = batches, rule, epochs
        self.deadline, self.interrupts, self.file = deadline, interrupts, file
        self.position = self._written = position or Position()
        self._seconds_before = seconds_before
        self._callbacks = CallbackList(callbacks, interrupts)
        self._watched, self._limited = bool(callbacks), deadline.limited
        self._slices = SlicePlanner()
        self._pace = StepPace(batches.steps_per_epoch, self._seconds_left)

    def run(self) -> Stop:
        """Train until something ends it; the weights to keep are in place afterwards."""
        rule, stop = self.rule, None
        with self._callbacks.looking_on(self._progress, rule.history):
            try:
                try:
                    rule.begin()
                    stop = self._ended()
                    while stop is None:
                        stop = self._epoch() or self._ended()
                    if not self.position.done and self.position != self._written:
                        self._write()
                except KeyboardInterrupt:
                    stop = Stop(
                        StopReason.INTERRUPTED, f"interrupted in epoch {self.position.epoch}"
                    )
            finally:
                self.interrupts.closing = True
                stop = rule.settle(stop)
                if stop is not None:
                    rule.history.end(stop)
                rule.history.seconds = self._seconds()
        assert stop is not None
        return stop

    def _ended(self) -> Stop | None:
        """Why no further epoch shall begin, or None."""
        epoch = self.position.epoch
        stop = self.rule.ended()
        if stop is not None:
            return stop
        if self._callbacks.want_to_stop:
            return Stop(StopReason.CALLBACK, f"a callback ended it before epoch {epoch}")
        if epoch > self.epochs:
            return Stop(StopReason.ALL_EPOCHS, f"all {self.epochs} epochs were run")
        if self.interrupts.raised:
            return Stop(StopReason.INTERRUPTED, f"interrupted before epoch {epoch}")
        return None

    def _epoch(self) -> Stop | None:
        """Run an epoch, or what is left of it; gives the reason when it ends the fit."""
        batches, place = self.batches, self.position
        epoch, done, total = place.epoch, place.done, place.total
        steps, watched, limited = batches.steps_per_epoch, self._watched, self._limited
        if watched:
            self._callbacks.tell(epoch_start, self._progress)
        scalars = self.rule.begin_epoch(epoch)
        clock, stop = self.deadline.clock, None
        while done < steps and stop is None:
            # In slices of milliseconds, so that Ctrl-C is heard and the time is kept.
            count = self._slices.steps(steps - done, self._seconds_left() if limited else math.inf)
            if not count:
                stop = self._out_of_time(done)
                break
            before = clock()
            total = batches.run(done, count, scalars, total)
            seconds = clock() - before
            self._slices.learn(count, seconds)
            self._pace.note(count, seconds)
            done += count
            self.position = Position(epoch, done, total)
            if not math.isfinite(total):
                break
            if watched:
                self._callbacks.tell(slice_done, self._progress)
                if self._callbacks.want_to_stop and done < steps:
                    stop = Stop(StopReason.CALLBACK, f"a callback ended it in epoch {epoch}")
            if self.interrupts.raised:
                stop = Stop(StopReason.INTERRUPTED, f"interrupted in epoch {epoch}")
        if done < steps and math.isfinite(total):
            self._write()
        ended_at = self.position
        record, end = self.rule.end_epoch(ended_at, self._pace)
        if done == steps and end is None:
            self.position = Position(epoch + 1)
            if self.file is not None and self.file.is_due:
                self._write()
        if record is not None and watched:
            self._callbacks.tell(
                lambda one, now: one.on_epoch(record, now), lambda: self._progress_at(ended_at)
            )
        return end or stop

    # -- callbacks and time -----------------------------------------------------------------------

    def _out_of_time(self, done: int) -> Stop:
        if self.position.epoch == 1 and not done:
            return too_little_time(self.deadline)
        budget = self.deadline.seconds
        return Stop(StopReason.OUT_OF_TIME, f"the budget of {budget:g} s was used up")

    def _seconds_left(self) -> float:
        """Time for steps: what is left of the budget after what must be done at the end."""
        if not self._limited:
            return math.inf
        left = self.deadline.left
        a_step = self._slices.seconds_per_step or 0.0
        if self.file is not None:
            left -= self.file.seconds
        return left - self.rule.seconds_at_end(a_step / self.batches.batch_size)

    def _seconds(self) -> float:
        return self._seconds_before + self.deadline.passed

    def _write(self) -> None:
        if self.file is not None:
            self.rule.history.seconds = self._seconds()
            self.file.write(self.position)
            self._written = self.position

    def _progress(self) -> Progress:
        return self._progress_at(self.position)

    def _progress_at(self, place: Position) -> Progress:
        batches, deadline = self.batches, self.deadline
        rows = min(place.done * batches.batch_size, batches.rows)
        return Progress(
            place.epoch,
            self.epochs,
            place.done / batches.steps_per_epoch,
            place.total / rows if rows else math.nan,
            self._seconds(),
            max(0.0, deadline.left) if deadline.limited else None,
            self.rule.history,
        )


def too_little_time(deadline: Deadline) -> Stop:
    """The end of a fit that did not come to a step."""
    return Stop(
        StopReason.OUT_OF_TIME,
        f"the budget of {deadline.seconds:g} s was too small for a single step; "
        "the weights are the starting ones",
    )
