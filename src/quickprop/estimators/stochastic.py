"""Epochs of mini-batches, with scikit-learn's rules for when to lower the rate and when to stop."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from quickprop.estimators.engine import Rows, StepEngine
from quickprop.estimators.rate import LearningRate
from quickprop.train.slices import SlicePlanner

#: What scikit-learn says of weights that are not numbers.
NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)


@dataclass(frozen=True)
class Best:
    """The weights of the best epoch so far."""

    epoch: int
    weights: dict[str, np.ndarray]


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
    ) -> None:
        self.estimator, self.engine, self.rows, self.rate = estimator, engine, rows, rate
        self.random, self.score, self.batch_size = random, score, batch_size
        self.order = np.arange(len(rows))
        # Dropout and its like draw from streams of quickprop; the row order is scikit-learn's.
        self.seed = 0
        self.best: Best | None = None
        self._keeps = True

    def run(self) -> None:
        """All epochs."""
        me = self.estimator
        batches = self.engine.minibatches(self.rows, self.batch_size)
        slices = SlicePlanner()

        def epoch() -> float:
            if me.shuffle:
                batches.order[...] = self._shuffled()
            scalars = self.engine.scalars(self.rate.learning_rate, me.alpha, self.seed)
            total, done, steps = 0.0, 0, batches.steps_per_epoch
            while done < steps:
                # In slices of milliseconds, so that Ctrl-C is heard.
                count = slices.steps(steps - done, math.inf)
                before = time.perf_counter()
                total += batches.run(done, count, scalars)
                slices.learn(count, time.perf_counter() - before)
                done += count
            return total

        try:
            for _ in range(me.max_iter):
                if self._ended_by(epoch()):
                    break
                if me.n_iter_ == me.max_iter:
                    warnings.warn(
                        f"Stochastic Optimizer: Maximum iterations ({me.max_iter}) reached and "
                        "the optimization hasn't converged yet.",
                        ConvergenceWarning,
                        stacklevel=2,
                    )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=2)
        if self.score is not None and self.best is not None:
            self.engine.network.set_weights(self.best.weights)

    def run_once(self) -> None:
        """A single epoch without setting anything up, for `partial_fit`."""
        me = self.estimator
        # A copy of all weights at every call would cost more than the call.
        self._keeps = False
        order = self._shuffled() if me.shuffle else self.order
        scalars = self.engine.scalars(self.rate.learning_rate, me.alpha, self.seed)
        total = 0.0
        for start in range(0, len(order), self.batch_size):
            index = order[start : start + self.batch_size]
            total += self.engine.call(self.rows.taken(index), scalars) * len(index)
        self._ended_by(total)

    def _shuffled(self) -> np.ndarray:
        """The next order of rows, drawn as scikit-learn draws it."""
        index = np.arange(len(self.order))
        self.random.shuffle(index)
        self.order = self.order[index]
        return self.order

    def _ended_by(self, total: float) -> bool:
        """Take in an epoch; True when it was the last."""
        me = self.estimator
        me.n_iter_ += 1
        me.loss_ = total / len(self.rows)
        me.t_ += len(self.rows)
        me.loss_curve_.append(me.loss_)
        if me.verbose:
            print(f"Iteration {me.n_iter_}, loss = {me.loss_:.8f}")
        if self.score is not None:
            me.validation_scores_.append(self.score() if math.isfinite(me.loss_) else math.nan)
            if me.verbose:
                print(f"Validation score: {me.validation_scores_[-1]:f}")
        if not math.isfinite(me.loss_):
            self._diverged()
            return True
        better = self._count_progress()
        if better:
            self._keep()
        self.rate.after_epoch(me.t_)
        if me._no_improvement_count <= me.n_iter_no_change:
            return False
        watched = "Training loss" if self.score is None else "Validation score"
        said = (
            f"{watched} did not improve more than tol={me.tol:f} for {me.n_iter_no_change} "
            "consecutive epochs. "
        )
        lowered = self.rate.without_progress()
        if me.verbose:
            print(said + (lowered or self.rate.reason))
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

    def _keep(self) -> None:
        if not self._keeps:
            return
        weights = self.engine.network.weights()
        if all(np.isfinite(array).all() for array in weights.values()):
            self.best = Best(self.estimator.n_iter_, weights)

    def _diverged(self) -> None:
        """Go back to the last weights that were numbers, and say so."""
        if self.best is None:
            raise ValueError(NOT_FINITE)
        me = self.estimator
        self.engine.network.set_weights(self.best.weights)
        warnings.warn(
            f"The loss was no longer finite in epoch {me.n_iter_}; the weights are those of epoch "
            f"{self.best.epoch}. A smaller learning_rate_init or scaled inputs may help.",
            ConvergenceWarning,
            stacklevel=2,
        )
