"""Linear algebra by NumPy on one thread: its sums have the same bits whatever cores there are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController

from quickprop.foundation.single_flight import once

_LOCK = threading.Lock()
#: The limit that is in force, beside how many blocks need it: the setting is one of the process.
_LIMITS: list[Any] = []
_INSIDE = 0

#: Finding the libraries takes a millisecond; NumPy's is there from its import on.
_controller = once(ThreadpoolController)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Products of matrices take one thread of BLAS within the block.

    With more of them the sums are cut otherwise, and a model fitted on another machine, or beside
    other work, would differ in its last digits. Blocks may run in several threads; the limit is
    lifted when the last one has ended.
    """
    global _INSIDE
    with _LOCK:
        if not _INSIDE:
            _LIMITS.append(_controller().limit(limits=1, user_api="blas"))
        _INSIDE += 1
    try:
        yield
    finally:
        with _LOCK:
            _INSIDE -= 1
            if not _INSIDE:
                _LIMITS.pop().restore_original_limits()
