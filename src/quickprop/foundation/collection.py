"""Python's search for circles of garbage, put off while many objects are made that all stay."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()
_pausing = 0
_was_on = False


@contextmanager
def collection_paused() -> Iterator[None]:
    """No search for circles while graphs and code are written, in this thread or another.

    Each search goes over all objects there are: writing a graph of a hundred thousand nodes a tenth
    of the time went into it. It is on again when the last of those who paused it is done, unless it
    was off before.
    """
    global _pausing, _was_on
    with _LOCK:
        if not _pausing:
            _was_on = gc.isenabled()
            gc.disable()
        _pausing += 1
    try:
        yield
    finally:
        with _LOCK:
            _pausing -= 1
            if not _pausing and _was_on:
                gc.enable()


def _after_fork() -> None:
    """A forked child has none of the other threads, which would have turned it on again."""
    global _LOCK, _pausing
    _LOCK = threading.Lock()
    if _pausing and _was_on:
        gc.enable()
    _pausing = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
