"""How many threads all that runs in this process use together.

Fits that run side by side, in whatever threads they were started, share the cores: each slice of
work says when it begins, and gets as many threads as there are cores that nobody else uses. It
always gets one. Results have the same bits with any number of threads, so this is about time alone.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from threadpoolctl import threadpool_info

from quickprop import config


def core_limit(asked: int | None = None) -> int:
    """The most threads allowed by the caller, the environment, and threadpoolctl's limits."""
    most = config.thread_limit()
    if asked is not None:
        most = min(most, asked)
    if most > 1:
        # Whoever limits the threads of BLAS or OpenMP, as joblib and `threadpool_limits` do, means
        # numerical work in general.
        pools = [pool["num_threads"] for pool in threadpool_info()]
        most = min([most, *pools])
    return most


class CoreBudget:
    """Counts the threads that are at work."""

    def __init__(self) -> None:
        self._forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        """A forked child has none of the other threads."""
        self._lock = threading.Lock()
        self._together = 0
        self._alone = _Alone()

    @property
    def at_work(self) -> int:
        """Threads that are at work now."""
        return self._together + self._alone.count

    def taken(self, wanted: int = 1) -> AbstractContextManager[int]:
        """Be at work, this thread and others with it.

        Parameters
        ----------
        wanted : int
            The most threads to use, this one included.

        Returns
        -------
        context manager
            Gives how many may be used: from 1 to `wanted`.
        """
        # One thread is always allowed: to read the limit would take longer than a small step.
        return self._alone if wanted == 1 else self._several(wanted)

    @contextmanager
    def _several(self, wanted: int) -> Iterator[int]:
        limit = config.thread_limit()
        with self._lock:
            granted = max(1, min(wanted, limit - self.at_work))
            self._together += granted
        try:
            yield granted
        finally:
            with self._lock:
                self._together -= granted


class _Alone(AbstractContextManager[int]):
    """Threads at work each by itself. It is entered at every slice, so it takes no lock."""

    def __init__(self) -> None:
        # An append and a pop are one operation each, whatever other threads do.
        self._threads: list[None] = []

    @property
    def count(self) -> int:
        return len(self._threads)

    def __enter__(self) -> int:
        self._threads.append(None)
        return 1

    def __exit__(self, *error: object) -> None:
        self._threads.pop()


#: The cores of this process.
CORES = CoreBudget()
