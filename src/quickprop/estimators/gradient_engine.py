"""The loss over all rows and its gradient, as one long vector."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import numpy as np

from quickprop.autodiff import gradients
from quickprop.config import DType
from quickprop.estimators.objective import ScaledLoss
from quickprop.estimators.rows import Rows
from quickprop.execution import Minibatches
from quickprop.graph import ROWS, Graph, Tensor, placeholder, row_count, variable, walk
from quickprop.native import NotInTimeError
from quickprop.nn import Network
from quickprop.ops.elementary import sum
from quickprop.train.slices import SlicePlanner


def _never() -> bool:
    return False


class HaltedError(Exception):
    """Ends an evaluation that is dropped; the fit ends with it and not with an error."""


class GradientEngine:
    """What L-BFGS is given.

    The rows go through in mini-batches that stay in the cache; their gradients are added up in
    variables.

    Parameters
    ----------
    network : Network
    objective : ScaledLoss
    rows : Rows
    alpha : float
        Factor of the penalty.
    """

    #: Rows in a mini-batch.
    CHUNK = 512

    def __init__(self, network: Network, objective: ScaledLoss, rows: Rows, alpha: float) -> None:
        self.network, self.objective = network, objective
        self._slices = SlicePlanner()
        kind, loss = network.dtype, objective.loss
        target = loss.target_placeholder(network.width, kind)
        seed, step = placeholder((), DType.int32, "seed"), variable(0, DType.int32, "train.step")
        gathered: list[tuple[Tensor, Tensor]] = []
        losses = loss.per_row(network.output(True, seed, step, loss=loss, updates=gathered), target)
        with_rows = [*network.inputs, target]
        if rows.weights is not None:
            with_rows.append(placeholder((ROWS,), kind, "weights"))
            losses = losses * with_rows[-1]
        total = sum(losses)
        self._sums = [
            variable(np.zeros_like(p.value), p.dtype, f"{p.name}.gradient")
            for p in network.parameters
        ]
        updates = [
            *(
                (old, old + gradient)
                for old, gradient in zip(
                    self._sums, gradients(total, network.parameters), strict=True
                )
            ),
            *gathered,
        ]
        # Mini-batches give the sum of loss times rows: the sum over all rows is wanted here.
        value = total / row_count(kind)
        seeds = (seed,) if seed in walk([value, *(new for _, new in updates)]) else ()
        graph = Graph((*with_rows, *seeds), (value,), tuple(updates))
        data = dict(zip(with_rows, rows.arrays(), strict=True))
        self._compile = functools.partial(Minibatches, graph, data, self.CHUNK)
        self._batches: Minibatches | None = None
        self._seed = dict.fromkeys(seeds, 0)
        weight = len(rows) if rows.weights is None else float(rows.weights.sum(dtype=np.float64))
        self._share = 1.0 / weight if weight > 0.0 else 0.0
        self._alpha = alpha
        penalised = set(network.penalised)
        self._penalised = np.concatenate(
            [np.full(p.value.size, p in penalised) for p in network.parameters]
        )
        self._stores = [p.attribute("storage") for p in network.parameters]
        self._sum_stores = [held.attribute("storage") for held in self._sums]

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

    def named(self, position: np.ndarray) -> dict[str, np.ndarray]:
        """A position as arrays by the names of the parameters."""
        arrays, start = {}, 0
        for leaf, store in zip(self.network.parameters, self._stores, strict=True):
            size = store.array.size
            arrays[str(leaf.name)] = position[start : start + size].reshape(store.array.shape)
            start += size
        return arrays

    def __call__(
        self, position: np.ndarray, halted: Callable[[], bool] = _never
    ) -> tuple[float, np.ndarray]:
        """What is made small, and its gradient, with the parameters at a position.

        Raises
        ------
        HaltedError
            When it was halted.
        """
        self.move_to(position)
        for store in self._sum_stores:
            # With the padding, which may hold what is no number.
            store.memory[...] = 0
        batches = self._compiled()
        total, done, steps = 0.0, 0, batches.steps_per_epoch
        while done < steps:
            # In slices of milliseconds, so that Ctrl-C is heard and the time is kept.
            if halted():
                raise HaltedError
            count = self._slices.steps(steps - done, np.inf)
            before = time.perf_counter()
            total = batches.run(done, count, self._seed, total)
            self._slices.learn(count, time.perf_counter() - before)
            done += count
        found = np.concatenate([store.array.ravel() for store in self._sum_stores]).astype(float)
        penalty = self._alpha * self._share * np.where(self._penalised, position, 0.0)
        factor = self.objective.learned * self._share
        return total * factor + 0.5 * float(penalty @ position), found * factor + penalty

    def _compiled(self) -> Minibatches:
        if self._batches is None:
            try:
                self._batches = self._compile()
            except NotInTimeError:
                raise HaltedError from None
        return self._batches

    def reported(self, position: np.ndarray, value: float) -> float:
        """The loss on the scale that is shown, from the value that was made small."""
        weights = position[self._penalised]
        penalty = 0.5 * self._alpha * self._share * float(weights @ weights)
        return (value - penalty) * self.objective.reported / self.objective.learned + penalty
