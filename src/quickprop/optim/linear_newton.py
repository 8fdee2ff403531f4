"""Quasi-Newton steps for linear networks, from the curvature that their rows have.

All of it is NumPy: an iteration is two products over the rows, a fit takes one to some dozen of
them, and no code has to be compiled first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quickprop.autodiff import gradients
from quickprop.foundation.one_blas_thread import one_blas_thread
from quickprop.foundation.settings import integer, number, setting
from quickprop.graph import ROWS, Graph, placeholder
from quickprop.native import CsrMatrix
from quickprop.ops.reference import evaluate
from quickprop.optim.full_batch import (
    FLAT_ENOUGH,
    FULL_BATCH_METHODS,
    HARDLY_CHANGED,
    NOTHING_LOWER,
    Descent,
    FullBatchMethod,
    Iterate,
    Problem,
)
from quickprop.optim.linear_rows import LinearRows
from quickprop.optim.row_curvature import inverse_root
from quickprop.passes import optimise

#: A step must lower the loss by this part of what its slope promises (Armijo 1966); else it is
#: made shorter, to this part at least and at most.
SUFFICIENT_DECREASE, SHORTEST, LONGEST = 1e-4, 0.1, 0.5
#: The most steps tried along a line.
MOST_TRIED = 20


@FULL_BATCH_METHODS.register()
@dataclass(frozen=True)
class LinearNewton(FullBatchMethod):
    """Quasi-Newton steps for a linear network: most fits take one to thirty of them.

    L-BFGS by the two-loop recursion (Nocedal and Wright 2006, algorithm 7.4) that begins at
    ``gamma inv(c A'A / n + l2)`` for every output: A are the rows, with a 1 for the bias and a 0/1
    number for each level of a category, c is the mean second derivative of the loss by an output,
    and gamma the usual ``s'y / y'My`` (for logistic regression: Böhning 1992). With squared errors
    that is Newton's method. Steps are whole, and shortened until the loss falls (Armijo 1966). An
    epoch is an iteration over all rows. Above 1,536 lines of weights the diagonal alone is used.

    Parameters
    ----------
    history : int
        How many changes are remembered.
    tolerance_gradient : float
        Stop when no number of the gradient is larger.
    tolerance_change : float
        Stop when an iteration lowers the loss, penalty included, by no larger part of itself.

    Examples
    --------
    >>> from quickprop import Dense, LinearNewton, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x = Network([Dense(1)], features=1), [[0.0], [1.0], [2.0]]
    >>> y = [[1.0], [3.0], [5.0]]
    >>> history = fit(network, x, y, loss=MeanSquaredError(), optimizer=LinearNewton(), epochs=5)
    >>> network.predict([[10.0]]).round(3).tolist()
    [[21.0]]
    """

    history: int = setting(integer(1, 100), 10)
    tolerance_gradient: float = setting(number(0.0), 1e-8)
    tolerance_change: float = setting(number(0.0, 1.0, high_open=True), 1e-7)

    def descent(self, problem: Problem) -> Descent:
        """At the starting weights, for a network that is linear in its inputs."""
        with one_blas_thread():
            return _LinearDescent(self, problem)


@dataclass(frozen=True)
class _Point:
    """Weights (lines, outputs), the loss, that with the penalty, and its gradient."""

    weights: np.ndarray
    loss: float
    value: float
    gradient: np.ndarray


class _LinearDescent(Descent):
    def __init__(self, settings: LinearNewton, problem: Problem) -> None:
        self._settings, self._problem = settings, problem
        self._rows = rows = LinearRows(problem)
        network = problem.network
        self._width, self._dtype = network.width, network.dtype
        penalised = set(network.penalised)
        self._penalty = np.zeros((rows.lines, 1))
        for parameter, block in zip(network.parameters, rows.blocks, strict=True):
            self._penalty[block.lines] = problem.l2 * (parameter in penalised)
        self._root = inverse_root(problem, rows, self._penalty)
        output = placeholder((ROWS, self._width), self._dtype, "output")
        self._output, by_column = output, problem.weights is not None and problem.weights.rank == 2
        losses = (problem.loss.per_target if by_column else problem.loss.per_row)(
            output, problem.target
        )
        mean = problem.loss(output, problem.target, problem.weights)
        given = (output, problem.target, problem.weights)
        self._graph = optimise(
            Graph(
                tuple(leaf for leaf in given if leaf is not None),
                (losses, *gradients(mean, [output])),
            )
        )
        start = [p.value.reshape(-1, self._width) for p in network.parameters]
        self._point = _Point(np.concatenate(start).astype(np.float64), np.nan, np.nan, np.empty(0))
        self._pairs: deque[tuple[np.ndarray, np.ndarray]] = deque(maxlen=settings.history)
        self._finished: str | None = None

    @property
    def finished(self) -> str | None:
        """As the last iteration found it."""
        return self._finished

    @one_blas_thread()
    def begin(self, halted: Callable[[], bool]) -> float:
        """The loss, for a first direction."""
        point = self._look(self._point.weights, halted)
        if point is None:
            return float("nan")
        self._point = point
        self._finished = self._flat(point)
        return point.loss

    @one_blas_thread()
    def advance(
        self,
        evaluations: int,
        iterations: int,
        until: float,
        halted: Callable[[], bool],
        taken: Callable[[list[Iterate]], bool],
    ) -> None:
        """Iterations until there is no more of something; a line search is not broken off."""
        while evaluations > 0 and iterations > 0 and self._finished is None:
            before = self._point
            direction = self._direction(before.gradient)
            slope = float(np.vdot(direction, before.gradient))
            rate, new = 1.0, None
            for _ in range(MOST_TRIED):
                evaluations -= 1
                new = self._look(before.weights + rate * direction, halted)
                if new is None:
                    return
                if new.value <= before.value + SUFFICIENT_DECREASE * rate * slope:
                    break
                # Where the parabola through both values and the slope is lowest.
                bend = 2.0 * (new.value - before.value - rate * slope)
                least = -slope * rate / bend if bend > 0.0 and np.isfinite(bend) else 0.0
                rate *= min(max(least, SHORTEST), LONGEST)
            else:
                self._finished = NOTHING_LOWER.format(kind=self._dtype.value)
                return
            assert new is not None
            self._point = new
            self._remember(new.weights - before.weights, new.gradient - before.gradient)
            gained, tolerance = before.value - new.value, self._settings.tolerance_change
            if gained <= tolerance * abs(before.value):
                self._finished = HARDLY_CHANGED
            self._finished = self._flat(new) or self._finished
            iterations -= 1
            if taken([Iterate(new.loss, rate)]) or new.loss <= until:
                return

    def weights(self) -> dict[str, np.ndarray]:
        """In the network's own number type."""
        return {
            str(parameter.name): self._point.weights[block.lines]
            .reshape(parameter.value.shape)
            .astype(self._dtype.value)
            for parameter, block in zip(
                self._problem.network.parameters, self._rows.blocks, strict=True
            )
        }

    def _flat(self, point: _Point) -> str | None:
        tolerance = self._settings.tolerance_gradient
        flat = np.abs(point.gradient).max() <= tolerance
        return FLAT_ENOUGH.format(tolerance=tolerance) if flat else None

    def _look(self, weights: np.ndarray, halted: Callable[[], bool]) -> _Point | None:
        """The loss and its gradient; None when the work was halted."""
        problem, kind = self._problem, self._dtype.value
        plain = weights.astype(kind)
        total, gradient = 0.0, np.zeros_like(weights)
        for piece in self._rows.pieces():
            if piece.rows.start and halted():
                return None
            feeds = {self._output: piece.times(plain)}
            for leaf in self._graph.inputs[1:]:
                array = problem.data[leaf]
                assert not isinstance(array, CsrMatrix)
                feeds[leaf] = array[piece.rows]
            with np.errstate(all="ignore"):  # Steps that are too long give infinities.
                (losses, by_output), _ = evaluate(self._graph, feeds)
                if problem.weights is not None:
                    losses = losses * feeds[problem.weights]
                share = (piece.rows.stop - piece.rows.start) / problem.rows
                total += float(np.mean(losses, dtype=np.float64)) * share
                piece.add_transposed_times(by_output * share, gradient)
        shrunk = self._penalty * weights
        return _Point(
            weights, total, total + 0.5 * float(np.vdot(shrunk, weights)), gradient + shrunk
        )

    def _measured(self, gradient: np.ndarray) -> np.ndarray:
        root = self._root
        if root.shape[1] == 1:
            return np.asarray(root * root * gradient)
        return np.asarray(root.T @ (root @ gradient))

    def _remember(self, step: np.ndarray, change: np.ndarray) -> None:
        if np.vdot(step, change) > 0.0:
            self._pairs.append((step, change))

    def _direction(self, gradient: np.ndarray) -> np.ndarray:
        q, parts = gradient, []
        for step, change in reversed(self._pairs):
            curved = np.vdot(step, change)
            part = np.vdot(step, q) / curved
            q = q - part * change
            parts.append((step, change, curved, part))
        r = self._measured(q)
        if parts:
            _, change, curved, _ = parts[0]
            r *= curved / np.vdot(change, self._measured(change))
        for step, change, curved, part in reversed(parts):
            r += (part - np.vdot(change, r) / curved) * step
        return np.asarray(-r)
