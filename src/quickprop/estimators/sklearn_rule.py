"""scikit-learn's rules for epochs: when to lower the rate, when to stop, what to say."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quickprop.estimators.rate import LearningRate
from quickprop.estimators.rows import Rows
from quickprop.estimators.step_engine import StepEngine
from quickprop.execution import Minibatches
from quickprop.foundation.deadline import Deadline
from quickprop.train.history import EpochRecord, History, Stop, StopReason
from quickprop.train.loop import EpochRule, Position, Scalars, StepPace
from quickprop.train.weight_copy import WeightCopy

#: What scikit-learn says of weights that are not numbers.
NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)


@dataclass
class Learned:
    """What scikit-learn keeps as attributes while an estimator learns.

    Parameters
    ----------
    loss_curve : list of float
    validation_scores : list of float or None
        None without a validation part.
    best_loss, best_score : float or None
        One of the two, by what is watched.
    without_progress : int
        Epochs in a row.
    epochs : int
        Of this fit.
    rows_seen : int
    loss : float
        Of the last epoch; NaN before there is one.
    """

    loss_curve: list[float]
    validation_scores: list[float] | None
    best_loss: float | None
    best_score: float | None
    without_progress: int
    rows_seen: int
    epochs: int = 0
    loss: float = math.nan


@dataclass(frozen=True)
class RuleSettings:
    """Parameters of an estimator that the rules read.

    Parameters
    ----------
    tol : float
        The least gain that counts as progress.
    n_iter_no_change : float
        Epochs without progress that are borne.
    shuffle : bool
    alpha, weight_decay : float
    seed : int
        Of dropout and its like, which draw from streams of quickprop.
    """

    tol: float
    n_iter_no_change: float
    shuffle: bool
    alpha: float
    weight_decay: float
    seed: int


def _nothing(line: str) -> None:
    """Say nothing."""


class SklearnRule(EpochRule):
    """The rules of scikit-learn's stochastic solvers.

    Parameters
    ----------
    settings : RuleSettings
    learned : Learned
        Is kept up to date from epoch to epoch, so that an interrupted fit leaves a whole one.
    engine : StepEngine
    rows : int
        In an epoch.
    rate : LearningRate
    random : RandomState
    score : callable or None
        The validation score with the weights of now.
    say : callable or None
        Takes the lines that `verbose` asks for.
    deadline : Deadline
    """

    def __init__(
        self,
        settings: RuleSettings,
        learned: Learned,
        engine: StepEngine,
        rows: int,
        rate: LearningRate,
        random: np.random.RandomState,
        score: Callable[[], float] | None,
        say: Callable[[str], None] | None,
        deadline: Deadline,
    ) -> None:
        self.settings, self.learned, self.engine = settings, learned, engine
        self.rows, self.rate, self.random = rows, rate, random
        self.score, self.deadline, self.history = score, deadline, History()
        self._say, self._prints = say or _nothing, say is not None
        # Of the weights of the best epoch so far.
        self._copy: WeightCopy | None = None
        #: Whether anybody looks on, and the epochs are put down.
        self.watched = False
        self._diverged = False
        self._shuffle: Callable[[], None] | None = None
        self._scalars_of: tuple[float, Scalars] | None = None

    def bind(self, batches: Minibatches, epochs: int) -> None:
        """Take the compiled step, of which so many epochs are planned."""
        self.engine.step.total_steps.assign(batches.steps_per_epoch * epochs)
        self._steps = batches.steps_per_epoch
        if self.settings.shuffle:
            # There the order is the last one at shuffled places; to shuffle the order itself gives
            # the same.
            self._shuffle = batches.shuffler(self.random)

    def begin(self) -> None:
        """Have room for the best weights."""
        self._copy = WeightCopy(self.engine.network)

    def begin_epoch(self, epoch: int) -> Scalars:
        """The rows in the next order of the random state, the rate of now."""
        if self._shuffle is not None:
            self._shuffle()
        return self._scalars()

    def _scalars(self) -> Scalars:
        rate = self.rate.learning_rate
        if self._scalars_of is None or self._scalars_of[0] != rate:
            settings = self.settings
            values = self.engine.step.scalars(
                learning_rate=rate,
                alpha=settings.alpha,
                weight_decay=settings.weight_decay,
                seed=settings.seed,
            )
            self._scalars_of = rate, values
        return self._scalars_of[1]

    def run_once(self, rows: Rows, batch_size: int) -> None:
        """A single epoch without setting anything up, for `partial_fit`."""
        # Without a copy of the weights, which at every call would cost more than the call.
        order = np.arange(len(rows))
        if self.settings.shuffle:
            self.random.shuffle(order)
        scalars, total = self._scalars(), 0.0
        for start in range(0, len(order), batch_size):
            index = order[start : start + batch_size]
            total += self.engine.call(rows.taken(index), scalars) * len(index)
        self._take(total)
        self.engine.after_epoch(self.learned.loss, -(-self.learned.rows_seen // batch_size), None)

    def end_epoch(
        self, position: Position, pace: StepPace
    ) -> tuple[EpochRecord | None, Stop | None]:
        """Take in a whole epoch; of one that was broken off nothing is kept."""
        learned, steps = self.learned, self._steps
        if position.done < steps and math.isfinite(position.total):
            if not learned.epochs and position.done:
                learned.loss = position.total * steps / (position.done * self.rows)
            return None, None
        rate = self.rate.learning_rate
        stop = self._take(position.total)
        record = None
        if self.watched:
            record = EpochRecord(learned.epochs, learned.loss, None, rate, self.deadline.passed)
            self.history.epochs.append(record)
        if self.engine.step.schedule_state:
            scores = learned.validation_scores
            watched = learned.loss if scores is None else -scores[-1]
            self.engine.after_epoch(watched, learned.epochs * steps, pace.steps_left())
        return record, stop

    def _take(self, total: float) -> Stop | None:
        """Take in the sum of the losses of an epoch; gives the reason when it was the last."""
        learned, settings = self.learned, self.settings
        learned.epochs += 1
        learned.loss = total / self.rows
        learned.rows_seen += self.rows
        learned.loss_curve.append(learned.loss)
        if self._prints:
            self._say(f"Iteration {learned.epochs}, loss = {learned.loss:.8f}")
        finite = math.isfinite(learned.loss)
        if self.score is not None and learned.validation_scores is not None:
            learned.validation_scores.append(self.score() if finite else math.nan)
            if self._prints:
                self._say(f"Validation score: {learned.validation_scores[-1]:f}")
        if not finite:
            return self._not_finite()
        if self._count_progress() and self._copy is not None:
            self._copy.take(learned.epochs)
        self.rate.after_epoch(learned.rows_seen)
        if learned.without_progress <= settings.n_iter_no_change:
            return None
        watched = "Training loss" if self.score is None else "Validation score"
        said = (
            f"{watched} did not improve more than tol={settings.tol:f} for "
            f"{settings.n_iter_no_change} consecutive epochs. "
        )
        lowered = self.rate.without_progress()
        said += lowered or self.rate.reason
        self._say(said)
        if lowered is None:
            return Stop(StopReason.NO_PROGRESS, said)
        learned.without_progress = 0
        return None

    def _count_progress(self) -> bool:
        """Count epochs without progress; True when the epoch is the best."""
        learned, tol = self.learned, self.settings.tol
        if learned.validation_scores is not None:
            now, best = learned.validation_scores[-1], learned.best_score
            assert best is not None
            enough, better = not now < best + tol, now > best
            if better:
                learned.best_score = now
        else:
            now, best = learned.loss, learned.best_loss
            assert best is not None
            enough, better = not now > best - tol, now < best
            if better:
                learned.best_loss = now
        learned.without_progress = 0 if enough else learned.without_progress + 1
        return better

    def _not_finite(self) -> Stop:
        """The last weights that were numbers come back; without any that is an error."""
        epoch, copy = self.learned.epochs, self._copy
        if copy is None or copy.epoch is None:
            raise ValueError(f"{NOT_FINITE} The loss was not finite in epoch {epoch}.")
        self._diverged = True
        return Stop(
            StopReason.NOT_FINITE,
            f"The loss was no longer finite in epoch {epoch}; the weights are those of epoch "
            f"{copy.epoch}. A smaller learning_rate_init or scaled inputs may help.",
        )

    def ended(self) -> Stop | None:
        """All is known at the end of an epoch."""
        return None

    def settle(self, stop: Stop | None) -> Stop | None:
        """The best weights where a score is watched or the last are no numbers, else the last."""
        kept = self._copy
        wanted = self._diverged or self.score is not None
        if wanted and kept is not None and kept.epoch is not None:
            kept.put_back()
        return stop

    def seconds_at_end(self, seconds_per_row: float) -> float:
        """Nothing is done at the end."""
        return 0.0
