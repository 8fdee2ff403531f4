"""L-BFGS on all rows at once, by SciPy, the loss and its slopes by compiled code."""

from __future__ import annotations

import warnings
from typing import Any

import scipy.optimize
from sklearn.exceptions import ConvergenceWarning

from quickprop.estimators.engine import SlopeEngine


def minimise(estimator: Any, engine: SlopeEngine) -> None:
    """Bring the network to where the slopes are at most `tol`, or as far as the limits allow."""
    options = {
        "maxfun": estimator.max_fun,
        "maxiter": estimator.max_iter,
        "gtol": estimator.tol,
    }
    found = scipy.optimize.minimize(
        engine, engine.position(), method="L-BFGS-B", jac=True, options=options
    )
    engine.move_to(found.x)
    estimator.n_iter_ = min(found.nit, estimator.max_iter)
    estimator.loss_ = engine.reported(found.x, float(found.fun))
    if estimator.verbose:
        print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
    if found.status:
        more = ""
        if estimator.n_iter_ == estimator.max_iter:
            more = f" Allow more iterations than max_iter={estimator.max_iter}."
        warnings.warn(
            f"lbfgs failed to converge after {estimator.n_iter_} iteration(s) "
            f"(status={found.status}): {found.message}.{more} Scaled inputs may help too.",
            ConvergenceWarning,
            stacklevel=2,
        )
