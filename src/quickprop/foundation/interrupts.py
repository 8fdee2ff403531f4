"""Ctrl-C, noticed between slices and not in the middle of something."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """Whether Ctrl-C was pressed."""

    def __init__(self) -> None:
        self.raised = False
        self.closing = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The first time only note it; a second time end at once, unless all is being put away."""
        if self.raised and not self.closing:
            raise KeyboardInterrupt
        self.raised = True


@contextmanager
def held_interrupts() -> Iterator[Interrupts]:
    """Hold Ctrl-C back while a fit runs.

    Only where Python's own handling is in place: in the main thread, and unless the program has a
    handler of its own.
    """
    interrupts = Interrupts()
    own = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if not own:
        yield interrupts
        return
    signal.signal(signal.SIGINT, interrupts.handle)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
