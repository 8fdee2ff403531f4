"""Epochs of an estimator: what they need of its parameters, their loop, and what it is told."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from quickprop.estimators.optimizer_names import optimizer_of
from quickprop.estimators.rows import Rows
from quickprop.estimators.sklearn_optimizers import AdamSteps, MomentumSteps
from quickprop.estimators.sklearn_rule import SklearnRule
from quickprop.foundation.deadline import Deadline, time_limit
from quickprop.foundation.interrupts import held_interrupts
from quickprop.foundation.user_warnings import warn_user
from quickprop.native import NotInTimeError, compiling_within
from quickprop.optim import Optimizer
from quickprop.train import Callback, StopReason
from quickprop.train.loop import EpochLoop

#: What is said when there was not even time to write the step.
WRITING = " The weights are the starting ones: there was no time to write the network's step."
#: What is said when there was no time to compile it.
COMPILING = (
    " The weights are the starting ones: the network's code was still being compiled. The next fit "
    "of such a network will find it ready."
)


def run_epochs(
    make_rule: Callable[[], SklearnRule],
    rows: Rows,
    batch_size: int,
    epochs: int,
    callbacks: Sequence[Callback],
    deadline: Deadline,
) -> tuple[StopReason, str]:
    """Write and compile the step, then train; gives why it ended, and more to say of it."""
    # Held back, so that Ctrl-C never comes between two lists that belong together.
    with held_interrupts() as interrupts:
        missed = WRITING
        try:
            with (
                time_limit(lambda: interrupts.raised or deadline.over),
                compiling_within(deadline.left, lambda: interrupts.raised),
            ):
                rule = make_rule()
                missed = COMPILING
                batches = rule.engine.minibatches(rows, batch_size)
                if rule.score is not None and 0.0 < deadline.left < math.inf:
                    # Compiled here too.
                    rule.score()
        except NotInTimeError:
            if interrupts.raised:
                return StopReason.INTERRUPTED, ""
            return StopReason.OUT_OF_TIME, missed
        rule.bind(batches, epochs)
        rule.watched = bool(callbacks)
        stop = EpochLoop(batches, rule, epochs, callbacks, deadline, interrupts).run()
        said = stop.message if stop.reason is StopReason.NOT_FINITE else ""
        return stop.reason, said


def warn_of_end(reason: StopReason, said: str, estimator: Any) -> None:
    """Say in scikit-learn's words why a fit ended, where it says anything."""
    most = estimator.max_iter
    if reason is StopReason.INTERRUPTED:
        warn_user("Training interrupted by user.")
    elif reason is StopReason.NOT_FINITE:
        warn_user(said, ConvergenceWarning)
    elif reason is StopReason.ALL_EPOCHS:
        warn_user(
            f"Stochastic Optimizer: Maximum iterations ({most}) reached and "
            "the optimization hasn't converged yet.",
            ConvergenceWarning,
        )
    elif reason is StopReason.OUT_OF_TIME:
        warn_user(
            f"max_time={estimator.max_time:g} was used up in epoch {estimator.n_iter_ + 1} of "
            f"{most}.{said}",
            ConvergenceWarning,
        )


def full_batch_trouble(reason: StopReason, trouble: str | None, estimator: Any) -> str | None:
    """Why L-BFGS did not converge, or None."""
    if reason is StopReason.OUT_OF_TIME:
        return f"max_time={estimator.max_time:g} was used up"
    if reason is StopReason.CALLBACK:
        return "a callback ended it"
    if trouble is None or reason is StopReason.INTERRUPTED:
        return None
    if estimator.n_iter_ == estimator.max_iter:
        trouble += f" Allow more iterations than max_iter={estimator.max_iter}."
    return f"{trouble} Scaled inputs may help"


def batch_rows(batch_size: int | str, rows: int) -> int:
    """Rows of a mini-batch."""
    if isinstance(batch_size, str):
        return min(200, rows)
    if batch_size > rows:
        warn_user(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped"
        )
    return int(min(batch_size, rows))


def update_rule(estimator: Any) -> Optimizer:
    """The optimizer that the parameters describe."""
    if estimator.optimizer is not None:
        return optimizer_of(estimator.optimizer, estimator.learning_rate_init)
    if estimator.solver == "sgd":
        momentum = estimator.momentum
        return MomentumSteps(
            momentum=momentum, nesterov=estimator.nesterovs_momentum and momentum > 0
        )
    return AdamSteps(beta1=estimator.beta_1, beta2=estimator.beta_2, epsilon=estimator.epsilon)
