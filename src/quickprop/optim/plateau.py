"""A rate that goes down when the loss no longer does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from quickprop.config import DType
from quickprop.foundation.settings import integer, number, setting
from quickprop.graph import Tensor, variable
from quickprop.optim.schedule import SCHEDULES, EpochEnd, Schedule


@SCHEDULES.register("reduce_lr_on_plateau")
@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """The rate times `factor` when more than `patience` epochs brought no better loss.

    The loss is that of validation, or of training when there is no validation part. Better is
    what is below the best so far by more than ``threshold * |best|``.

    Parameters
    ----------
    factor : float
        Above 0 and below 1.
    patience : int
        Epochs without a better loss that are borne; smaller than the patience of the fit, which
        ends it.
    threshold : float
        The smallest gain that counts, relative to the best loss.
    cooldown : int
        Epochs after a reduction in which none is counted as bad.
    floor : float
        The smallest part of the base rate.

    Examples
    --------
    >>> from quickprop import SGD, Dense, MeanSquaredError, Network, ReduceOnPlateau
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = SGD(0.1)
    >>> rates = ReduceOnPlateau(factor=0.5, patience=1, threshold=10.0)
    >>> history = fit(
    ...     network, x, y, loss=MeanSquaredError(), optimizer=rule, schedule=rates, epochs=6
    ... )
    >>> [round(epoch.learning_rate, 4) for epoch in history.epochs]
    [0.1, 0.1, 0.1, 0.05, 0.05, 0.025]
    """

    factor: float = setting(number(0.0, 1.0, low_open=True, high_open=True), 0.1)
    patience: int = setting(integer(0), 10)
    threshold: float = setting(number(0.0), 1e-4)
    cooldown: int = setting(integer(0), 0)
    floor: float = setting(number(0.0, 1.0), 0.0)

    def state(self, dtype: DType) -> tuple[Tensor, ...]:
        """The part of the base rate; the best loss; bad epochs since; epochs of rest left."""
        return (
            variable(1.0, dtype, "plateau.part"),
            variable(math.inf, DType.float64, "plateau.best"),
            variable(0, DType.int32, "plateau.bad"),
            variable(0, DType.int32, "plateau.rest"),
        )

    def rate(
        self,
        base_rate: Tensor,
        step: Tensor,
        total_steps: Tensor,
        state: Sequence[Tensor] = (),
    ) -> Tensor:
        """The base rate times the part that is left of it."""
        return base_rate * state[0]

    def after_epoch(self, state: Sequence[Tensor], end: EpochEnd) -> None:
        """Count the epoch, and reduce the rate when there were too many bad ones."""
        part, best, bad, rest = (float(held.value) for held in state)
        # Of the size of the best loss, which may be negative.
        if not math.isfinite(best) or end.loss < best - self.threshold * abs(best):
            best, bad = end.loss, 0
        else:
            bad += 1
        if rest > 0:
            rest, bad = rest - 1, 0
        if bad > self.patience:
            part, bad, rest = max(part * self.factor, self.floor), 0, self.cooldown
        for held, value in zip(state, (part, best, bad, rest), strict=True):
            held.assign(value)
