"""Levenberg-Marquardt: least squares by the Jacobian of the residuals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quickprop.config import DType
from quickprop.errors import SettingError
from quickprop.execution import Minibatches
from quickprop.foundation.lazy_module import LazyModule
from quickprop.foundation.settings import number, setting
from quickprop.graph import ROWS, Graph, Tensor, matmul, placeholder, reshape, variable
from quickprop.losses import MeanSquaredError
from quickprop.ops.elementary import cast, sqrt, where
from quickprop.optim.full_batch import (
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
from quickprop.optim.jacobian import RowJacobian

lapack = LazyModule("scipy.linalg.lapack", "Levenberg-Marquardt steps")

#: More parameters than this make a matrix of more than 200 MB.
MOST_PARAMETERS = 5000
#: Numbers of the Jacobian that are in memory at a time, and the least rows of it.
CHUNK_NUMBERS, CHUNK_ROWS = 2**17, 256
#: Beyond this damping a step is too short to change anything.
MOST_DAMPING = 1e30


@FULL_BATCH_METHODS.register("lm")
@dataclass(frozen=True)
class LevenbergMarquardt(FullBatchMethod):
    """Steps to the least squares of the linearised network, damped as far as that is wrong.

    ``(H + damping I) step = -gradient`` with ``H = 2 J'J / count``, J the derivatives of the
    residuals by the parameters (Levenberg 1944, Marquardt 1963). The damping follows Nielsen's rule
    (Madsen, Nielsen and Tingleff 2004, algorithm 3.16): with the gain r, the decrease over that
    of the linearised network, it is multiplied by ``max(1/3, 1 - (2 r - 1)**3)`` after a step
    down, and by 2, 4, 8, ... after attempts that went up. An epoch is a step down. For the mean
    squared error alone, and at most 5,000 parameters; full accuracy needs a float64 network.

    Parameters
    ----------
    damping : float
        Of the first step, as a part of the largest diagonal number of H.
    tolerance_gradient : float
        Stop when no number of the gradient is larger.
    tolerance_change : float
        Stop when a step lowers the loss, penalty included, by no larger part of itself.

    Examples
    --------
    >>> from quickprop import Dense, LevenbergMarquardt, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> rule = LevenbergMarquardt()
    >>> history = fit(network, x, y, loss=MeanSquaredError(), optimizer=rule, epochs=30)
    >>> history.best_loss < 1e-3
    True
    """

    damping: float = setting(number(0.0, low_open=True), 1.0)
    tolerance_gradient: float = setting(number(0.0), 1e-10)
    tolerance_change: float = setting(number(0.0, 1.0, high_open=True), 1e-12)

    def descent(self, problem: Problem) -> Descent:
        """The residuals, their Jacobian and its products, compiled."""
        if not isinstance(problem.loss, MeanSquaredError):
            raise SettingError(
                "Levenberg-Marquardt needs a sum of squares",
                where="fit.loss",
                allowed="MeanSquaredError()",
                given=repr(problem.loss)[:80],
                hint="use LBFGS() for this loss",
            )
        count = problem.network.parameter_count
        if count > MOST_PARAMETERS:
            raise SettingError(
                "too many parameters for Levenberg-Marquardt, which solves a system of as many "
                "equations at each step",
                where="fit.optimizer",
                allowed=f"at most {MOST_PARAMETERS:,}",
                given=f"{count:,}",
                hint="use LBFGS(), or narrower layers",
            )
        return _Descent(self, problem)


class NormalEquations:
    """``[J r]' W [J r]`` of all rows, computed natively: J'J, J'r and r'r at once."""

    def __init__(self, problem: Problem, flat: FlatParameters) -> None:
        size, kind = flat.size, problem.network.dtype
        self._weights = variable(flat.numbers(), kind, "lm.weights")
        parts = flat.parts(self._weights)
        (output,) = with_parameters([problem.output], parts)
        jacobian = RowJacobian(output, parts)
        residuals = output - problem.target
        products: Tensor | None = None
        for k in range(problem.network.width):
            lines = jacobian.of_output(k, residuals[:, k : k + 1])
            factor = _factor(problem.weights, k)
            if factor is not None:
                lines = lines * factor
            # Sums of squares lose half of the digits: they are taken in float64 whatever comes.
            lines = cast(lines, DType.float64)
            product = matmul(lines, lines, transpose_a=True)
            products = product if products is None else products + product
        assert products is not None
        self._sums = variable(np.zeros((size + 1, size + 1)), DType.float64, "lm.sums")
        self._first = placeholder((), kind, "first")
        total = where(self._first, 0.0, self._sums) + products
        loss = problem.loss(output, problem.target, problem.weights)
        self._run = Minibatches(
            Graph((*problem.inputs, self._first), (loss,), ((self._sums, total),)),
            problem.data,
            max(CHUNK_ROWS, CHUNK_NUMBERS // (size + 1)),
            backend=problem.backend,
            threads=problem.threads,
        )

    def __call__(self, weights: np.ndarray, halted: Callable[[], bool]) -> np.ndarray | None:
        """The sums (n + 1, n + 1) at these weights, those of the residuals last.

        They stand in native memory, where the next call overwrites them. None when halted.
        """
        self._weights.assign(weights)
        for piece in range(self._run.steps_per_epoch):
            if piece and halted():
                return None
            self._run.run(piece, 1, {self._first: float(not piece)})
        array: np.ndarray = self._sums.attribute("storage").array
        return array


def _factor(weights: Tensor | None, output: int) -> Tensor | None:
    """What the residuals of an output are multiplied by (rows, 1), so that squares are weighted."""
    if weights is None:
        return None
    if weights.rank == 1:
        return sqrt(reshape(weights, (ROWS, 1)))
    return sqrt(weights[:, output : output + 1])


class _Descent(Descent):
    def __init__(self, settings: LevenbergMarquardt, problem: Problem) -> None:
        self._settings = settings
        self._flat = FlatParameters(problem.network)
        self._kind = problem.network.dtype
        self._equations = NormalEquations(problem, self._flat)
        self._count = problem.rows * problem.network.width
        self._half = 0.5 * self._count
        self._penalty = problem.l2 * self._flat.penalised
        self._here = self._flat.numbers().astype(np.float64)
        self._finished: str | None = None
        self._growth = 2.0

    @property
    def finished(self) -> str | None:
        """As the last step found it."""
        return self._finished

    def begin(self, halted: Callable[[], bool]) -> float:
        """The equations at the start, and the first damping."""
        sums = self._equations(self._here, halted)
        if sums is None:
            return math.nan
        loss, value = self._losses(self._here, sums)
        if math.isfinite(value):
            self._take(self._here, loss, value, sums)
            largest = float(self._squares.diagonal().max()) / self._half
            self._damping = self._settings.damping * (largest or 1.0)
        return loss

    def advance(
        self,
        evaluations: int,
        iterations: int,
        until: float,
        halted: Callable[[], bool],
        taken: Callable[[list[Iterate]], bool],
    ) -> None:
        """Attempts, of which those are taken that go down."""
        reached: list[Iterate] = []
        for _ in range(evaluations):
            if self._finished or len(reached) == iterations:
                break
            if self._attempt(halted):
                reached.append(Iterate(self._loss, 1.0))
                if self._loss <= until:
                    break
        if reached:
            taken(reached)

    def weights(self) -> dict[str, np.ndarray]:
        """Of the last step taken."""
        return self._flat.named(self._here.astype(self._kind.value))

    def _losses(self, weights: np.ndarray, sums: np.ndarray) -> tuple[float, float]:
        """The loss without and with the penalty."""
        loss = float(sums[-1, -1]) / self._count
        return loss, loss + 0.5 * float(self._penalty @ (weights * weights))

    def _take(self, weights: np.ndarray, loss: float, value: float, sums: np.ndarray) -> None:
        """Make these weights the last ones."""
        self._here, self._loss, self._value = weights, loss, value
        # Twice over the count makes H of J'J. It is the rest that is put on the scale of J'J:
        # that is one number, or a line, and not a matrix.
        self._squares = sums[:-1, :-1].copy()
        self._gradient = sums[-1, :-1] + self._half * self._penalty * weights
        if np.abs(self._gradient).max() <= self._half * self._settings.tolerance_gradient:
            self._finished = FLAT_ENOUGH.format(tolerance=self._settings.tolerance_gradient)

    def _attempt(self, halted: Callable[[], bool]) -> bool:
        """One damped step; whether it went down and was taken."""
        matrix = self._squares.copy()
        matrix.reshape(-1)[:: len(matrix) + 1] += self._half * (self._damping + self._penalty)
        # Turned, a symmetric matrix is itself, and in LAPACK's order: it is not copied again.
        _, step, failed = lapack.dposv(
            matrix.T, -self._gradient, overwrite_a=True, overwrite_b=True
        )
        if failed:
            return self._worse()
        there = self._here + step
        if self._kind is not DType.float64:
            # To the numbers that the network can have.
            there = there.astype(self._kind.value).astype(np.float64)
        sums = self._equations(there, halted)
        if sums is None:
            return False
        loss, value = self._losses(there, sums)
        gained = self._value - value
        if not gained > 0.0:
            return self._worse()
        # By (H + damping) step = -gradient, that of the quadratic model.
        foretold = 0.5 * float(self._damping * (step @ step) - (step @ self._gradient) / self._half)
        gain = gained / foretold if foretold > 0.0 else 1.0
        self._damping *= max(1.0 / 3.0, 1.0 - (2.0 * gain - 1.0) ** 3)
        self._growth = 2.0
        still = gained <= self._settings.tolerance_change * self._value
        self._take(there, loss, value, sums)
        if still and not self._finished:
            self._finished = HARDLY_CHANGED
        return True

    def _worse(self) -> bool:
        """More damping for the next attempt."""
        self._damping *= self._growth
        self._growth *= 2.0
        if self._damping > MOST_DAMPING:
            self._finished = NOTHING_LOWER.format(kind=self._kind.value)
        return False
