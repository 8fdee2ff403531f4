"""The loop of methods that take all rows at a step: an epoch is an iteration of the method."""

from __future__ import annotations

import math
from collections.abc import Sequence

from quickprop.config import DType
from quickprop.errors import SettingError
from quickprop.foundation.deadline import Deadline
from quickprop.foundation.interrupts import Interrupts
from quickprop.graph import ROWS, Tensor, placeholder, variable
from quickprop.losses import Loss
from quickprop.nn import Network
from quickprop.optim.full_batch import FAR, Descent, FullBatchMethod, Iterate, Problem
from quickprop.train.arrays import TrainingData
from quickprop.train.callbacks import Callback, CallbackList, Progress, epoch_start, slice_done
from quickprop.train.evaluation import Evaluation
from quickprop.train.history import EpochRecord, History, Stop, StopReason
from quickprop.train.loop import too_little_time
from quickprop.train.loss_rule import Limits, not_finite, with_kept
from quickprop.train.slices import SlicePlanner
from quickprop.train.weight_copy import WeightCopy


class FullBatchLoop:
    """A fit by a full-batch method in progress.

    Iterations come in slices of a few milliseconds. When somebody looks at each of them (a
    validation part, a callback) the method comes back after every look at the loss.

    The training loss of an epoch is that of the weights that the epoch ends with, and its learning
    rate the length of the step to them. Without a validation part the last weights are the best:
    every iteration lowers the loss, penalty included.

    Parameters
    ----------
    network : Network
    descent : Descent
    validation : Evaluation or None
    limits : Limits
    callbacks : sequence of Callback
    deadline : Deadline
    interrupts : Interrupts
    """

    def __init__(
        self,
        network: Network,
        descent: Descent,
        validation: Evaluation | None,
        limits: Limits,
        callbacks: Sequence[Callback],
        deadline: Deadline,
        interrupts: Interrupts,
    ) -> None:
        self.network, self.descent = network, descent
        self.validation, self.limits = validation, limits
        self.deadline, self.interrupts = deadline, interrupts
        self.history = History()
        self._callbacks = CallbackList(callbacks, interrupts)
        self._one_by_one = validation is not None or bool(callbacks)
        self._best = WeightCopy(network) if validation is not None else None
        self._best_loss = self._loss = math.inf
        self._last = deadline.begun
        self._slices = SlicePlanner()
        self._validation_seconds: float | None = None
        #: When the descent was last sent on its way, and how many looks it has.
        self._sent, self._looks = 0.0, 0
        self._stop: Stop | None = None
        self._diverged = False

    # -- running ----------------------------------------------------------------------------------

    def run(self) -> History:
        """Train until something ends it; the best weights are in place afterwards."""
        history = self.history
        with self._callbacks.looking_on(self._progress, history):
            stop: Stop | None = None
            try:
                try:
                    stop = self._begin() or self._ended()
                    if stop is None:
                        self._callbacks.tell(epoch_start, self._progress)
                    while stop is None:
                        stop = self._slice() or self._ended()
                except KeyboardInterrupt:
                    epoch = len(history.epochs) + 1
                    stop = Stop(StopReason.INTERRUPTED, f"interrupted in epoch {epoch}")
            finally:
                self.interrupts.closing = True
                self._settle()
                if stop is not None:
                    if self._diverged:
                        stop = with_kept(stop, history.best_epoch)
                    history.end(stop)
                history.seconds = self.deadline.passed
        return history

    def _settle(self) -> None:
        history = self.history
        if self._best is None:
            self.network.set_weights({**self.network.weights(), **self.descent.weights()})
            history.best_epoch = len(history.epochs)
            loss = self._loss
        else:
            self._best.put_back()
            history.best_epoch, loss = self._best.epoch or 0, self._best_loss
        if math.isfinite(loss):
            history.kept_loss = loss

    def _begin(self) -> Stop | None:
        """Look at the starting weights; gives the reason when that ends the fit."""
        if self._best is not None:
            self._best.hold(0, self.network.weights())
        before = self.deadline.clock()
        if self.deadline.over:
            return self._out_of_time()
        self._loss = self.descent.begin(self._halted)
        self._slices.learn(1, self.deadline.clock() - before)
        self._last = self.deadline.clock()
        if math.isnan(self._loss) and self._halted():
            if self.interrupts.raised:
                return Stop(StopReason.INTERRUPTED, "interrupted in epoch 1")
            return self._out_of_time()
        if not math.isfinite(self._loss):
            return Stop(StopReason.NOT_FINITE, "the loss of the starting weights is not finite")
        if self.validation is not None:
            loss = self._validated(self.validation)
            self._best_loss = loss if math.isfinite(loss) else math.inf
        return None

    def _validated(self, validation: Evaluation) -> float:
        before = self.deadline.clock()
        loss = validation()
        self._validation_seconds = self.deadline.clock() - before
        return loss

    def _slice(self) -> Stop | None:
        """Run some looks at the loss; gives the reason when the fit ends."""
        left = self.limits.epochs - len(self.history.epochs)
        looks = self._slices.steps(left, self._seconds_left())
        if not looks:
            return self._out_of_time()
        if self._one_by_one:
            looks = left = 1
        until = self.limits.until
        limit = -FAR if until is None or self.validation is not None else until
        self._stop, self._looks, self._sent = None, looks, self.deadline.clock()
        self.descent.advance(looks, left, limit, self._halted, self._taken)
        if self._looks:
            # No iterate was come to.
            self._learn()
            self._callbacks.tell(slice_done, self._progress)
        return self._stop

    def _learn(self) -> None:
        # A slice of iterations may hold a few more looks than iterations, never fewer.
        self._slices.learn(self._looks, self.deadline.clock() - self._sent)
        self._looks = 0

    def _taken(self, iterates: list[Iterate]) -> bool:
        """Take in iterates; whether the fit ends with them."""
        if self._looks:
            self._learn()
        self._loss = iterates[-1].loss
        if not self._one_by_one:
            self._note(iterates)
            return self._ended() is not None
        self._callbacks.tell(slice_done, self._progress)
        self._stop = self._look(iterates[-1])
        if self._stop is not None or self._ended() is not None:
            return True
        self._callbacks.tell(epoch_start, self._progress)
        return False

    def _note(self, iterates: Sequence[Iterate]) -> None:
        """Put the iterations of a slice down, evenly in time."""
        history, now = self.history, self.deadline.clock()
        epoch = len(history.epochs)
        share = (now - self._last) / len(iterates)
        seconds = self._last - self.deadline.begun
        for place, (loss, rate) in enumerate(iterates, 1):
            history.epochs.append(
                EpochRecord(epoch + place, loss, None, rate, seconds + place * share)
            )
        history.best_epoch = epoch + len(iterates)
        self._last = now

    def _look(self, iterate: Iterate) -> Stop | None:
        """Let everybody look at an iterate; gives the reason when it ends the fit."""
        history = self.history
        epoch = len(history.epochs) + 1
        self.network.set_weights({**self.network.weights(), **self.descent.weights()})
        loss = None
        if self.validation is not None:
            loss = self._validated(self.validation)
            if not math.isfinite(loss):
                self._diverged = True
                return not_finite(epoch)
        record = EpochRecord(epoch, iterate.loss, loss, iterate.rate, self.deadline.passed)
        history.epochs.append(record)
        if loss is None:
            history.best_epoch = epoch
        elif loss < self._best_loss and self._best is not None and self._best.take(epoch):
            self._best_loss, history.best_epoch = loss, epoch
        self._callbacks.tell(
            lambda one, now: one.on_epoch(record, now), lambda: self._progress_at(epoch, 1.0)
        )
        return None

    def _ended(self) -> Stop | None:
        """Why nothing further shall begin, or None."""
        limits, history = self.limits, self.history
        done = len(history.epochs)
        watched = "training" if self.validation is None else "validation"
        reached = self._loss if self.validation is None else self._best_loss
        stop = limits.reached(watched, reached)
        if stop is not None:
            return stop
        if done >= limits.epochs:
            return Stop(StopReason.ALL_EPOCHS, f"all {limits.epochs} epochs were run")
        if self.validation is not None:
            stop = limits.out_of_patience(done - history.best_epoch)
            if stop is not None:
                return stop
        if self.interrupts.raised:
            return Stop(StopReason.INTERRUPTED, f"interrupted in epoch {done + 1}")
        if self._callbacks.want_to_stop:
            return Stop(StopReason.CALLBACK, f"a callback ended it before epoch {done + 1}")
        finished = self.descent.finished
        return None if finished is None else Stop(StopReason.CONVERGED, finished)

    # -- callbacks and time -----------------------------------------------------------------------

    def _progress(self) -> Progress:
        # Between iterations none is under way; after the last there is no further one.
        return self._progress_at(min(len(self.history.epochs) + 1, self.limits.epochs), 0.0)

    def _progress_at(self, epoch: int, fraction: float) -> Progress:
        deadline = self.deadline
        loss = self._loss if math.isfinite(self._loss) else math.nan
        return Progress(
            epoch,
            self.limits.epochs,
            fraction,
            loss,
            deadline.passed,
            max(0.0, deadline.left) if deadline.limited else None,
            self.history,
        )

    def _out_of_time(self) -> Stop:
        if not self.history.epochs:
            return too_little_time(self.deadline)
        budget = self.deadline.seconds
        return Stop(StopReason.OUT_OF_TIME, f"the budget of {budget:g} s was used up")

    def _halted(self) -> bool:
        """Whether work that is under way shall be dropped."""
        return self.interrupts.raised or self.deadline.over

    def _seconds_left(self) -> float:
        """Time for looks at the loss: what is left of the budget after looking at the rows aside.

        Not measured yet, that counts as a look itself.
        """
        left = self.deadline.left
        if left == math.inf or self.validation is None:
            return left
        return left - (self._validation_seconds or self._slices.seconds_per_step or 0.0)


