"""Work that several threads ask for at the same time, done by one of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError, Future
from functools import wraps
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class SingleFlight(Generic[Key, Value]):
    """For each key at most one piece of work at a time; whoever else asks gets its result.

    Nothing is remembered: neither results, which is the work's own affair, nor failures. A process
    that is forked waits for all that is under way first, and nothing begins meanwhile: the child
    would have the locks of the other threads, but not the threads that hold them.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._under_way: dict[Key, Future[Value]] = {}
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._close, after_in_parent=self._open, after_in_child=self._open
            )

    def __len__(self) -> int:
        return len(self._under_way)

    def begin(
        self, key: Key, work: Callable[[], Value], start: Callable[[Callable[[], None]], object]
    ) -> Future[Value]:
        """What is under way with this key, or this work, begun by `start`.

        Parameters
        ----------
        start : callable
            Calls what it is given, here or in another thread.
        """
        future: Future[Value] = Future()

        def fly() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                value = work()
            except BaseException as error:
                self._end(key)
                future.set_exception(error)
            else:
                self._end(key)
                future.set_result(value)

        try:
            with self._lock:
                known = self._under_way.setdefault(key, future)
                if known is not future:
                    return known
            start(fly)
        except BaseException:
            # Interrupted here, or there is no thread: whoever has found it already asks anew.
            if future.cancel() and self._under_way.get(key) is future:
                self._end(key)
            raise
        return future

    def do(self, key: Key, work: Callable[[], Value]) -> Value:
        """The result of the work, done here unless another thread is at it."""
        while True:
            mine: list[bool] = []

            def here(fly: Callable[[], None], mine: list[bool] = mine) -> None:
                mine.append(True)
                fly()

            future = self.begin(key, work, here)
            if mine or not was_interrupted(future):
                return future.result()

    def wait(self) -> None:
        """Until all that was begun is done."""
        for future in self._futures():
            was_interrupted(future)

    def _close(self) -> None:
        """Wait for all that is under way, and let nothing begin until `_open`."""
        while True:
            self.wait()
            self._lock.acquire()
            if not self._under_way:
                return
            self._lock.release()

    def _open(self) -> None:
        """Let work begin again, in the thread that closed or in its copy in a forked child."""
        self._lock.release()

    def _futures(self) -> list[Future[Value]]:
        with self._lock:
            return [*self._under_way.values()]

    def _end(self, key: Key) -> None:
        with self._lock:
            self._under_way.pop(key, None)


def was_interrupted(future: Future[Any]) -> bool:
    """Wait for a piece of work; whether its thread was interrupted, so that it has no result.

    That is no answer to others who asked for it: they ask anew.
    """
    try:
        error = future.exception()
    except CancelledError:
        return True
    return error is not None and not isinstance(error, Exception)


def once(make: Callable[[], Value]) -> Callable[[], Value]:
    """A function that makes its result when it is first called, in one thread, and keeps it.

    `functools.cache` lets several threads make it at the same time, and all but one lose theirs.
    """
    lock = threading.RLock()
    made: list[Value] = []

    @wraps(make)
    def get() -> Value:
        if not made:
            with lock:
                if not made:
                    made.append(make())
        return made[0]

    return get
