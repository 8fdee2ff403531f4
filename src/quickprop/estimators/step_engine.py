"""The step of an estimator and what its optimizer remembers, for fits and for `partial_fit`."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from quickprop.errors import SettingError
from quickprop.estimators.objective import ScaledLoss
from quickprop.estimators.rows import Rows
from quickprop.execution import Function, Minibatches
from quickprop.graph import ROWS, Tensor
from quickprop.nn import Network
from quickprop.optim import Constant, EpochEnd, Optimizer, Schedule
from quickprop.train.step import StepSpec, step_of

Scalars = Mapping[Tensor, float | int]


class StepEngine:
    """Steps of an optimizer on mini-batches.

    Parameters
    ----------
    network : Network
    objective : ScaledLoss
    optimizer : Optimizer
    weighted : bool
        Whether rows have factors.
    schedule : Schedule, optional
    decay : bool
        Whether weights shrink by ``rate * decay`` of themselves at each step.
    """

    def __init__(
        self,
        network: Network,
        objective: ScaledLoss,
        optimizer: Optimizer,
        weighted: bool,
        schedule: Schedule | None = None,
        decay: bool = False,
    ) -> None:
        self.network, self.weighted = network, weighted
        shape = (ROWS,) if weighted else None
        spec = StepSpec(
            objective, optimizer, schedule or Constant(), weights_shape=shape, decay=decay
        )
        self.step = step_of(network, spec)
        self._state = {str(old.name): old for old in self.step.state}
        self._function: Function | None = None

    def after_epoch(self, loss: float, steps: int, steps_left: float | None) -> None:
        """Let the schedule take in an epoch."""
        state = self.step.schedule_state
        if state:
            self.step.schedule.after_epoch(state, EpochEnd(loss, steps, steps_left))

    def minibatches(self, rows: Rows, batch_size: int) -> Minibatches:
        """The step bound to rows, for many epochs over them."""
        data = self.step.bound(rows.inputs, rows.target, rows.weights)
        return Minibatches(self.step.graph, data, batch_size)

    def call(self, rows: Rows, scalars: Scalars) -> float:
        """One step on a batch given here and now, without setting anything up."""
        if self._function is None:
            self._function = Function(self.step.graph, single=True)
        values = (np.asarray(value, leaf.dtype.value) for leaf, value in scalars.items())
        return float(self._function(*rows.arrays(), *values))

    def state(self) -> dict[str, np.ndarray]:
        """A copy of what the optimizer remembers."""
        return {name: old.value for name, old in self._state.items()}

    def set_state(self, values: Mapping[str, np.ndarray]) -> None:
        """Put in place what `state` gave."""
        for name, value in values.items():
            held = self._state.get(name)
            if held is None or np.size(value) != math.prod(held.value.shape):
                raise SettingError(
                    "what was remembered is of another optimizer or network",
                    where="partial_fit",
                    allowed=", ".join(self._state),
                    given=name,
                    hint="go on with the settings of the fit before, or fit anew",
                )
            # In a file, single numbers have an axis.
            held.assign(np.reshape(value, held.value.shape))