def check_settings(
    method: FullBatchMethod, rows: int, batch_size: int | None, schedule: object, checkpoint: object
) -> None:
    """Raise `SettingError` when a setting of a fit has no meaning for such a method."""
    kind = type(method).__name__
    if schedule is not None:
        raise SettingError(
            f"{kind} chooses the length of each step itself",
            where="fit.schedule",
            allowed="None",
            given=repr(schedule)[:80],
            hint="leave the schedule out, or train with Adam()",
        )
    if batch_size is not None and batch_size < rows:
        raise SettingError(
            f"{kind} takes all rows at each step",
            where="fit.batch_size",
            allowed=f"None, or at least {rows}",
            given=batch_size,
            hint="leave it out, or train in mini-batches with Adam()",
        )
    if checkpoint is not None:
        raise SettingError(
            f"a fit by {kind} keeps no checkpoints",
            where="fit.checkpoint",
            allowed="None",
            given=repr(checkpoint)[:80],
            hint="leave it out, or train with Adam()",
        )


def problem_of(
    network: Network,
    loss: Loss,
    method: FullBatchMethod,
    rows: TrainingData,
    l2: float,
    backend: str | None,
    threads: int | None,
) -> Problem:
    """A network, its loss and its rows, for such a method."""
    kind = network.dtype
    seed = placeholder((), DType.int32, "seed")
    step = variable(0, DType.int32, "train.step")
    target = loss.target_placeholder(network.width, kind)
    data = dict(zip(network.inputs, rows.inputs, strict=True)) | {target: rows.target}
    weights = None
    if rows.weights is not None:
        weights = placeholder((ROWS, *rows.weights.shape[1:]), kind, "weights")
        data[weights] = rows.weights
    gathered: list[tuple[Tensor, Tensor]] = []
    output = network.output(True, seed, step, loss=loss, updates=gathered)
    if gathered:
        raise SettingError(
            f"{type(method).__name__} does not gather running averages",
            where="fit.optimizer",
            allowed="networks without batch normalisation",
            given=str(gathered[0][0].name),
            hint="use LayerNorm() instead, or train with Adam()",
        )
    return Problem(network, loss, output, target, weights, data, l2, backend, threads)
