"""L-BFGS on all rows at once, by SciPy, the loss and its slopes by compiled code."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.optimize
from sklearn.exceptions import ConvergenceWarning

from quickprop.estimators.engine import SlopeEngine, TimeIsUpError
from quickprop.estimators.stochastic import NOT_FINITE, Pace
from quickprop.estimators.watching import (
    EpochReport,
    Watcher,
    epoch_ended,
    on_terminal,
    say,
    watched,
)


class _StoppedError(Exception):
    """Carries the fit out of SciPy."""


class _Descent:
    """A fit in progress: the place with the lowest loss, and who looks on."""

    def __init__(
        self, estimator: Any, engine: SlopeEngine, pace: Pace, watchers: Sequence[Watcher]
    ) -> None:
        self.estimator, self.engine = estimator, engine
        self.pace, self.watchers = pace, watchers
        self.position = engine.position()
        self.value = math.inf
        self.iterations = self.evaluations = 0
        self.reason: str | None = None

    def __call__(self, position: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss and its slopes; remembers the best place."""
        value, slopes = self.engine(position)
        self.evaluations += 1
        if value < self.value:
            self.value, self.position = value, position.copy()
        return value, slopes

    def iterated(self, position: np.ndarray) -> None:
        """After every iteration."""
        me = self.estimator
        self.iterations += 1
        me.n_iter_ = self.iterations
        me.loss_ = self.engine.reported(self.position, self.value)
        if not self.watchers:
            return
        self.engine.move_to(position)
        end = EpochReport(self.iterations, me.max_iter, me.loss_, None, None, self.pace.passed, me)
        if epoch_ended(self.watchers, end):
            self.reason = "a callback ended it"
            raise _StoppedError
        if self.iterations < me.max_iter:
            for one in self.watchers:
                one.epoch_begins()

    def run(self) -> None:
        """From the weights of now to where the slopes are small."""
        me = self.estimator
        options = {"maxfun": me.max_fun, "maxiter": me.max_iter, "gtol": me.tol}
        for one in self.watchers:
            one.epoch_begins()
        found = scipy.optimize.minimize(
            self,
            self.position,
            method="L-BFGS-B",
            jac=True,
            options=options,
            callback=self.iterated,
        )
        self.position, self.value = found.x, float(found.fun)
        self.iterations = min(found.nit, me.max_iter)
        if found.status:
            more = ""
            if self.iterations == me.max_iter:
                more = f" Allow more iterations than max_iter={me.max_iter}."
            self.reason = f"status={found.status}: {found.message}.{more} Scaled inputs may help"


def minimise(estimator: Any, engine: SlopeEngine, pace: Pace, watchers: Sequence[Watcher]) -> None:
    """Bring the network to where the slopes are at most `tol`, or as far as the limits allow."""
    descent = _Descent(estimator, engine, pace, watchers)
    try:
        with watched(watchers, estimator):
            descent.run()
    except _StoppedError:
        pass
    except TimeIsUpError:
        descent.reason = f"max_time={estimator.max_time:g} was used up"
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
    finally:
        engine.move_to(descent.position)
    estimator.n_iter_ = descent.iterations
    value = descent.value if descent.evaluations else math.nan
    estimator.loss_ = engine.reported(descent.position, value)
    if descent.evaluations and not math.isfinite(descent.value):
        raise ValueError(NOT_FINITE)
    if estimator.verbose and not on_terminal():
        say(estimator, f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
    if descent.reason is not None:
        warnings.warn(
            f"lbfgs failed to converge after {estimator.n_iter_} iteration(s) ({descent.reason}).",
            ConvergenceWarning,
            stacklevel=2,
        )
