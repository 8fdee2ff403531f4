"""The search: bags are trained side by side, wave after wave, until nothing more is gained."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from quickprop.foundation.core_budget import core_limit
from quickprop.foundation.deadline import Deadline
from quickprop.foundation.interrupts import Interrupts
from quickprop.foundation.side_by_side import side_by_side
from quickprop.models.prepared import Prepared
from quickprop.selection.bag import Bag, BagPlan, FoldNetwork, Scorers, train_without
from quickprop.selection.plan import Plan, longer
from quickprop.selection.pool import Pool
from quickprop.train import Callback, StopReason
from quickprop.train import Progress as FitProgress

#: Bags in a wave after the first: as many tasks as keep two cores busy, whatever the folds.
_IN_A_WAVE = 2
#: Waves without a gain after which a search ends: small tables tell sooner.
_PATIENCE, _PATIENCE_OF_FEW, _FEW_ROWS = 3, 2, 2000
#: A gain that is no more than this share of the loss, or of its standard error, is none.
_LEAST_GAIN, _LEAST_OF_ERROR = 3e-3, 0.05
#: Where the loss still falls by more than this share in the last part of training, longer training
#: is tried, by so many times, up to so many times in all.
_STILL_FALLS, _LONGER, _LONGEST = 0.02, 3, 27
#: The part of a network's time that it may learn for; then it is asked about its fold.
_LEARNING = 0.85
#: Of the time that a wave took, the part that must be left for another one to begin.
_WORTH_BEGINNING = 0.6


@dataclass(frozen=True)
class SearchProgress:
    """How far a search has come.

    Attributes
    ----------
    networks : int
        Trained so far.
    loss, error : float
        The mean loss of the ensemble on rows that it has not seen, and its standard error.
    seconds_left : float or None
    """

    networks: int
    loss: float
    error: float
    seconds_left: float | None


@dataclass(eq=False)
class Search:
    """Trains the bags of a plan.

    Attributes
    ----------
    prepared : Prepared
    plan : Plan
    pool : Pool
        What was trained.
    deadline : Deadline
        By when training must have ended.
    seed : int
    interrupts : Interrupts
        Ctrl-C ends the search; what was trained is there.
    threads : int or None
        The most threads.
    on_wave : callable, optional
        Called with a `SearchProgress` after every wave.
    stopped : str
        Why it ended.
    """

    prepared: Prepared
    plan: Plan
    pool: Pool
    deadline: Deadline
    seed: int
    interrupts: Interrupts
    threads: int | None = None
    on_wave: Callable[[SearchProgress], None] | None = None
    stopped: str = ""
    _scorers: Scorers = field(default_factory=Scorers)

    def run(self) -> None:
        """Train until the plan is done, nothing more is gained, or the time is up."""
        bags = self.plan.bags(self.seed)
        size, best, without = 1, np.inf, 0
        few = len(self.prepared.truth) < _FEW_ROWS
        patience = _PATIENCE_OF_FEW if few else _PATIENCE
        extra: list[BagPlan] = []
        while True:
            begun = self.deadline.passed
            wave = extra or list(itertools.islice(bags, size))
            extra = []
            if not wave:
                self.stopped = f"all {self._count} networks were trained"
                return
            whole = self._train(wave)
            if self.interrupts.raised:
                self.stopped = "interrupted"
                return
            if not whole:
                self.stopped = "the budget was used up"
                return
            losses = self._nested_losses()
            loss, error = float(losses.mean()), float(losses.std()) / len(losses) ** 0.5
            if self.on_wave is not None:
                left = self.deadline.left if self.deadline.limited else None
                self.on_wave(SearchProgress(self._count, loss, error, left))
            took = self.deadline.passed - begun
            if loss < best - max(_LEAST_GAIN * loss, _LEAST_OF_ERROR * error):
                without, best = 0, loss
            else:
                without += 1
            if self.plan.most is None:
                extra = self._longer()
                if without >= patience and not extra:
                    self.stopped = f"{without * _IN_A_WAVE} more recipes did not help"
                    return
                if self.deadline.left < _WORTH_BEGINNING * took * (1 if size > 1 else 2):
                    self.stopped = "the time that is left is too short for more networks"
                    return
            size = _IN_A_WAVE

    @property
    def _count(self) -> int:
        return sum(len(bag.networks) for bag in self.pool.bags)

    def _nested_losses(self) -> np.ndarray:
        return self.prepared.task.row_losses(self.pool.truth, self.pool.nested())

    def _longer(self) -> list[BagPlan]:
        """The best bag with more epochs, where its loss was still falling at the end."""
        if not self.pool.candidates:
            return []
        bag = self.pool.best.bag
        losses = [one.loss for one in self.pool.candidates if one.bag is bag]
        epochs = bag.plan.recipe.epochs
        if epochs * _LONGER > self.plan.epochs * _LONGEST:
            return []
        if len(losses) > 1 and losses[-1] < min(losses[:-1]) * (1.0 - _STILL_FALLS):
            tried = longer(bag.plan, _LONGER)
            if self.deadline.left > _LONGER * bag.seconds / core_limit(self.threads):
                return [tried]
        return []

    def _train(self, wave: Sequence[BagPlan]) -> bool:
        """Train the bags and take in those that are whole; whether all are."""
        folds = self.pool.folds
        jobs = [(plan, fold) for plan in wave for fold in range(folds.used)]
        first, stop = not self.pool.bags, threading.Event()
        beside = min(core_limit(self.threads), len(jobs))

        def train(number: int) -> FoldNetwork | None:
            plan, fold = jobs[number]
            left = self.deadline.left
            if stop.is_set() or self.interrupts.raised or left <= 0.0:
                return None
            budget = left
            if first:
                # Kept however short it is: each network has its share, and those that come first
                # more, as code is compiled for all of them.
                rounds = -(-(len(jobs) - number) // beside)
                share = 1.0 / rounds if number >= beside else max(1.0 / rounds, 0.5)
                budget = left * share * _LEARNING
            one = train_without(
                self.prepared,
                folds,
                plan,
                fold,
                self._scorers,
                budget=budget if self.deadline.limited else None,
                callbacks=[_StopWhen(lambda: stop.is_set() or self.interrupts.raised)],
            )
            if one.history.reason is StopReason.NOT_FINITE:
                return None
            return one if one.whole or (first and one.history.epochs) else None

        done = side_by_side(train, range(len(jobs)), stop, self.threads)
        for number in range(len(wave)):
            made = done[number * folds.used : (number + 1) * folds.used]
            networks = [one for one in made if one is not None]
            if len(networks) == folds.used:
                self.pool.add(Bag.of(networks, folds))
        return all(one is not None and one.whole for one in done)


class _StopWhen(Callback):
    """Ends a fit when it is told to."""

    def __init__(self, told: Callable[[], bool]) -> None:
        self._told = told

    def on_slice(self, progress: FitProgress) -> bool | None:
        """Look at it."""
        return self._told()
