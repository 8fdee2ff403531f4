"""L-BFGS: steps by the curvature that the last steps have shown, all of it in native code.

One graph looks once at the loss and decides what follows: another step along the line, or a new
direction. It is run many times in one native call, so that Python has no part in an iteration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quickprop.autodiff import gradients
from quickprop.config import DType
from quickprop.execution import Minibatches
from quickprop.foundation.settings import integer, number, setting
from quickprop.graph import (
    Graph,
    Tensor,
    constant,
    matmul,
    placeholder,
    reshape,
    variable,
)
from quickprop.ops.elementary import abs, concat, equal, max, maximum, sqrt, sum
from quickprop.ops.elementary import where as choose
from quickprop.optim.full_batch import (
    FAR,
    FLAT_ENOUGH,
    FULL_BATCH_METHODS,
    HARDLY_CHANGED,
    NOTHING_LOWER,
    Descent,
    FlatParameters,
    FullBatchMethod,
    Iterate,
    Problem,
    with_parameters,
)
from quickprop.optim.line_search import LineSearch, both, no
from quickprop.optim.optimizer import Updates, scalar

#: The most looks at the loss in one native call, and the most rows they read in all. What is left
#: of a call when a fit ends is made in vain, and with many rows a call costs nothing beside them.
MOST_LOOKS, MOST_ROWS = 32, 2**20
#: A pair is kept when its curvature is above this part of what it could be, so that the matrix
#: stays positive.
LEAST_CURVATURE = 1e-10
#: Why a descent ends, as the graph says it.
GOES_ON, FLAT, STILL, STUCK = range(4)


@FULL_BATCH_METHODS.register()
@dataclass(frozen=True)
class LBFGS(FullBatchMethod):
    """Quasi-Newton steps from the last few changes of weights and gradient.

    Limited-memory BFGS (Nocedal 1980; Nocedal and Wright 2006, section 7.2), its direction in the
    compact form of Byrd, Nocedal and Schnabel (1994), equation 3.1, which equals the two-loop
    recursion of algorithm 7.4; the step by the strong Wolfe conditions (algorithms 3.5 and 3.6).
    The first step goes down the gradient, 1 over the sum of its absolute values long if that is
    less than 1. An epoch is an iteration over all rows.

    Parameters
    ----------
    history : int
        How many changes are remembered.
    tolerance_gradient : float
        Stop when no number of the gradient is larger.
    tolerance_change : float
        Stop when an iteration lowers the loss, penalty included, by no larger part of itself.
    line_search_evaluations : int
        The most looks at the loss along one direction.

    Examples
    --------
    >>> from quickprop import LBFGS, Dense, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = LBFGS()
    >>> history = fit(network, x, y, loss=MeanSquaredError(), optimizer=rule, epochs=30)
    >>> history.best_loss < 1e-3
    True
    """

    history: int = setting(integer(1, 100), 10)
    tolerance_gradient: float = setting(number(0.0), 1e-7)
    tolerance_change: float = setting(number(0.0, 1.0, high_open=True), 1e-9)
    line_search_evaluations: int = setting(integer(2, 1000), 25)

    def descent(self, problem: Problem) -> Descent:
        """One graph, compiled; any problem will do."""
        return _LBFGSDescent(self, problem)


class CurvaturePairs:
    """The last changes of the weights and of the gradient, and the inverse Hessian they make.

    With S and Y the changes as rows, R the upper triangle of ``S Y'`` in the order of time, D its
    diagonal and G = ``Y Y'``, the inverse Hessian times g is, with p = inv(R) S g,
    ``gamma g + S' inv(R)' ((D + gamma G) p - gamma Y g) - gamma Y' p``.

    inv(R) is kept itself: a new pair adds a column to R, hence ``-inv(R) S y / s'y`` and
    ``1 / s'y`` to the inverse, and the oldest takes its row and column along. Pairs stay at their
    places, the newest takes that of the oldest: no order of rows changes the formula.
    """

    def __init__(self, count: int, size: int, dtype: DType) -> None:
        def zeros(name: str, *shape: int) -> Tensor:
            return variable(np.zeros(shape), dtype, f"lbfgs.{name}")

        self.count = count
        self.steps, self.changes = zeros("steps", count, size), zeros("changes", count, size)
        self.inverse, self.gram = zeros("inverse", count, count), zeros("gram", count, count)
        self.diagonal = zeros("diagonal", 1, count)
        self.scale = variable(1.0, dtype, "lbfgs.scale")
        #: 1 at the place of the next pair.
        self.place = variable(np.eye(1, count), dtype, "lbfgs.place")

    def product(
        self, step: Tensor, change: Tensor, gradient: Tensor, take: Tensor
    ) -> tuple[Tensor, Updates]:
        """The inverse Hessian times the gradient, once a pair is taken in.

        Parameters
        ----------
        step, change : Tensor
            The change of the weights (n,) and of the gradient (n,).
        gradient : Tensor
            Of now (n,).
        take : Tensor
            1 to take the pair in; it is still left out when its curvature is not above zero.
        """
        count, size = self.count, step.shape[0]
        curved, length = sum(step * change), sum(change * change)
        # By the inequality of Cauchy and Schwarz this is the square of a cosine.
        take = both(take, LEAST_CURVATURE * sqrt(sum(step * step) * length) < curved)
        taken = take * self.place
        taken_row = reshape(taken, (count, 1))
        others = 1.0 - self.place
        line = (1, size)
        steps = choose(taken_row, reshape(step, line), self.steps)
        changes = choose(taken_row, reshape(change, line), self.changes)
        scale = choose(take, curved / length, self.scale)
        both_lines = concat([reshape(change, line), reshape(gradient, line)], 0)
        by_steps = matmul(both_lines, steps, transpose_b=True)
        by_changes = matmul(both_lines, changes, transpose_b=True)
        older = matmul(by_steps[0:1] * others, self.inverse, transpose_b=True) * others
        column = reshape((self.place - older) / curved, (count, 1))
        inverse = choose(taken, column, choose(taken_row, 0.0, self.inverse))
        crossed = by_changes[0:1]
        gram = choose(taken_row, crossed, choose(taken, reshape(crossed, (count, 1)), self.gram))
        diagonal = choose(taken, curved, self.diagonal)
        p = matmul(by_steps[1:2], inverse, transpose_b=True)
        inner = diagonal * p + scale * (matmul(p, gram) - by_changes[1:2])
        product = (
            scale * reshape(gradient, line)
            + matmul(matmul(inner, inverse), steps)
            - matmul(scale * p, changes)
        )
        place = self.place
        if count > 1:
            turned = concat([place[:, count - 1 :], place[:, : count - 1]], 1)
            place = choose(take, turned, place)
        return reshape(product, (size or 1,)), [
            (self.steps, steps),
            (self.changes, changes),
            (self.inverse, inverse),
            (self.gram, gram),
            (self.diagonal, diagonal),
            (self.scale, scale),
            (self.place, place),
        ]


class _LBFGSDescent(Descent):
    def __init__(self, settings: LBFGS, problem: Problem) -> None:
        self._settings = settings
        self._flat = flat = FlatParameters(problem.network)
        self._dtype = dtype = problem.network.dtype
        size = flat.size

        def number(name: str) -> Tensor:
            return variable(0.0, dtype, f"lbfgs.{name}")

        def line(name: str) -> Tensor:
            return variable(np.zeros(size), dtype, f"lbfgs.{name}")

        self._here = variable(flat.numbers(), dtype, "lbfgs.weights")
        self._loss, self._count, self._status = number("loss"), number("count"), number("status")
        self._losses = variable(np.zeros(MOST_LOOKS), dtype, "lbfgs.losses")
        self._rates = variable(np.zeros(MOST_LOOKS), dtype, "lbfgs.rates")
        self._most = placeholder((), dtype, "most")
        self._until = placeholder((), dtype, "until")
        old_gradient, direction, started = line("gradient"), line("direction"), number("started")
        pairs = CurvaturePairs(settings.history, size, dtype)
        search = LineSearch(dtype)
        tiny = float(np.finfo(dtype.value).eps)
        flat_at = scalar(settings.tolerance_gradient, self._loss, "lbfgs.tolerance_gradient")
        # Two losses of a number type cannot be nearer to each other than its precision.
        still_at = scalar(
            np.maximum(settings.tolerance_change, tiny), self._loss, "lbfgs.tolerance_change"
        )
        most_looks = scalar(settings.line_search_evaluations, self._loss, "lbfgs.looks")

        # One look at the loss.
        there = self._here + search.step * direction
        loss, value, new_gradient = _value_and_gradient(problem, flat, there)
        along = sum(new_gradient * direction)
        verdict = search.look(value, along, most_looks)
        first = no(started)
        going = both(
            both(equal(self._status, 0.0), self._count < self._most),
            maximum(first, self._until < self._loss),
        )
        accepted = both(going, maximum(first, verdict.accepted))
        counted = both(accepted, started)

        # The new direction, should the step be accepted.
        gradient = choose(accepted, new_gradient, old_gradient)
        newton, memory = pairs.product(
            search.step * direction, new_gradient - old_gradient, gradient, counted
        )
        descent = -sum(newton * gradient)
        # Straight down, when there is nothing to go by, or what there is leads up.
        steepest = 1.0 / maximum(1.0, sum(abs(gradient)))
        remembers = max(abs(pairs.inverse)) > 0.0
        failed = both(going, both(started, verdict.failed))
        upward = maximum(first, no(descent < 0.0))
        afresh = maximum(both(accepted, upward), both(failed, remembers))
        turn = maximum(accepted, afresh)
        new_direction = choose(afresh, -steepest * gradient, -newton)
        new_descent = choose(afresh, -steepest * sum(gradient * gradient), descent)
        inverse, scale = memory[2], memory[5]
        memory[2] = (inverse[0], choose(afresh, 0.0, inverse[1]))
        memory[5] = (scale[0], choose(afresh, steepest, scale[1]))

        # Why to end.
        gained = search.start_value - value
        ends = choose(
            both(failed, no(remembers)),
            float(STUCK),
            choose(
                both(accepted, no(flat_at < max(abs(new_gradient)))),
                float(FLAT),
                choose(
                    both(counted, no(still_at * abs(search.start_value) < gained)),
                    float(STILL),
                    self._status,
                ),
            ),
        )

        begun = search.begin(choose(accepted, value, search.start_value), new_descent)
        moved = [
            (old, choose(turn, new, choose(going, on, old)))
            for (old, new), (_, on) in zip(begun, verdict.updates, strict=True)
        ]
        numbers = constant(np.arange(float(MOST_LOOKS)), dtype)
        noted = both(equal(numbers, self._count), counted)
        updates: Updates = [
            *memory,
            *moved,
            (self._here, choose(accepted, there, self._here)),
            (old_gradient, gradient),
            (direction, choose(turn, new_direction, direction)),
            (started, maximum(started, accepted)),
            (self._loss, choose(accepted, loss, self._loss)),
            (self._count, self._count + counted),
            (self._status, ends),
            (self._losses, choose(noted, loss, self._losses)),
            (self._rates, choose(noted, search.step, self._rates)),
        ]
        inputs = (*problem.inputs, self._most, self._until)
        self._run = Minibatches(
            Graph(inputs, (loss,), tuple(updates)),
            problem.data,
            problem.rows,
            backend=problem.backend,
            threads=problem.threads,
            passes=min(MOST_LOOKS, 1 + MOST_ROWS // problem.rows),
        )

    @property
    def finished(self) -> str | None:
        """As the graph found it."""
        status = int(self._status.value)
        if status == FLAT:
            return FLAT_ENOUGH.format(tolerance=self._settings.tolerance_gradient)
        if status == STILL:
            return HARDLY_CHANGED
        if status == STUCK:
            return NOTHING_LOWER.format(kind=self._dtype.value)
        return None

    def begin(self, halted: Callable[[], bool]) -> float:
        """One look, which is not long."""
        self._run.run(0, 1, {self._most: 1.0, self._until: -FAR})
        return float(self._loss.value)

    def advance(
        self,
        evaluations: int,
        iterations: int,
        until: float,
        halted: Callable[[], bool],
        taken: Callable[[list[Iterate]], bool],
    ) -> None:
        """So many looks in one native call."""
        self._count.assign(0.0)
        # No more than the passes: each is one look.
        looks = min(evaluations, self._run.steps_per_epoch)
        self._run.run(0, looks, {self._most: iterations, self._until: until})
        count = int(self._count.value)
        losses, rates = self._losses.value[:count], self._rates.value[:count]
        if count:
            taken([Iterate(*pair) for pair in zip(losses.tolist(), rates.tolist(), strict=True)])

    def weights(self) -> dict[str, np.ndarray]:
        """Copied out of native memory."""
        return self._flat.named(self._here.value)


def _value_and_gradient(
    problem: Problem, flat: FlatParameters, weights: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The loss of the data, the loss with the penalty, and the gradient of that, as a vector."""
    parts = flat.parts(weights)
    loss, *_ = with_parameters(
        [problem.loss(problem.output, problem.target, problem.weights)], parts
    )
    gradient = flat.joined(gradients(loss, list(parts.values())))
    if not problem.l2:
        return loss, loss, gradient
    factor = scalar(problem.l2, loss, "lbfgs.l2")
    shrunk = factor * variable(flat.penalised, weights.dtype, "lbfgs.penalised") * weights
    return loss, loss + 0.5 * sum(shrunk * weights), gradient + shrunk
