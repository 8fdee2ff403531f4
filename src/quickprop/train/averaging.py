"""Means of the weights along the way: often better than the weights of any one step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quickprop.foundation.registry import Registry
from quickprop.foundation.settings import Component, number, setting
from quickprop.graph import Tensor, variable
from quickprop.ops.elementary import cast, where

Pairs = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Averaging(Component, ABC):
    """How the weights of many steps become those that are judged and kept."""

    @property
    def needs_total(self) -> bool:
        """Whether the averages depend on the planned length of the fit."""
        return False

    @abstractmethod
    def blend(self, step: Tensor, total_steps: Tensor) -> tuple[Tensor, Pairs]:
        """How far the averages go towards the new weights, and the variables needed to know it.

        Parameters
        ----------
        step : Tensor
            int32 scalar: steps made before this one.
        total_steps : Tensor
            Steps that the fit makes if nothing ends it early.

        Returns
        -------
        blend : Tensor
            A scalar in the type of `total_steps`: 1 takes the new weights alone.
        updates : list of (Tensor, Tensor)
        """


#: Every kind of averaging by its name.
AVERAGING: Registry[type[Component]] = Registry()


@AVERAGING.register()
@dataclass(frozen=True)
class ExponentialAverage(Averaging):
    """``average = decay * average + (1 - decay) * weights`` after every step.

    Divided by ``1 - decay**t``, so that the start counts for nothing (Kingma and Ba 2015, section
    7.2; Polyak and Juditsky 1992 for the idea).

    Parameters
    ----------
    decay : float
        The mean goes back over about ``1 / (1 - decay)`` steps.

    Examples
    --------
    >>> from quickprop import Adam, Dense, ExponentialAverage, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule, average = Adam(0.1), ExponentialAverage(decay=0.9)
    >>> history = fit(
    ...     network, x, y, loss=MeanSquaredError(), optimizer=rule, averaging=average, epochs=500
    ... )
    >>> history.best_loss < 1e-3
    True
    """

    decay: float = setting(number(0.0, 1.0, high_open=True), 0.99)

    def blend(self, step: Tensor, total_steps: Tensor) -> tuple[Tensor, Pairs]:
        """``(1 - decay) / (1 - decay**t)``, at the first step 1."""
        kind = total_steps.dtype
        old = variable(self.decay, kind, "average.decay")
        new = variable(1.0 - self.decay, kind, "average.rest")
        # 1 - decay**t, as the running mean of ones: no cancellation when t is small.
        seen = variable(0.0, kind, "average.seen")
        now = seen * old + new
        return new / now, [(seen, now)]


@AVERAGING.register()
@dataclass(frozen=True)
class StochasticWeightAverage(Averaging):
    """The plain mean of the weights after every step of the last part of a fit.

    (Izmailov et al. 2018, with a step where the paper takes an epoch.) Before that part the weights
    of now stand for the mean.

    Parameters
    ----------
    start : float
        The part of the planned steps that is left out, from 0 and below 1.

    Examples
    --------
    >>> from quickprop import Adam, Dense, MeanSquaredError, Network, StochasticWeightAverage
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule, average = Adam(0.1), StochasticWeightAverage(start=0.5)
    >>> history = fit(
    ...     network, x, y, loss=MeanSquaredError(), optimizer=rule, averaging=average, epochs=500
    ... )
    >>> history.best_loss < 1e-3
    True
    """

    start: float = setting(number(0.0, 1.0, high_open=True), 0.75)

    @property
    def needs_total(self) -> bool:
        """It begins at a part of the planned length."""
        return True

    def blend(self, step: Tensor, total_steps: Tensor) -> tuple[Tensor, Pairs]:
        """1 before the last part, then 1/1, 1/2, 1/3, ..."""
        kind = total_steps.dtype
        count = variable(0.0, kind, "average.count")
        first = total_steps * variable(self.start, kind, "average.start")
        now = where(cast(step, kind) < first, 0.0, count + 1.0)
        return where(now < 1.0, 1.0, 1.0 / where(now < 1.0, 1.0, now)), [(count, now)]


def averages(
    averaging: Averaging, changed: Sequence[tuple[Tensor, Tensor]], step: Tensor, total: Tensor
) -> tuple[dict[Tensor, Tensor], Pairs]:
    """The average of each changed variable, and the updates that keep it.

    Parameters
    ----------
    changed : sequence of (Tensor, Tensor)
        Variables of the network, and their new values.
    """
    blend, updates = averaging.blend(step, total)
    kept: dict[Tensor, Tensor] = {}
    for old, new in changed:
        average = variable(np.zeros_like(old.value), old.dtype, f"{old.name}.average")
        kept[old] = average
        # Not average + blend * (new - average): at a blend of 1 that would not be quite `new`.
        updates.append((average, average * (1.0 - blend) + new * blend))
    return kept, updates
