"""Epochs judged by a loss: rows in an order that the seed decides, patience, the best weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from quickprop.execution import Minibatches
from quickprop.foundation.deadline import Deadline
from quickprop.optim import EpochEnd, Schedule
from quickprop.train.best_weights import BestWeights
from quickprop.train.evaluation import Evaluation
from quickprop.train.history import EpochRecord, Stop, StopReason
from quickprop.train.loop import EpochRule, Position, Scalars, StepPace
from quickprop.train.mixup import Mixup
from quickprop.train.step import TrainingStep


@dataclass(frozen=True)
class Limits:
    """What may end a fit.

    Parameters
    ----------
    epochs : int
    patience : int or None
        Epochs without a better validation loss.
    until : float or None
        A loss that is good enough.
    """

    epochs: int
    patience: int | None
    until: float | None

    def reached(self, watched: str, loss: float) -> Stop | None:
        """The end of a fit whose loss is good enough."""
        if self.until is None or not loss <= self.until:
            return None
        return Stop(StopReason.LOSS_REACHED, f"the {watched} loss reached {self.until:g}")

    def out_of_patience(self, since: int) -> Stop | None:
        """The end of a fit with so many epochs since the best."""
        if not self.patience or since < self.patience:
            return None
        epochs = self.patience
        return Stop(StopReason.NO_PROGRESS, f"no better validation loss for {epochs} epochs")


def not_finite(epoch: int) -> Stop:
    """The end of a fit that has diverged; `with_kept` says which weights are left."""
    return Stop(StopReason.NOT_FINITE, f"the loss was no longer finite in epoch {epoch}")


def with_kept(stop: Stop, best_epoch: int) -> Stop:
    """The same, with the weights that are left after a fit that has diverged."""
    if stop.reason is not StopReason.NOT_FINITE:
        return stop
    kept = f"those of epoch {best_epoch}" if best_epoch else "the starting ones"
    return Stop(stop.reason, f"{stop.message}; the weights are {kept}")


class LossRule(EpochRule):
    """Order by the seed, rates by the schedule, an end by the loss.

    Parameters
    ----------
    step : TrainingStep
    batches : Minibatches
    limits : Limits
    best : BestWeights
        With the history of the fit.
    validation : Evaluation or None
    base_rate : float
    schedule : Schedule
    seed : int
    mixup : Mixup or None
    deadline : Deadline
    """

    def __init__(
        self,
        step: TrainingStep,
        batches: Minibatches,
        limits: Limits,
        best: BestWeights,
        validation: Evaluation | None,
        *,
        base_rate: float,
        schedule: Schedule,
        seed: int,
        mixup: Mixup | None,
        deadline: Deadline,
    ) -> None:
        self.step, self.batches, self.limits, self.best = step, batches, limits, best
        self.validation, self.history = validation, best.history
        self.base_rate, self.schedule, self.seed = base_rate, schedule, seed
        self.mixup, self.deadline = mixup, deadline
        #: What the epochs before took, of a fit that goes on.
        self.seconds_before = self.history.seconds
        self.resumed = False
        self._scalars = step.scalars(learning_rate=base_rate, seed=seed)
        self._validation_seconds: float | None = None
        self._diverged = False

    def begin(self) -> None:
        """The starting weights are looked at too."""
        if self.resumed or self.deadline.over:
            return
        before = self.deadline.clock()
        self.best.begin()
        if self.validation is not None:
            self._validation_seconds = self.deadline.clock() - before

    def begin_epoch(self, epoch: int) -> Scalars:
        """In the order of that epoch, mixed for that epoch."""
        self._rate = self.step.rate_at(self.base_rate, (epoch - 1) * self.batches.steps_per_epoch)
        self.batches.shuffle(self.seed, epoch)
        if self.mixup is not None:
            self.batches.bind(self.step.bound_mixture(self.mixup.rows(epoch)))
        return self._scalars

    def end_epoch(
        self, position: Position, pace: StepPace
    ) -> tuple[EpochRecord | None, Stop | None]:
        """Look at the rows of validation, keep the weights if they are the best."""
        if not position.done:
            return None, None
        with self._averages_in_place():
            record = self._record(position)
            finite = record is not None
            if record is not None:
                self.history.epochs.append(record)
                finite = self.best.take(record)
        if not finite:
            self._diverged = True
            return None, not_finite(position.epoch)
        if record is not None and record.fraction == 1.0 and self.step.schedule_state:
            made = record.epoch * self.batches.steps_per_epoch
            left = pace.steps_left(self._validation_seconds or 0.0)
            end = EpochEnd(record.watched_loss, made, left)
            self.schedule.after_epoch(self.step.schedule_state, end)
        return record, None

    def _record(self, place: Position) -> EpochRecord | None:
        """The record of the steps made in this epoch, or None when the loss is not finite."""
        if not math.isfinite(place.total):
            return None
        batches = self.batches
        rows = min(place.done * batches.batch_size, batches.rows)
        validation = None
        if self.validation is not None:
            before = self.deadline.clock()
            validation = self.validation()
            self._validation_seconds = self.deadline.clock() - before
            if not math.isfinite(validation):
                return None
        return EpochRecord(
            place.epoch,
            place.total / rows,
            validation,
            self._rate,
            self.seconds_before + self.deadline.passed,
            place.done / batches.steps_per_epoch,
        )

    def ended(self) -> Stop | None:
        """A loss that is good enough, or too long without a better one."""
        watched = "training" if self.validation is None else "validation"
        stop = self.limits.reached(watched, self.best.lowest)
        if (
            stop is None
            and self.validation is not None
            and len(self.history.epochs) < self.limits.epochs
        ):
            stop = self.limits.out_of_patience(len(self.history.epochs) - self.history.best_epoch)
        return stop

    def settle(self, stop: Stop | None) -> Stop | None:
        """The best weights, averages where there are any."""
        with self._averages_in_place(stay=True):
            self.best.settle(current=not self._diverged)
        return None if stop is None else with_kept(stop, self.history.best_epoch)

    @contextmanager
    def _averages_in_place(self, stay: bool = False) -> Iterator[None]:
        """Look at the averages of the weights, then go on from the weights themselves."""
        now = [(held, held.value) for held in self.step.averages]
        for held, average in self.step.averages.items():
            held.assign(average.value)
        yield
        if not stay:
            for held, value in now:
                held.assign(value)

    def seconds_at_end(self, seconds_per_row: float) -> float:
        """For one more look at the rows of validation, or at those of training."""
        if self.validation is not None:
            if self._validation_seconds is not None:
                return self._validation_seconds
            # Not measured yet: a forward pass takes about a third of a step on as many rows.
            return seconds_per_row * self.validation.rows / 3
        known = self.best.seconds_at_end()
        if known is not None:
            return known
        # Of a short budget not more than a part.
        guess = seconds_per_row * self.batches.rows
        return min(guess, 0.2 * (self.deadline.seconds or 0.0))
