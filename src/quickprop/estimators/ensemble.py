"""Networks trained side by side from different starting weights."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np
from sklearn import config_context, get_config
from sklearn.base import clone
from sklearn.utils import check_random_state

from quickprop.config import thread_limit

#: Seconds between two looks: a signal may come to another thread than the one that waits.
_LOOK = 0.05


def _over(fits: Sequence[Future[None]]) -> bool:
    """Wait a moment; whether all are done, or one has failed."""
    done, running = wait(fits, timeout=_LOOK, return_when=FIRST_EXCEPTION)
    return not running or any(one.exception() is not None for one in done)


def fit_members(estimator: Any, X: Any, y: Any, sample_weight: Any, given: dict[str, Any]) -> None:
    """Fit the members in threads, and take on what the first of them has learned.

    Native code leaves the interpreter lock alone, so that threads are enough. Ctrl-C, or an error
    in one of them, ends them all after their epoch of now.
    """
    random = check_random_state(estimator.random_state)
    seeds = random.randint(np.iinfo(np.int32).max, size=estimator.n_ensemble)
    members = [clone(estimator).set_params(n_ensemble=1, random_state=int(seed)) for seed in seeds]
    stop = threading.Event()
    settings = get_config()

    def learn(member: Any) -> None:
        member._stop = stop
        try:
            # scikit-learn's settings are those of a thread.
            with config_context(**settings):
                member.fit(X, y, sample_weight, **given)
        finally:
            del member._stop

    with ThreadPoolExecutor(min(thread_limit(), len(members))) as pool:
        fits = [pool.submit(learn, member) for member in members]
        try:
            while not _over(fits):
                pass
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=2)
        finally:
            # Of no effect on those that are done.
            stop.set()
    for done in fits:
        done.result()
    own = set(estimator.get_params(deep=False))
    for name, value in vars(members[0]).items():
        if name not in own:
            setattr(estimator, name, value)
    estimator.estimators_ = members
