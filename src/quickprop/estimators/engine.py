"""The ways to run the step of an estimator."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.autodiff import gradients
from quickprop.estimators.objective import Objective
from quickprop.estimators.steps import Forward, StepSpec, step_of
from quickprop.execution import Function, Minibatches
from quickprop.graph import Graph, Tensor, row_count, variable
from quickprop.native import NotInTimeError, compiling_within
from quickprop.nn import Network
from quickprop.ops.elementary import sum
from quickprop.optim import Constant, EpochEnd, Optimizer, Schedule
from quickprop.train.slices import SlicePlanner

Scalars = dict[Tensor, float | int]


@dataclass(frozen=True)
class Rows:
    """Rows to learn from: the network's inputs, the target as the loss takes it, factors.

    An input may be sparse.
    """

    inputs: tuple[Any, ...]
    target: np.ndarray
    weights: np.ndarray | None

    def __len__(self) -> int:
        return len(self.target)

    def taken(self, index: np.ndarray | slice) -> Rows:
        """Some of the rows."""
        weights = None if self.weights is None else self.weights[index]
        return Rows(tuple(part[index] for part in self.inputs), self.target[index], weights)

    def arrays(self) -> list[Any]:
        """What there is of inputs, target and weights."""
        return [a for a in (*self.inputs, self.target, self.weights) if a is not None]


def _batches(graph: Graph, with_rows: Sequence[Tensor], rows: Rows, size: int) -> Minibatches:
    """A step bound to rows."""
    return Minibatches(graph, dict(zip(with_rows, rows.arrays(), strict=True)), size)


class StepEngine:
    """Steps of an optimizer on mini-batches.

    Parameters
    ----------
    network : Network
    objective : Objective
    optimizer : Optimizer
    weighted : bool
        Whether rows have factors.
    schedule : Schedule
    decay : bool
        Whether weights shrink by ``rate * decay`` of themselves at each step.
    """

    def __init__(
        self,
        network: Network,
        objective: Objective,
        optimizer: Optimizer,
        weighted: bool,
        schedule: Schedule | None = None,
        decay: bool = False,
    ) -> None:
        self.network = network
        self.weighted = weighted
        self.schedule = schedule or Constant()
        spec = StepSpec(objective, optimizer, self.schedule, weighted, decay)
        self.step = step_of(network, spec)
        self.graph = self.step.graph
        # Values are asked for at every epoch, in this order.
        given = self.step.given
        order = (given.rate, given.alpha, given.decay, given.seed)
        self._scalars = [(leaf, order.index(leaf)) for leaf in self.graph.inputs if leaf in order]
        own = set(network.variables)
        changed = [old for old, _ in self.graph.updates if old not in own]
        self._state = {str(old.name): old for old in (*changed, *self.step.schedule_state)}
        self._function: Function | None = None

    def scalars(self, rate: float, alpha: float, decay: float, seed: int) -> Scalars:
        """Values for the placeholders without rows, in the order of the graph."""
        given = (rate, alpha, decay, seed)
        return {leaf: given[k] for leaf, k in self._scalars}

    def plan(self, steps: int) -> None:
        """Say how many steps the fit will make if nothing ends it early."""
        self.step.total_steps.assign(steps)

    def after_epoch(self, loss: float, steps: int, steps_left: float | None) -> None:
        """Let the schedule take in an epoch."""
        if not self.step.schedule_state:
            return
        self.schedule.after_epoch(self.step.schedule_state, EpochEnd(loss, steps, steps_left))

    def minibatches(self, rows: Rows, batch_size: int) -> Minibatches:
        """The step bound to rows, for many epochs over them."""
        return _batches(self.graph, self.step.given.with_rows, rows, batch_size)

    def call(self, rows: Rows, scalars: Scalars) -> float:
        """One step on a batch given here and now, without setting anything up."""
        if self._function is None:
            self._function = Function(self.graph, single=True)
        values = (np.asarray(value, leaf.dtype.value) for leaf, value in scalars.items())
        return float(self._function(*rows.arrays(), *values))

    def state(self) -> dict[str, np.ndarray]:
        """A copy of what the optimizer remembers."""
        return {name: old.value for name, old in self._state.items()}

    def set_state(self, values: Mapping[str, np.ndarray]) -> None:
        """Put in place what `state` gave."""
        for name, value in values.items():
            self._state[name].assign(value)


class TimeIsUpError(Exception):
    """Ends an evaluation that there is no time for; the fit ends with it and not with an error."""


class SlopeEngine:
    """The loss over all rows and its slopes, as one long vector.

    The rows go through in mini-batches that stay in the cache; their slopes are added up in
    variables.

    Parameters
    ----------
    alpha : float
        Factor of the penalty.
    seconds_left : callable
        Time left for all that is to come.
    """

    #: Rows in a mini-batch.
    CHUNK = 512

    def __init__(
        self,
        network: Network,
        objective: Objective,
        rows: Rows,
        alpha: float,
        seconds_left: Callable[[], float] = lambda: math.inf,
    ) -> None:
        self.network, self.objective = network, objective
        self._seconds_left, self._slices = seconds_left, SlicePlanner()
        forward = Forward(network, objective, rows.weights is not None)
        losses = forward.losses
        if forward.weights is not None:
            losses = losses * forward.weights
        total = sum(losses)
        self._sums = [
            variable(np.zeros_like(p.value), p.dtype, f"{p.name}.slope") for p in network.parameters
        ]
        updates = [
            (old, old + slope)
            for old, slope in zip(self._sums, gradients(total, network.parameters), strict=True)
        ]
        # Mini-batches give the sum of loss times rows: the sum over all rows is wanted here.
        graph = forward.graph(total / row_count(network.dtype), updates)
        self._compile = functools.partial(_batches, graph, forward.with_rows, rows, self.CHUNK)
        self._batches: Minibatches | None = None
        self._seed = {forward.seed: 0} if forward.seed in graph.inputs else {}
        weight = len(rows) if rows.weights is None else float(rows.weights.sum(dtype=np.float64))
        self._share = 1.0 / weight if weight > 0.0 else 0.0
        self._alpha = alpha
        penalised = set(network.penalised)
        self._penalised = np.concatenate(
            [np.full(p.value.size, p in penalised) for p in network.parameters]
        )
        self._stores = [p.attribute("storage") for p in network.parameters]
        self._sum_stores = [slope.attribute("storage") for slope in self._sums]

    def position(self) -> np.ndarray:
        """The parameters of now."""
        return np.concatenate([store.array.ravel() for store in self._stores]).astype(float)

    def move_to(self, position: np.ndarray) -> None:
        """Put the parameters in place."""
        start = 0
        for store in self._stores:
            size = store.array.size
            store.put(position[start : start + size].reshape(store.array.shape))
            start += size

    def __call__(self, position: np.ndarray) -> tuple[float, np.ndarray]:
        """What is made small, and its slopes, with the parameters at a position.

        Raises
        ------
        TimeIsUpError
            When there is no time for it.
        """
        self.move_to(position)
        for store in self._sum_stores:
            store.put(np.zeros_like(store.array))
        batches = self._compiled()
        total, done, steps = 0.0, 0, batches.steps_per_epoch
        while done < steps:
            # In slices of milliseconds, so that Ctrl-C is heard and the time is kept.
            count = self._slices.steps(steps - done, self._seconds_left())
            if not count:
                raise TimeIsUpError
            before = time.perf_counter()
            total = batches.run(done, count, self._seed, total)
            self._slices.learn(count, time.perf_counter() - before)
            done += count
        slopes = np.concatenate([store.array.ravel() for store in self._sum_stores]).astype(float)
        penalty = self._alpha * self._share * np.where(self._penalised, position, 0.0)
        factor = self.objective.learned * self._share
        return total * factor + 0.5 * float(penalty @ position), slopes * factor + penalty

    def _compiled(self) -> Minibatches:
        if self._batches is None:
            try:
                with compiling_within(self._seconds_left()):
                    self._batches = self._compile()
            except NotInTimeError:
                raise TimeIsUpError from None
        return self._batches

    def reported(self, position: np.ndarray, value: float) -> float:
        """The loss on the scale that is shown, from the value that was made small."""
        weights = position[self._penalised]
        penalty = 0.5 * self._alpha * self._share * float(weights @ weights)
        return (value - penalty) * self.objective.reported / self.objective.learned + penalty
