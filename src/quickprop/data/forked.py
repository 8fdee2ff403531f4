"""Where tables cannot be worked on: in a copy of a process that has worked on some.

polars works in threads of its own. They are not copied with the process, and whatever is given to
them there waits for ever.
"""

from __future__ import annotations

import os

from quickprop.errors import DataError

#: The process whose threads polars has started.
_STARTED_BY: list[int] = []


def begin_work(where: str) -> None:
    """Before polars is given work: raise where it would never end.

    Raises
    ------
    DataError
        In a forked process.
    """
    if not _STARTED_BY:
        _STARTED_BY.append(os.getpid())
    elif _STARTED_BY[0] != os.getpid():
        raise DataError(
            "tables cannot be read here: this process was forked from one that has read some",
            where=where,
            allowed="processes that are started anew",
            hint="use multiprocessing.get_context('spawn') or 'forkserver', or joblib's loky",
        )
