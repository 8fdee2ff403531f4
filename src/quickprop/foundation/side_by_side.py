"""Many fits at the same time, in threads: native code leaves the interpreter lock alone."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from quickprop.foundation.core_budget import core_limit
from quickprop.foundation.worker_threads import WorkerThreads

Item = TypeVar("Item")
Result = TypeVar("Result")
#: The longest time, in seconds, between two looks at whether all are done.
LONGEST_LOOK = 0.02
_THREADS = WorkerThreads("quickprop-side-by-side", kept=4)


def side_by_side(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    stop: threading.Event,
    threads: int | None = None,
) -> list[Result]:
    """Do a piece of work for each item, as many at a time as there are cores.

    What the pieces compute natively shares the cores of the process (`core_budget`), so they may
    use threads of their own.

    Parameters
    ----------
    work : callable
        Called with each item once, in any thread, in a copy of the caller's context. It should look
        at `stop` now and then and come to its end when that is set; also one that begins only then.
    items : sequence
    stop : threading.Event
        Is set when Ctrl-C is pressed, and when a piece of work raises an error. Ctrl-C is not
        raised: the results of all pieces are returned, as far as each has come.
    threads : int, optional
        The most threads. Default: `core_limit`.

    Returns
    -------
    list
        The results, in the order of the items.

    Raises
    ------
    Exception
        The first error of a piece of work, after all others have ended.
    """
    waiting = list(range(len(items)))
    results: dict[int, Result] = {}
    errors: list[BaseException] = []

    def do_some() -> None:
        while waiting:
            try:
                number = waiting.pop(0)
            except IndexError:  # Another thread was quicker.
                return
            try:
                results[number] = contextvars.copy_context().run(work, items[number])
            except BaseException as error:
                errors.append(error)
                stop.set()

    context = contextvars.copy_context()
    begun: list[Future[None]] = []
    count = min(core_limit(threads), len(items))
    look = 1e-4
    while True:
        try:
            while len(begun) < count:
                begun.append(_THREADS.start(lambda: context.copy().run(do_some)))
            # Asleep and not in a lock: an interrupt within one could leave it closed for ever, and
            # a signal may come to another thread than the one that waits.
            while not all(future.done() for future in begun):
                time.sleep(look)
                look = min(2.0 * look, LONGEST_LOOK)
            break
        except KeyboardInterrupt:
            if stop.is_set():
                raise
            stop.set()
    if errors:
        raise errors[0]
    return [results[number] for number in range(len(items))]
