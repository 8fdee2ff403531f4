"""Compiling in good time: LLVM cannot be interrupted, but nobody has to wait for it.

Within `compiling_within` code is compiled in a thread of its own. When the time is up before it is
done, or whoever asked for it gives up, `NotInTimeError` is raised where the code was asked for, and
the thread goes on: the next who asks for the same code finds it, or waits for it.
"""

from __future__ import annotations

import functools
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

#: Seconds from one look to the next whether somebody gives up.
LOOK = 0.02
#: Bytes of the thread's stack: LLVM calls itself, and some systems give threads little.
STACK = 2**25


class NotInTimeError(Exception):
    """The code was not compiled in time. For whoever set the limit: users never see it."""


@dataclass(frozen=True)
class _Patience:
    """Until when somebody waits, by `time.perf_counter`, if nothing makes him give up."""

    end: float
    gives_up: Callable[[], bool]

    def wait_for(self, future: Future[Any]) -> Any:
        """The result, as soon as it is there."""
        while not future.done():
            left = self.end - time.perf_counter()
            if left <= 0.0 or self.gives_up():
                raise NotInTimeError
            with suppress(TimeoutError):
                future.exception(min(left, LOOK))
        return future.result()


_patience: ContextVar[_Patience | None] = ContextVar("patience", default=None)
_LOCK = threading.Lock()
_UNDER_WAY: dict[str, Future[Any]] = {}


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


def in_time(key: str, work: Callable[[], Any]) -> Any:
    """What `work` gives, done once for all who ask with this key at the same time."""
    patience = _patience.get()
    with _LOCK:
        future = _UNDER_WAY.get(key)
        if future is None and patience is not None:
            future = _UNDER_WAY[key] = _thread().submit(work)
            future.add_done_callback(functools.partial(_done, key))
    if future is None:
        return work()
    return future.result() if patience is None else patience.wait_for(future)


def _done(key: str, _: Future[Any]) -> None:
    _UNDER_WAY.pop(key, None)


@functools.cache
def _thread() -> ThreadPoolExecutor:
    pool = ThreadPoolExecutor(1, "quickprop-compiler")
    before = threading.stack_size(STACK)
    try:
        # The thread starts with its first task.
        pool.submit(int).result()
    finally:
        threading.stack_size(before)
    return pool


def wait_for_all() -> None:
    """Until all that was begun is done."""
    for future in [*_UNDER_WAY.values()]:
        future.exception()


if hasattr(os, "register_at_fork"):
    # A child would have LLVM's locks, but not the thread that holds them.
    os.register_at_fork(before=wait_for_all, after_in_child=_thread.cache_clear)
