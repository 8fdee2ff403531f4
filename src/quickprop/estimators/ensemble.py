"""Networks trained side by side from different starting weights."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
from sklearn import config_context, get_config
from sklearn.base import clone
from sklearn.utils import check_random_state

from quickprop.config import thread_limit
from quickprop.estimators import watching
from quickprop.estimators.watching import MEMBERSHIP, FunctionWatcher, Membership, Watcher

#: The longest time, in seconds, between two looks at whether all are done.
_LONGEST_LOOK = 0.02


def fit_members(estimator: Any, X: Any, y: Any, sample_weight: Any, given: dict[str, Any]) -> None:
    """Fit the members in threads, and take on what the first of them has learned.

    Native code leaves the interpreter lock alone, so that threads are enough. Ctrl-C, or an error
    in one of them, ends them all after their epoch of now.
    """
    random = check_random_state(estimator.random_state)
    seeds = random.randint(np.iinfo(np.int32).max, size=estimator.n_ensemble)
    members = [clone(estimator).set_params(n_ensemble=1, random_state=int(seed)) for seed in seeds]
    bar = None
    if estimator.verbose and watching.on_terminal():
        bar = watching.EnsembleBar(len(members), estimator.max_iter)
    stop = threading.Event()
    # scikit-learn's settings are those of a thread.
    settings = get_config()

    def learn(number: int) -> None:
        """Fit one of them."""
        watchers: list[Watcher] = [FunctionWatcher(lambda end: stop.is_set())]
        if bar is not None:
            watchers.append(bar.watcher(number))
        member = members[number]
        token = MEMBERSHIP.set(Membership(member, f"Network {number + 1}: ", watchers))
        try:
            with config_context(**settings):
                member.fit(X, y, sample_weight, **given)
        finally:
            MEMBERSHIP.reset(token)

    with bar or nullcontext():
        _in_threads(learn, len(members), stop)
    own = set(estimator.get_params(deep=False))
    for name, value in vars(members[0]).items():
        if name not in own:
            setattr(estimator, name, value)
    estimator.estimators_ = members


def _in_threads(learn: Callable[[int], None], count: int, stop: threading.Event) -> None:
    """Fit all members, and raise the first of their errors; `stop` ends each after its epoch."""
    done: list[int] = []
    errors: list[BaseException] = []
    waiting = list(range(count))

    def work() -> None:
        """Fit members until none is left."""
        while waiting:
            try:
                number = waiting.pop(0)
            except IndexError:  # Another thread was quicker.
                return
            try:
                learn(number)
            except BaseException as error:
                errors.append(error)
            finally:
                done.append(number)

    threads = [threading.Thread(target=work) for _ in range(min(thread_limit(), count))]
    look = 1e-4
    try:
        for thread in threads:
            thread.start()
        # Asleep and not in a lock: an interrupt within one could leave it closed for ever, and a
        # signal may come to another thread than the one that waits.
        while len(done) < count and not errors:
            time.sleep(look)
            look = min(2.0 * look, _LONGEST_LOOK)
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
    finally:
        # Of no effect on those that are done.
        stop.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
    # Those that an interrupt kept from beginning get an epoch each.
    work()
    if errors:
        raise errors[0]
