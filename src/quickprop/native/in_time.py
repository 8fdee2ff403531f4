"""Compiling in good time: LLVM cannot be interrupted, but nobody has to wait for it.

Within `compiling_within` code is compiled in a thread of its own. When the time is up before it is
done, `NotInTimeError` is raised where the code was asked for, and the thread goes on: the next who
asks for the same code finds it, or waits for it.
"""

from __future__ import annotations

import functools
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any


class NotInTimeError(Exception):
    """The code was not compiled in time. For whoever set the limit: users never see it."""


#: When the time is up, by `time.perf_counter`.
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
_LOCK = threading.Lock()
_UNDER_WAY: dict[str, Future[Any]] = {}


@contextmanager
def compiling_within(seconds: float) -> Iterator[None]:
    """Compile for at most so many seconds from now on; infinity is for as long as it takes.

    Raises
    ------
    NotInTimeError
        From where code is asked for that is not there when the time is up.
    """
    end = None if seconds == math.inf else time.perf_counter() + seconds
    token = _deadline.set(end)
    try:
        yield
    finally:
        _deadline.reset(token)


def in_time(key: str, work: Callable[[], Any]) -> Any:
    """What `work` gives, done once for everyone who asks with this key at the same time."""
    end = _deadline.get()
    with _LOCK:
        future = _UNDER_WAY.get(key)
        if future is None and end is not None:
            future = _UNDER_WAY[key] = _thread().submit(work)
            future.add_done_callback(functools.partial(_done, key))
    if future is None:
        return work()
    try:
        return future.result(None if end is None else max(0.0, end - time.perf_counter()))
    except TimeoutError:
        raise NotInTimeError from None


def _done(key: str, _: Future[Any]) -> None:
    _UNDER_WAY.pop(key, None)


@functools.cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "quickprop-compiler")


def wait_for_all() -> None:
    """Until all that was begun is done."""
    for future in [*_UNDER_WAY.values()]:
        future.exception()


if hasattr(os, "register_at_fork"):
    # A child would have LLVM's locks, but not the thread that holds them.
    os.register_at_fork(before=wait_for_all, after_in_child=_thread.cache_clear)
