"""Until when work may go on, and the limit that work under way looks at.

Long work in Python (graphs written, differentiated and simplified, rows made ready) calls
`look_at_the_clock` every now and then. Outside of `time_limit` that does nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Clock = Callable[[], float]


class NotInTimeError(Exception):
    """Work was not done in time. For whoever set the limit: users never see it."""


class Deadline:
    """A time that begins now and lasts so many seconds.

    Parameters
    ----------
    seconds : float or None
        None for ever.
    clock : callable
        Gives seconds.
    begun : float, optional
        When it began by that clock, if not now.
    """

    def __init__(
        self,
        seconds: float | None = None,
        clock: Clock = time.monotonic,
        begun: float | None = None,
    ) -> None:
        self.seconds, self.clock = seconds, clock
        self.begun = clock() if begun is None else begun
        self._end = math.inf if seconds is None else self.begun + seconds

    @property
    def limited(self) -> bool:
        """Whether there is an end at all."""
        return self._end < math.inf

    @property
    def passed(self) -> float:
        """Seconds since it began."""
        return self.clock() - self.begun

    @property
    def left(self) -> float:
        """Seconds left; below 0 when it is over."""
        return math.inf if self._end == math.inf else self._end - self.clock()

    def spent(self, part: float) -> bool:
        """Whether that part of its time has passed; never, if there is no end."""
        return self.seconds is not None and self.passed > part * self.seconds

    @property
    def over(self) -> bool:
        """Whether no time is left."""
        return self.left <= 0.0


_is_over: ContextVar[Callable[[], bool] | None] = ContextVar("is_over", default=None)


@contextmanager
def time_limit(is_over: Callable[[], bool]) -> Iterator[None]:
    """Drop the work within as soon as `is_over` says true: the time is up, or Ctrl-C was pressed.

    Raises
    ------
    NotInTimeError
        From the next look at the clock.
    """
    token = _is_over.set(is_over)
    try:
        yield
    finally:
        _is_over.reset(token)


def look_at_the_clock() -> None:
    """Raise `NotInTimeError` when the limit set around this work is over."""
    is_over = _is_over.get()
    if is_over is not None and is_over():
        raise NotInTimeError
