"""SciPy's L-BFGS, which scikit-learn's estimators use, as a full-batch method."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from quickprop.estimators.gradient_engine import GradientEngine, HaltedError
from quickprop.foundation.lazy_module import LazyModule
from quickprop.optim.full_batch import Descent, Iterate

optimize = LazyModule("scipy.optimize", "solver='lbfgs'")


class _StoppedError(Exception):
    """Carries the fit out of SciPy."""


class ScipyLBFGS(Descent):
    """From the weights of now to where the gradient is small, in one run of SciPy.

    Parameters
    ----------
    engine : GradientEngine
    tolerance : float
        Of the gradient.
    most_evaluations, most_iterations : int

    Attributes
    ----------
    iterations : int
    loss : float
        On the scale that is shown, at the place with the lowest value; NaN before any.
    trouble : str or None
        Why SciPy ended without having arrived.
    """

    def __init__(
        self,
        engine: GradientEngine,
        tolerance: float,
        most_evaluations: int,
        most_iterations: int,
    ) -> None:
        self._engine = engine
        self._options: dict[str, Any] = {
            "maxfun": most_evaluations,
            "maxiter": most_iterations,
            "gtol": tolerance,
        }
        self._most_iterations = most_iterations
        self._start = self._best = engine.position()
        self._value = math.inf
        self._first: tuple[float, np.ndarray] | None = None
        self._finished: str | None = None
        self._halted: Callable[[], bool] = lambda: False
        self.iterations = 0
        self.loss = math.nan
        self.trouble: str | None = None

    @property
    def finished(self) -> str | None:
        """As SciPy says it."""
        return self._finished

    def begin(self, halted: Callable[[], bool]) -> float:
        """One evaluation, which SciPy is given when it asks for it."""
        self._halted = halted
        try:
            self._first = self._evaluated(self._start)
        except HaltedError:
            return math.nan
        return self.loss

    def _evaluated(self, position: np.ndarray) -> tuple[float, np.ndarray]:
        """The value and its gradient; remembers the best place."""
        value, gradient = self._engine(position, self._halted)
        if value < self._value or math.isnan(self.loss):
            self._value, self._best = value, position.copy()
            self.loss = self._engine.reported(self._best, value)
        return value, gradient

    def _asked(self, position: np.ndarray) -> tuple[float, np.ndarray]:
        first, self._first = self._first, None
        if first is not None and np.array_equal(position, self._start):
            return first
        return self._evaluated(position)

    def advance(
        self,
        evaluations: int,
        iterations: int,
        until: float,
        halted: Callable[[], bool],
        taken: Callable[[list[Iterate]], bool],
    ) -> None:
        """All of it: SciPy cannot be left and gone on with. Every iterate is told at once."""
        self._halted = halted

        def iterated(position: np.ndarray) -> None:
            self.iterations += 1
            ends = taken([Iterate(self.loss, math.nan)])
            # After the last one SciPy ends by itself, and says whether it has arrived.
            if ends and self.iterations < self._most_iterations:
                raise _StoppedError

        try:
            found = optimize.minimize(
                self._asked,
                self._start,
                method="L-BFGS-B",
                jac=True,
                options=self._options,
                callback=iterated,
            )
        except (HaltedError, _StoppedError):
            # The loop knows why.
            return
        self._best, self._value = found.x, float(found.fun)
        self.loss = self._engine.reported(found.x, self._value)
        self.iterations = min(found.nit, self._most_iterations)
        self._finished = str(found.message)
        if found.status:
            self.trouble = f"status={found.status}: {found.message}."

    def weights(self) -> dict[str, np.ndarray]:
        """Those with the lowest value."""
        return self._engine.named(self._best)
