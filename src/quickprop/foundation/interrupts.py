"""Ctrl-C and requests to terminate, noticed between slices and not in the middle of something."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """Whether Ctrl-C was pressed, or the process was asked to end as if it had been."""

    def __init__(self) -> None:
        self.raised = False
        self.closing = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The first time only note it; a second time end at once, unless all is being put away."""
        if self.raised and not self.closing:
            raise KeyboardInterrupt
        self.raised = True


#: What ends a fit early, where it would raise KeyboardInterrupt: Ctrl-C by itself, and a request to
#: terminate where the program (as the command line does) has given it the same handler.
_STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_interrupts() -> Iterator[Interrupts]:
    """Hold Ctrl-C back while a fit runs.

    Only where Python's own handling is in place: in the main thread, and unless the program has a
    handler of its own.
    """
    interrupts = Interrupts()
    main = threading.current_thread() is threading.main_thread()
    held = [
        number
        for number in _STOPPING
        if main and signal.getsignal(number) is signal.default_int_handler
    ]
    try:
        for number in held:
            signal.signal(number, interrupts.handle)
        yield interrupts
    finally:
        for number in held:
            signal.signal(number, signal.default_int_handler)
