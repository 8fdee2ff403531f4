"""The loop over epochs and slices, and everything that may end it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from quickprop.execution import Minibatches
from quickprop.foundation.interrupts import Interrupts
from quickprop.graph import Tensor
from quickprop.nn import Network
from quickprop.optim import EpochEnd, Schedule
from quickprop.train.callbacks import Callback, Progress, tell_all
from quickprop.train.checkpoint import Checkpoint, CheckpointFile, Position
from quickprop.train.evaluation import Evaluation
from quickprop.train.history import EpochRecord, History
from quickprop.train.mixup import Mixup
from quickprop.train.slices import SlicePlanner
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
    budget : float or None
        Seconds.
    """

    epochs: int
    patience: int | None
    until: float | None
    budget: float | None


class Loop:
    """A fit in progress."""

    def __init__(
        self,
        network: Network,
        step: TrainingStep,
        batches: Minibatches,
        validation: Evaluation | None,
        limits: Limits,
        *,
        base_rate: float,
        schedule: Schedule,
        seed: int,
        mixup: Mixup | None = None,
        callbacks: Sequence[Callback],
        file: CheckpointFile | None,
        seconds_between_writes: float,
        clock: Callable[[], float],
        started: float,
        interrupts: Interrupts,
    ) -> None:
        self.network, self.step, self.batches = network, step, batches
        self.validation, self.limits = validation, limits
        self.base_rate, self.schedule, self.seed = base_rate, schedule, seed
        self.mixup = mixup
        self.callbacks, self.file, self.clock = callbacks, file, clock
        self.interrupts = interrupts
        self.history = History()
        self.best: Mapping[str, np.ndarray] = network.weights()
        self.position = Position()
        self._begun = started
        self._deadline = math.inf if limits.budget is None else started + limits.budget
        self._slices = SlicePlanner()
        self._steps_run, self._stepping_seconds = 0, 0.0
        self._validation_seconds: float | None = None
        self._seconds_between_writes = seconds_between_writes
        self._written = started
        self._write_seconds = 0.0
        self._scalars: dict[Tensor, float | int] = {
            leaf: value
            for leaf, value in ((step.learning_rate, base_rate), (step.seed, seed))
            if leaf is not None and leaf in step.graph.inputs
        }

    # -- going on from a file ---------------------------------------------------------------------

    def _variables(self) -> dict[str, Tensor]:
        return {str(v.name): v for v in (*self.network.variables, *self.step.state)}

    def resume(self) -> bool:
        """Put the state of the checkpoint in place; False when there is no file."""
        assert self.file is not None
        variables = self._variables()
        shapes = {name: v.value.shape for name, v in variables.items()}
        found = self.file.read(shapes, self.best, self.batches.steps_per_epoch)
        if found is None:
            return False
        for name, tensor in variables.items():
            tensor.assign(found.variables[name])
        self.best, self.position, self.history = found.best, found.position, found.history
        self._begun -= self.history.seconds
        return True

    def save(self) -> None:
        """Write the checkpoint."""
        if self.file is None:
            return
        self.history.seconds = self._seconds()
        before = self.clock()
        now = {name: tensor.value for name, tensor in self._variables().items()}
        self.file.write(Checkpoint(self.position, self.history, now, self.best))
        self._written = self.clock()
        self._write_seconds = self._written - before

    # -- running ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Train until something ends it; the best weights are in place afterwards."""
        try:
            self._tell(lambda callback, progress: callback.on_start(progress))
            reason = self._ended()
            while reason is None:
                reason = self._epoch() or self._ended()
            self.history.stopped = reason
        except KeyboardInterrupt:
            self.history.stopped = f"interrupted in epoch {self.position.epoch}"
        finally:
            self.interrupts.closing = True
            self.network.set_weights(self.best)
            self.history.seconds = self._seconds()
        self._tell(lambda callback, progress: callback.on_end(self.history))

    def _ended(self) -> str | None:
        """Why no further epoch shall begin, or None."""
        limits, history = self.limits, self.history
        watched = "validation" if self.validation else "training"
        if limits.until is not None and history.best_loss <= limits.until:
            return f"the {watched} loss reached {limits.until:g}"
        if self.position.epoch > limits.epochs:
            return f"all {limits.epochs} epochs were run"
        since = len(history.epochs) - history.best_epoch
        if limits.patience and self.validation and since >= limits.patience:
            return f"no better validation loss for {limits.patience} epochs"
        if self.interrupts.raised:
            return f"interrupted before epoch {self.position.epoch}"
        return None

    def _epoch(self) -> str | None:
        """Run an epoch, or what is left of it; gives the reason when it ends the fit."""
        batches, epoch = self.batches, self.position.epoch
        steps = batches.steps_per_epoch
        rate = self.step.rate_at(self.base_rate, (epoch - 1) * steps)
        batches.shuffle(self.seed, epoch)
        self._mix(epoch)
        done, total = self.position.done, self.position.total
        reason = None
        while done < steps and reason is None:
            count = self._slices.steps(steps - done, self._seconds_left())
            if not count:
                reason = self._out_of_time(done)
                break
            before = self.clock()
            total = batches.run(done, count, self._scalars, total)
            seconds = self.clock() - before
            self._slices.learn(count, seconds)
            self._steps_run += count
            self._stepping_seconds += seconds
            done += count
            self.position = Position(epoch, done, total)
            if not math.isfinite(total):
                return self._diverged()
            self._tell(lambda callback, progress: callback.on_slice(progress))
            if self.interrupts.raised:
                reason = f"interrupted in epoch {epoch}"
        if done < steps:
            self.save()
            self._take_unfinished(rate)
            return reason
        return self._take(rate) or reason

    def _mix(self, epoch: int) -> None:
        """Put the mixed rows of that epoch in place of the rows."""
        if self.mixup is None:
            return
        step, rows = self.step, self.mixup.rows(epoch)
        assert step.weights is not None
        assert step.partner is not None
        data = dict(zip(self.network.inputs, rows.inputs, strict=True))
        data[step.weights] = rows.weights
        data[step.partner[0]], data[step.partner[1]] = rows.partner_target, rows.partner_weights
        self.batches.bind(data)

    @contextmanager
    def _averages_in_place(self) -> Iterator[None]:
        """Look at the averages of the weights, then go on from the weights themselves."""
        now = [(held, held.value) for held in self.step.averages]
        for held, average in self.step.averages.items():
            held.assign(average.value)
        try:
            yield
        finally:
            for held, value in now:
                held.assign(value)

    def _out_of_time(self, done: int) -> str:
        if self.position.epoch == 1 and not done:
            return (
                f"the budget of {self.limits.budget:g} s was too small for a single step; "
                "the weights are the starting ones"
            )
        return f"the budget of {self.limits.budget:g} s was used up"

    def _diverged(self) -> str:
        kept = self.history.best_epoch
        return f"the loss was no longer finite in epoch {self.position.epoch}; the weights are " + (
            f"those of epoch {kept}" if kept else "the starting ones"
        )

    def _record(self, rate: float) -> EpochRecord | None:
        """The record of the steps made in this epoch, or None when the loss is not finite."""
        place, batches = self.position, self.batches
        rows = min(place.done * batches.batch_size, batches.rows)
        validation = None
        if self.validation is not None:
            before = self.clock()
            validation = self.validation()
            self._validation_seconds = self.clock() - before
        train = place.total / rows
        if not math.isfinite(train) or not (validation is None or math.isfinite(validation)):
            return None
        fraction = place.done / batches.steps_per_epoch
        return EpochRecord(place.epoch, train, validation, rate, self._seconds(), fraction)

    def _keep(self, record: EpochRecord) -> bool:
        """Take the weights of now as the best when they are; False when they are not finite."""
        loss, best = record.watched_loss, self.history.best_loss
        # Among equal training losses the last one has learned most; validation takes the first.
        if loss > best or (loss == best and self.validation is not None):
            return True
        weights = self.network.weights()
        if not all(np.isfinite(array).all() for array in weights.values()):
            return False
        self.best = weights
        self.history.best_epoch = record.epoch
        return True

    def _take(self, rate: float) -> str | None:
        """End a whole epoch; gives the reason when it ends the fit."""
        with self._averages_in_place():
            record = self._record(rate)
            if record is None:
                return self._diverged()
            self.history.epochs.append(record)
            if not self._keep(record):
                return self._diverged()
        self.position = Position(record.epoch + 1)
        if self.step.schedule_state:
            made = record.epoch * self.batches.steps_per_epoch
            end = EpochEnd(record.watched_loss, made, self._steps_left())
            self.schedule.after_epoch(self.step.schedule_state, end)
        if self.file is not None and (
            self.clock() - self._written >= self._seconds_between_writes or self._ended()
        ):
            self.save()
        self._tell(lambda callback, progress: callback.on_epoch(record, progress))
        return None

    def _take_unfinished(self, rate: float) -> None:
        """Look whether the weights within an epoch are better than those of all whole epochs."""
        if not self.position.done or (self.validation is None and self.history.epochs):
            return  # Training losses of different rows cannot be compared.
        with self._averages_in_place():
            record = self._record(rate)
            if record is not None:
                self.history.epochs.append(record)
                self._keep(record)
        if record is not None:
            self._tell(lambda callback, progress: callback.on_epoch(record, progress))

    # -- callbacks and time -----------------------------------------------------------------------

    def _tell(self, tell: Callable[[Callback, Progress], None]) -> None:
        tell_all(self.callbacks, tell, self._progress, self.interrupts)

    def _seconds(self) -> float:
        return self.clock() - self._begun

    def _seconds_left(self) -> float:
        """Time for steps: what is left of the budget after what must be done at the end."""
        if self._deadline == math.inf:
            return math.inf
        return self._deadline - self.clock() - self._seconds_of_validation() - self._write_seconds

    def _steps_left(self) -> float | None:
        """How many steps the budget leaves time for, at the pace so far; None without a budget."""
        if self._deadline == math.inf or not self._steps_run:
            return None
        a_step = self._stepping_seconds / self._steps_run
        a_step += self._seconds_of_validation() / self.batches.steps_per_epoch
        return max(0.0, self._seconds_left()) / max(a_step, 1e-9)

    def _seconds_of_validation(self) -> float:
        if self.validation is None:
            return 0.0
        if self._validation_seconds is not None:
            return self._validation_seconds
        # Not measured yet: a forward pass takes about a third of a step on as many rows.
        a_step = self._slices.seconds_per_step or 0.0
        return a_step * self.validation.rows / self.batches.batch_size / 3

    def _progress(self) -> Progress:
        place, batches = self.position, self.batches
        rows = min(place.done * batches.batch_size, batches.rows)
        left = None if self._deadline == math.inf else max(0.0, self._deadline - self.clock())
        return Progress(
            place.epoch,
            self.limits.epochs,
            place.done / batches.steps_per_epoch,
            place.total / rows if rows else math.nan,
            self._seconds(),
            left,
            self.history,
        )
