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
        if self.seconds_per_step is None:
            return 1
        time = max(self.seconds_per_step, 1e-9)
        fitting = min(SLICE, seconds_left) / time
        if seconds_left < time:
            return 0
        return max(1, min(most, int(min(fitting, GROWTH * self._longest))))

    def learn(self, steps: int, seconds: float) -> None:
        """Take in what a slice took."""
        time = seconds / steps
        old = self.seconds_per_step
        self.seconds_per_step = time if old is None else 0.5 * (old + time)
        self._longest = max(self._longest, steps)
