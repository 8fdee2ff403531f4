"""Networks trained side by side from different starting weights."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import Any

import numpy as np
from sklearn import config_context, get_config
from sklearn.base import clone
from sklearn.utils import check_random_state

from quickprop import train
from quickprop.estimators.callbacks import (
    MEMBERSHIP,
    FunctionCallback,
    Membership,
    on_terminal,
)
from quickprop.foundation.side_by_side import side_by_side
from quickprop.foundation.user_warnings import warn_user


def fit_members(
    estimator: Any, X: Any, y: Any, sample_weight: Any, given: dict[str, Any]
) -> list[Any]:
    """Fit the members in threads; gives them, of which the first stands for all.

    Native code leaves the interpreter lock alone, so that threads are enough. Ctrl-C, or an error
    in one of them, ends them all after their epoch of now; those that had not begun get one each.
    """
    random = check_random_state(estimator.random_state)
    seeds = random.randint(np.iinfo(np.int32).max, size=estimator.n_ensemble)
    members = [clone(estimator).set_params(n_ensemble=1, random_state=int(seed)) for seed in seeds]
    bar = None
    if estimator.verbose and on_terminal():
        bar = train.EnsembleBar(len(members), estimator.max_iter)
    stop = threading.Event()
    # scikit-learn's settings are those of a thread.
    settings = get_config()

    def learn(number: int) -> None:
        """Fit one of them."""
        member = members[number]
        callbacks: list[train.Callback] = [FunctionCallback(lambda end: stop.is_set(), member)]
        if bar is not None:
            callbacks.append(bar.member(number))
        token = MEMBERSHIP.set(Membership(member, f"Network {number + 1}: ", callbacks))
        try:
            with config_context(**settings):
                member.fit(X, y, sample_weight, **given)
        finally:
            MEMBERSHIP.reset(token)

    with bar or nullcontext():
        side_by_side(learn, range(len(members)), stop)
    if stop.is_set():
        warn_user("Training interrupted by user.")
    return members
