"""How many steps to run before looking up again."""

from __future__ import annotations

#: Seconds of a slice: short enough to notice Ctrl-C and the deadline, long enough to cost nothing.
SLICE = 0.005
#: A slice has at most so many times the steps of the longest so far, until the time is known well.
GROWTH = 8


class SlicePlanner:
    """Chooses the steps of the next slice from the time that steps took so far."""

    def __init__(self) -> None:
        self.seconds_per_step: float | None = None
        self._longest = 0

    def steps(self, most: int, seconds_left: float) -> int:
        """Steps of the next slice, 1 to `most`; 0 when there is no time for one."""
        if seconds_left <= 0.0:
            return 0
        time = self.seconds_per_step
        if time is None:
            return 1
        if seconds_left < time:
            return 0
        # Comparisons: small epochs ask this thousands of times, and `min` takes its time.
        if time < 1e-9:
            time = 1e-9
        fitting = (SLICE if seconds_left > SLICE else seconds_left) / time
        if fitting > GROWTH * self._longest:
            fitting = GROWTH * self._longest
        if fitting >= most:
            return most
        return int(fitting) or 1

    def learn(self, steps: int, seconds: float) -> None:
        """Take in what a slice took."""
        time = seconds / steps
        old = self.seconds_per_step
        self.seconds_per_step = time if old is None else 0.5 * (old + time)
        if steps > self._longest:
            self._longest = steps
