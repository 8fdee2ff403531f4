"""Linear algebra by NumPy on one thread: its sums have the same bits whatever cores there are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

from quickprop.foundation.single_flight import once

#: Finding the libraries takes a millisecond; NumPy's is there from its import on.
_controller = once(ThreadpoolController)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Products of matrices take one thread of BLAS within the block.

    With more of them the sums are cut otherwise, and a model fitted on another machine, or beside
    other work, would differ in its last digits. In the main thread only: the number is one of the
    process, and OpenBLAS (0.3.31) takes it from no other thread, nor lets another one restore it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _controller().limit(limits=1, user_api="blas"):
        yield
