"""Threads that wait for work, and that nothing waits for when the process ends."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

Value = TypeVar("Value")
_Task = Callable[[], None]
#: The size of a new thread's stack is a setting of the process.
_STARTING = threading.Lock()


class WorkerThreads:
    """Threads that are kept for the next piece of work.

    Every piece of work has a thread from the moment it is started, so that pieces may wait for
    each other. (`concurrent.futures.ThreadPoolExecutor` may put one behind another, and Python
    waits for its threads before it ends.)

    Parameters
    ----------
    name : str
    kept : int
        So many threads wait for work; more than these end after theirs.
    stack : int
        Bytes of the stack of each; 0 leaves that to the system.
    """

    def __init__(self, name: str, kept: int, stack: int = 0) -> None:
        self.name, self.kept, self.stack = name, kept, stack
        self._forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        """A forked child has none of the threads."""
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[_Task]] = []

    def start(self, work: Callable[[], Value]) -> Future[Value]:
        """Begin a piece of work in a thread of its own."""
        future: Future[Value] = Future()

        def task() -> None:
            try:
                value = work()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(value)

        with self._lock:
            queue = self._idle.pop() if self._idle else None
        if queue is None:
            queue = SimpleQueue()
            self._new_thread(queue)
        queue.put(task)
        return future

    def _new_thread(self, queue: SimpleQueue[_Task]) -> None:
        thread = threading.Thread(target=self._work, args=(queue,), name=self.name, daemon=True)
        if not self.stack:
            thread.start()
            return
        with _STARTING:
            before = threading.stack_size(self.stack)
            try:
                thread.start()
            finally:
                threading.stack_size(before)

    def _work(self, queue: SimpleQueue[Any]) -> None:
        while True:
            task = queue.get()
            task()
            # It holds all that the work was about.
            del task
            with self._lock:
                if len(self._idle) >= self.kept:
                    return
                self._idle.append(queue)
