"""The loop of methods that take all rows at a step: an epoch is an iteration of the method."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from quickprop.config import DType
from quickprop.errors import SettingError
from quickprop.foundation.interrupts import Interrupts
from quickprop.graph import ROWS, Tensor, placeholder, variable
from quickprop.losses import Loss
from quickprop.nn import Network
from quickprop.optim.full_batch import FAR, Descent, FullBatchMethod, Iterate, Problem
from quickprop.train.arrays import TrainingData
from quickprop.train.callbacks import Callback, Progress, tell_all
from quickprop.train.evaluation import Evaluation
from quickprop.train.history import EpochRecord, History
from quickprop.train.loop import Limits
from quickprop.train.slices import SlicePlanner


class FullBatchLoop:
    """A fit by a full-batch method in progress.

    Iterations come in slices of a few milliseconds. When somebody looks at each of them (a
    validation part, a callback) the method comes back after every look at the loss.

    The training loss of an epoch is that of the weights that the epoch ends with, and its learning
    rate the length of the step to them. Without a validation part the last weights are the best:
    every iteration lowers the loss, penalty included.
    """

    def __init__(
        self,
        network: Network,
        descent: Descent,
        validation: Evaluation | None,
        limits: Limits,
        *,
        callbacks: Sequence[Callback],
        clock: Callable[[], float],
        started: float,
        interrupts: Interrupts,
    ) -> None:
        self.network, self.descent = network, descent
        self.validation, self.limits = validation, limits
        self.callbacks, self.clock, self.interrupts = callbacks, clock, interrupts
        self.history = History()
        self._one_by_one = validation is not None or bool(callbacks)
        self._best = network.weights() if validation is not None else None
        self._best_loss = self._loss = math.inf
        self._begun = self._last = started
        self._deadline = math.inf if limits.budget is None else started + limits.budget
        self._slices = SlicePlanner()
        self._validation_seconds: float | None = None

    # -- running ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Train until something ends it; the best weights are in place afterwards."""
        history = self.history
        try:
            self._tell(lambda callback, progress: callback.on_start(progress))
            reason = self._begin() or self._ended()
            while reason is None:
                reason = self._slice() or self._ended()
            history.stopped = reason
        except KeyboardInterrupt:
            history.stopped = f"interrupted in epoch {len(history.epochs) + 1}"
        finally:
            self.interrupts.closing = True
            self.network.set_weights(self.descent.weights() if self._best is None else self._best)
            history.seconds = self._seconds()
        self._tell(lambda callback, progress: callback.on_end(history))

    def _begin(self) -> str | None:
        """Look at the starting weights; gives the reason when that ends the fit."""
        before = self.clock()
        if before >= self._deadline:
            return self._out_of_time()
        self._loss = self.descent.begin(self._halted)
        self._slices.learn(1, self.clock() - before)
        self._last = self.clock()
        if math.isnan(self._loss) and self._halted():
            return "interrupted in epoch 1" if self.interrupts.raised else self._out_of_time()
        if not math.isfinite(self._loss):
            return "the loss of the starting weights is not finite"
        until = self.limits.until
        if until is not None and self.validation is None and self._loss <= until:
            return f"the training loss reached {until:g}"
        return None

    def _slice(self) -> str | None:
        """Run some looks at the loss; gives the reason when the fit ends."""
        left = self.limits.epochs - len(self.history.epochs)
        looks = self._slices.steps(left, self._seconds_left())
        if not looks:
            return self._out_of_time()
        if self._one_by_one:
            looks = left = 1
        until = self.limits.until
        limit = -FAR if until is None or self.validation is not None else until
        before = self.clock()
        iterates = self.descent.advance(looks, left, limit, self._halted)
        now = self.clock()
        # A slice of iterations may hold a few more looks than iterations, never fewer.
        self._slices.learn(looks, now - before)
        if iterates:
            self._take(iterates, now)
        self._tell(lambda callback, progress: callback.on_slice(progress))
        return self._look(iterates[-1]) if iterates and self._one_by_one else None

    def _take(self, iterates: Sequence[Iterate], now: float) -> None:
        """Put the iterations of a slice down, evenly in time."""
        history = self.history
        epoch = len(history.epochs)
        self._loss = iterates[-1].loss
        if self._one_by_one:
            return
        share = (now - self._last) / len(iterates)
        seconds = self._last - self._begun
        for place, (loss, rate) in enumerate(iterates, 1):
            history.epochs.append(
                EpochRecord(epoch + place, loss, None, rate, seconds + place * share)
            )
        history.best_epoch = epoch + len(iterates)
        self._last = now

    def _look(self, iterate: Iterate) -> str | None:
        """Let everybody look at an iterate; gives the reason when it ends the fit."""
        history = self.history
        epoch = len(history.epochs) + 1
        weights = self.descent.weights()
        self.network.set_weights(weights)
        loss = None
        if self.validation is not None:
            before = self.clock()
            loss = self.validation()
            self._validation_seconds = self.clock() - before
            if not math.isfinite(loss):
                kept = history.best_epoch
                return f"the loss was no longer finite in epoch {epoch}; the weights are " + (
                    f"those of epoch {kept}" if kept else "the starting ones"
                )
        record = EpochRecord(epoch, iterate.loss, loss, iterate.rate, self._seconds())
        history.epochs.append(record)
        if loss is None:
            history.best_epoch = epoch
        elif loss < self._best_loss:
            self._best, self._best_loss, history.best_epoch = weights, loss, epoch
        self._tell(lambda callback, progress: callback.on_epoch(record, progress))
        return None

    def _ended(self) -> str | None:
        """Why nothing further shall begin, or None."""
        limits, history = self.limits, self.history
        done = len(history.epochs)
        if limits.until is not None:
            watched = "training" if self.validation is None else "validation"
            reached = self._loss if self.validation is None else self._best_loss
            if reached <= limits.until:
                return f"the {watched} loss reached {limits.until:g}"
        if done >= limits.epochs:
            return f"all {limits.epochs} epochs were run"
        if limits.patience and self.validation and done - history.best_epoch >= limits.patience:
            return f"no better validation loss for {limits.patience} epochs"
        if self.interrupts.raised:
            return f"interrupted in epoch {done + 1}"
        return self.descent.finished

    # -- callbacks and time -----------------------------------------------------------------------

    def _tell(self, tell: Callable[[Callback, Progress], None]) -> None:
        tell_all(self.callbacks, tell, self._progress, self.interrupts)

    def _progress(self) -> Progress:
        left = None if self._deadline == math.inf else max(0.0, self._deadline - self.clock())
        loss = self._loss if math.isfinite(self._loss) else math.nan
        done = len(self.history.epochs)
        return Progress(
            done + 1, self.limits.epochs, 0.0, loss, self._seconds(), left, self.history
        )

    def _out_of_time(self) -> str:
        budget = f"the budget of {self.limits.budget:g} s was"
        if not self.history.epochs:
            return f"{budget} too small for a single step; the weights are the starting ones"
        return f"{budget} used up"

    def _halted(self) -> bool:
        """Whether work that is under way shall be dropped."""
        return self.interrupts.raised or self.clock() >= self._deadline

    def _seconds(self) -> float:
        return self.clock() - self._begun

    def _seconds_left(self) -> float:
        """Time for looks at the loss: what is left of the budget after looking at the rows aside.

        Not measured yet, that counts as a look itself.
        """
        if self._deadline == math.inf:
            return math.inf
        aside = 0.0
        if self.validation is not None:
            aside = self._validation_seconds or self._slices.seconds_per_step or 0.0
        return self._deadline - self.clock() - aside


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


def full_batch_loop(
    network: Network,
    loss: Loss,
    method: FullBatchMethod,
    rows: TrainingData,
    validation: Evaluation | None,
    limits: Limits,
    *,
    l2: float,
    backend: str | None,
    threads: int | None,
    callbacks: Sequence[Callback],
    clock: Callable[[], float],
    started: float,
    interrupts: Interrupts,
) -> FullBatchLoop:
    """A full-batch method, compiled for a network and its rows: what is left is to run it."""
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
    problem = Problem(network, loss, output, target, weights, data, l2, backend, threads)
    return FullBatchLoop(
        network,
        method.descent(problem),
        validation,
        limits,
        callbacks=callbacks,
        clock=clock,
        started=started,
        interrupts=interrupts,
    )
