"""Networks trained side by side from different starting weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from quickprop.config import thread_limit


def fit_members(estimator: Any, X: Any, y: Any, sample_weight: Any, given: dict[str, Any]) -> None:
    """Fit the members in threads, and take on what the first of them has learned.

    Native code leaves the interpreter lock alone, so that threads are enough.
    """
    random = check_random_state(estimator.random_state)
    seeds = random.randint(np.iinfo(np.int32).max, size=estimator.n_ensemble)
    members = [clone(estimator).set_params(n_ensemble=1, random_state=int(seed)) for seed in seeds]
    workers = min(thread_limit(), len(members))
    Parallel(n_jobs=workers, backend="threading")(
        delayed(member.fit)(X, y, sample_weight, **given) for member in members
    )
    own = set(estimator.get_params(deep=False))
    for name, value in vars(members[0]).items():
        if name not in own:
            setattr(estimator, name, value)
    estimator.estimators_ = members
