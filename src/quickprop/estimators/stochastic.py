"""Epochs of mini-batches, with scikit-learn's rules for when to lower the rate and when to stop."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from quickprop.estimators.engine import Rows, StepEngine
from quickprop.estimators.rate import LearningRate
from quickprop.estimators.watching import EpochReport, Watcher, epoch_ended, say, watched
from quickprop.estimators.weights import WeightCopy
from quickprop.execution import Minibatches
from quickprop.foundation.interrupts import Interrupts, held_interrupts
from quickprop.native import NotInTimeError, compiling_within
from quickprop.train.slices import SlicePlanner

#: What scikit-learn says of weights that are not numbers.
NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)

#: What is said when there was not even time to compile.
COMPILING = (
    " The weights are the starting ones: the network's code was still being compiled. The next fit "
    "of such a network will find it ready."
)


@dataclass(frozen=True)
class Pace:
    """How long a fit may take.

    Parameters
    ----------
    begun : float
        When it began, by `time.perf_counter`.
    seconds : float or None
        Seconds from then on.
    """

    begun: float
    seconds: float | None

    @property
    def passed(self) -> float:
        """Seconds since it began."""
        return time.perf_counter() - self.begun

    @property
    def left(self) -> float:
        """Seconds left."""
        return math.inf if self.seconds is None else self.seconds - self.passed


class Epochs:
    """A stochastic fit in progress.

    What scikit-learn keeps as attributes of the estimator (`loss_curve_`, `n_iter_`, `t_`, ...) is
    kept there from the first epoch on, so that an interrupted fit leaves a whole estimator.

    Parameters
    ----------
    estimator : estimator
        Its parameters are read and its attributes written.
    engine : StepEngine
    rows : Rows
    rate : LearningRate
    random : RandomState
    score : callable or None
        The validation score with the weights of now.
    batch_size : int
    seed : int
        Of dropout and its like, which draw from streams of quickprop.
    pace : Pace
    watchers : sequence of Watcher
    """

    def __init__(
        self,
        estimator: Any,
        engine: StepEngine,
        rows: Rows,
        rate: LearningRate,
        random: np.random.RandomState,
        score: Callable[[], float] | None,
        batch_size: int,
        seed: int,
        pace: Pace,
        watchers: Sequence[Watcher] = (),
    ) -> None:
        self.estimator, self.engine, self.rows, self.rate = estimator, engine, rows, rate
        self.random, self.score, self.batch_size = random, score, batch_size
        self.seed, self.pace, self.watchers = seed, pace, watchers
        # Of the weights of the best epoch so far.
        self._copy: WeightCopy | None = None
        self._prints = bool(estimator.verbose)

    # -- running ----------------------------------------------------------------------------------

    def run(self, prints: bool = True) -> None:
        """All epochs.

        Parameters
        ----------
        prints : bool
            False when a progress bar takes the place of lines.
        """
        me = self.estimator
        self._prints = prints and bool(me.verbose)
        try:
            # Held back, so that Ctrl-C never comes between two lists that belong together.
            with held_interrupts() as interrupts:
                batches = self._compiled(interrupts)
                with watched(self.watchers, me):
                    self._epochs(batches, interrupts)
        except NotInTimeError:
            self._out_of_time(math.nan, COMPILING)
        except KeyboardInterrupt:
            if not me.n_iter_:
                me.loss_ = math.nan
            warnings.warn("Training interrupted by user.", stacklevel=2)
        finally:
            # On every way out, also when a callback raises.
            if self.score is not None and self._copy is not None and self._copy.epoch is not None:
                self._copy.put_back()

    def _compiled(self, interrupts: Interrupts) -> Minibatches:
        """All that the fit runs is compiled here: the steps, and what the score is taken of."""
        try:
            with compiling_within(self.pace.left, lambda: interrupts.raised):
                batches = self.engine.minibatches(self.rows, self.batch_size)
                if self.score is not None and 0.0 < self.pace.left < math.inf:
                    self.score()
        except NotInTimeError:
            if interrupts.raised:
                raise KeyboardInterrupt from None
            raise
        return batches

    def _epochs(self, batches: Minibatches, interrupts: Interrupts) -> None:
        me = self.estimator
        steps = batches.steps_per_epoch
        self.engine.plan(steps * me.max_iter)
        # There it is the last order at shuffled places; to shuffle the order itself gives the same.
        shuffle = batches.shuffler(self.random)
        self._copy = WeightCopy(self.engine.network)
        slices = SlicePlanner()
        for _ in range(me.max_iter):
            for one in self.watchers:
                one.epoch_begins()
            if me.shuffle:
                shuffle()
            total = self._epoch(batches, slices, interrupts)
            if total is None:
                return
            ended = self._ended_by(total)
            self._tell_schedule(me.n_iter_ * steps)
            if self._told_to_stop() or ended:
                return
            if me.n_iter_ == me.max_iter:
                warnings.warn(
                    f"Stochastic Optimizer: Maximum iterations ({me.max_iter}) reached and "
                    "the optimization hasn't converged yet.",
                    ConvergenceWarning,
                    stacklevel=2,
                )

    def _epoch(
        self, batches: Minibatches, slices: SlicePlanner, interrupts: Interrupts
    ) -> float | None:
        """The sum of the losses of all rows; None when the time was up before the end."""
        scalars, steps = self._scalars(), batches.steps_per_epoch
        total, done = 0.0, 0
        while done < steps:
            # In slices of milliseconds, so that Ctrl-C is heard and the time is kept.
            count = slices.steps(steps - done, self.pace.left)
            if not count:
                seen = min(done * self.batch_size, len(self.rows))
                self._out_of_time(total / seen if seen else math.nan)
                return None
            before = time.perf_counter()
            total = batches.run(done, count, scalars, total)
            slices.learn(count, time.perf_counter() - before)
            done += count
            if interrupts.raised:
                raise KeyboardInterrupt
        return total

    def _tell_schedule(self, steps: int) -> None:
        me = self.estimator
        left = None
        if self.pace.seconds is not None:
            left = max(0.0, self.pace.left) * steps / self.pace.passed
        loss = me.loss_ if self.score is None else -me.validation_scores_[-1]
        self.engine.after_epoch(loss, steps, left)

    def _told_to_stop(self) -> bool:
        """Tell those who look on of the epoch; True when one of them wants to stop."""
        if not self.watchers:
            return False
        me = self.estimator
        end = EpochReport(
            me.n_iter_,
            me.max_iter,
            me.loss_,
            None if self.score is None else me.validation_scores_[-1],
            self.rate.learning_rate,
            self.pace.passed,
            me,
        )
        return epoch_ended(self.watchers, end)

    def run_once(self) -> None:
        """A single epoch without setting anything up, for `partial_fit`."""
        # Without a copy of the weights, which at every call would cost more than the call.
        order = np.arange(len(self.rows))
        if self.estimator.shuffle:
            self.random.shuffle(order)
        scalars = self._scalars()
        total = 0.0
        for start in range(0, len(order), self.batch_size):
            index = order[start : start + self.batch_size]
            total += self.engine.call(self.rows.taken(index), scalars) * len(index)
        self._ended_by(total)

    def _scalars(self) -> dict[Any, float | int]:
        me = self.estimator
        return self.engine.scalars(self.rate.learning_rate, me.alpha, me.weight_decay, self.seed)

    # -- the end of an epoch ----------------------------------------------------------------------

    def _ended_by(self, total: float) -> bool:
        """Take in an epoch; True when it was the last."""
        me = self.estimator
        me.n_iter_ += 1
        me.loss_ = total / len(self.rows)
        me.t_ += len(self.rows)
        me.loss_curve_.append(me.loss_)
        if self._prints:
            say(me, f"Iteration {me.n_iter_}, loss = {me.loss_:.8f}")
        if self.score is not None:
            me.validation_scores_.append(self.score() if math.isfinite(me.loss_) else math.nan)
            if self._prints:
                say(me, f"Validation score: {me.validation_scores_[-1]:f}")
        if not math.isfinite(me.loss_):
            self._diverged()
            return True
        if self._count_progress() and self._copy is not None:
            self._copy.take(me.n_iter_)
        self.rate.after_epoch(me.t_)
        if me._no_improvement_count <= me.n_iter_no_change:
            return False
        watched = "Training loss" if self.score is None else "Validation score"
        said = (
            f"{watched} did not improve more than tol={me.tol:f} for {me.n_iter_no_change} "
            "consecutive epochs. "
        )
        lowered = self.rate.without_progress()
        if self._prints:
            say(me, said + (lowered or self.rate.reason))
        if lowered is None:
            return True
        me._no_improvement_count = 0
        return False

    def _count_progress(self) -> bool:
        """Count epochs without progress; True when the epoch is the best."""
        me = self.estimator
        if self.score is not None:
            now, best = me.validation_scores_[-1], me.best_validation_score_
            enough, better = not now < best + me.tol, now > best
            if better:
                me.best_validation_score_ = now
        else:
            now, best = me.loss_curve_[-1], me.best_loss_
            enough, better = not now > best - me.tol, now < best
            if better:
                me.best_loss_ = now
        me._no_improvement_count = 0 if enough else me._no_improvement_count + 1
        return better

    def _diverged(self) -> None:
        """Go back to the last weights that were numbers, and say so."""
        me = self.estimator
        if self._copy is None or self._copy.epoch is None:
            raise ValueError(f"{NOT_FINITE} The loss was not finite in epoch {me.n_iter_}.")
        self._copy.put_back()
        warnings.warn(
            f"The loss was no longer finite in epoch {me.n_iter_}; the weights are those of epoch "
            f"{self._copy.epoch}. A smaller learning_rate_init or scaled inputs may help.",
            ConvergenceWarning,
            stacklevel=2,
        )

    def _out_of_time(self, loss: float, why: str = "") -> None:
        """Leave the weights as they are; the loss is that of the last epoch that has one."""
        me = self.estimator
        if not me.n_iter_:
            me.loss_ = loss
        warnings.warn(
            f"max_time={me.max_time:g} was used up in epoch {me.n_iter_ + 1} of {me.max_iter}."
            + why,
            ConvergenceWarning,
            stacklevel=2,
        )
