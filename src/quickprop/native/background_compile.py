"""Compiling in good time: LLVM cannot be interrupted, but nobody has to wait for it.

Within `compiling_within` code is compiled in a thread of its own. When the time is up before it is
done, or whoever asked for it gives up, `NotInTimeError` is raised where the code was asked for, and
the thread goes on: the next who asks for the same code finds it, or waits for it. The process does
not wait for such a thread when it ends.
"""

from __future__ import annotations

import atexit
import ctypes
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from quickprop.foundation.deadline import NotInTimeError
from quickprop.foundation.single_flight import SingleFlight, was_interrupted
from quickprop.foundation.worker_threads import WorkerThreads

Value = TypeVar("Value")
#: Seconds from one look to the next whether somebody gives up.
LOOK = 0.02
#: Bytes of a thread's stack: LLVM calls itself, and some systems give threads little.
STACK = 2**25


@dataclass(frozen=True)
class _Patience:
    """Until when somebody waits, by `time.perf_counter`, if nothing makes him give up."""

    end: float
    gives_up: Callable[[], bool]

    def wait_for(self, future: Future[Any]) -> Future[Any]:
        """The same, when it is done."""
        while not future.done():
            left = self.end - time.perf_counter()
            if left <= 0.0 or self.gives_up():
                raise NotInTimeError
            wait([future], min(left, LOOK))
        return future


_patience: ContextVar[_Patience | None] = ContextVar("patience", default=None)
_UNDER_WAY: SingleFlight[str, Any] = SingleFlight()
_THREADS = WorkerThreads("quickprop-compiler", kept=1, stack=STACK)


@contextmanager
def compiling_within(
    seconds: float = math.inf, gives_up: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Wait for code for at most so many seconds from now on, and until `gives_up` says true.

    Raises
    ------
    NotInTimeError
        From where code is asked for that is not there by then.
    """
    token = _patience.set(_Patience(time.perf_counter() + seconds, gives_up))
    try:
        yield
    finally:
        _patience.reset(token)


def in_time(key: str, work: Callable[[], Value]) -> Value:
    """What `work` gives, done once for all who ask with this key at the same time."""
    patience = _patience.get()
    if patience is None:
        return cast(Value, _UNDER_WAY.do(key, work))
    while True:
        future = patience.wait_for(_UNDER_WAY.begin(key, work, _THREADS.start))
        if not was_interrupted(future):
            return cast(Value, future.result())


def wait_for_all() -> None:
    """Until all that was begun is done."""
    _UNDER_WAY.wait()


def _end_without_waiting() -> None:
    """Let the process end while code is still being compiled.

    Python does not wait for such a thread, but the thread goes on while the process ends, and would
    use what LLVM's library has put away by then. So the process ends before that library puts
    anything away, right after Python is done. What C libraries registered earlier to do at exit
    is left out in this one case; what they have written goes out.
    """
    if not len(_UNDER_WAY):
        return
    libc = ctypes.CDLL(None)
    # Called in the reverse order: fflush(NULL), then _exit(status). Only where there is an
    # `on_exit`, which hands on the status; elsewhere the thread goes on for a moment.
    if hasattr(libc, "on_exit"):
        libc.on_exit(libc._exit, None)
        libc.__cxa_atexit(libc.fflush, None, None)


atexit.register(_end_without_waiting)
