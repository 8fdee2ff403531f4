"""What a search will train, fixed before it begins: the clock may only cut it short."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from quickprop.models.inputs import Interface
from quickprop.models.recipe import Recipe
from quickprop.selection.bag import BagPlan
from quickprop.selection.portfolio import Entry

#: Up to so many rows: epochs and rows in a step.
_LENGTHS = (
    (1_000, 256, 32),
    (3_000, 128, 64),
    (10_000, 64, 128),
    (30_000, 32, 256),
    (100_000, 16, 256),
)
_LONGEST = (8, 512)
#: Fewer epochs than this are no training: the folds are given up before.
_FEWEST_EPOCHS = 12
#: The part of the budget that goes into training.
_TRAINING = 0.8
#: Rows above which a single part is held out, and above which there are three folds.
_MANY, _MORE = 30_000, 10_000


@dataclass(frozen=True)
class Speed:
    """How fast this machine trains.

    Attributes
    ----------
    flops : float
        Floating-point operations a second of one thread.
    step : float
        Seconds of a step beside them.
    compiling : float
        Seconds until the first step of a new design.
    """

    flops: float = 4e10
    step: float = 12e-6
    compiling: float = 0.3

    def seconds(self, recipe: Recipe, rows: int, weights: int) -> float:
        """About how long a network takes."""
        batch = recipe.batch_size or rows
        steps = recipe.epochs * math.ceil(rows / batch)
        return steps * (self.step + 6.0 * batch * weights / self.flops)


@dataclass(frozen=True)
class Plan:
    """Bags in the order of their training.

    Attributes
    ----------
    folds : int
        How many parts the rows are dealt into.
    used : int
        How many of them are held out in turn.
    entries : tuple of Entry
    batch_size, epochs : int
    seconds : float
        About how long a bag of the first recipe takes, on one core.
    most : int or None
        The most networks, where that was asked for.
    """

    folds: int
    used: int
    entries: tuple[Entry, ...]
    batch_size: int
    epochs: int
    seconds: float
    most: int | None = None

    def bags(self, seed: int) -> Iterator[BagPlan]:
        """All bags, round after round with other seeds."""
        made, round_ = 0, 0
        while self.most is None or made < self.most:
            for entry in self.entries:
                if self.most is not None and made >= self.most:
                    return
                recipe = entry.planned(self.batch_size, self.epochs)
                yield BagPlan(entry.name, recipe, seed + round_)
                made += self.used
            round_ += 1

    @property
    def words(self) -> str:
        """The plan in one line."""
        parts = (
            f"{self.folds} folds"
            if self.used == self.folds
            else f"one part of {self.folds} held out"
        )
        many = len(self.entries)
        kinds = f"{many} kinds of networks, {self.entries[0].name} first"
        until = "until no more is gained" if self.most is None else f"{self.most} in all"
        return f"{parts}; {kinds}, {self.epochs} epochs of {self.batch_size} rows a step; {until}"


def plan_search(
    entries: tuple[Entry, ...],
    interface: Interface,
    rows: int,
    *,
    units: int,
    budget: float | None,
    cores: int,
    folds: int | None = None,
    fits: int | None = None,
    speed: Speed | None = None,
) -> Plan:
    """Choose folds, epochs and batch size so that the first bag takes its part of the budget.

    Parameters
    ----------
    entries : tuple of Entry
    interface : Interface
    rows : int
        That train.
    units : int
        Rows, or groups of rows, that are dealt: there cannot be more folds.
    budget : float or None
        Seconds in all.
    cores : int
        Threads that train at the same time.
    folds, fits : int, optional
        What was asked for: folds, and networks in all.
    speed : Speed, optional
    """
    pace = Speed() if speed is None else speed
    epochs, batch = next(
        ((length, size) for most, length, size in _LENGTHS if rows <= most), _LONGEST
    )
    wanted = folds if folds is not None else 5 if rows <= _MORE else 3
    wanted = max(2, min(wanted, units))
    used = wanted
    first = entries[0]
    weights = first.recipe.weights(interface)

    def seconds(length: int, parts: int, of: int) -> float:
        recipe = first.planned(batch, length)
        each = pace.seconds(recipe, rows - rows // of, weights)
        return math.ceil(parts / cores) * each + pace.compiling

    if budget is not None:
        training = _TRAINING * budget
        if folds is None and seconds(epochs, used, wanted) > training:
            if wanted > 3 and seconds(epochs, 3, 3) > training / 2:
                wanted = used = min(3, units)
            if seconds(_FEWEST_EPOCHS, used, wanted) > training:
                wanted, used = max(2, min(5, units)), 1
        while epochs > 4 and seconds(epochs, used, wanted) > training:
            epochs = max(4, int(epochs * 0.8))
    return Plan(wanted, used, entries, batch, epochs, seconds(epochs, used, wanted), fits)


def longer(plan: BagPlan, times: int) -> BagPlan:
    """The same bag with so many times the epochs."""
    recipe = replace(plan.recipe, epochs=plan.recipe.epochs * times)
    return BagPlan(f"{plan.name}, {times} times as long", recipe, plan.seed)
