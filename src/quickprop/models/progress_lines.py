"""Lines on standard error that say how a fit goes on."""

from __future__ import annotations

import sys
import time

from quickprop.train import Callback, History, Progress

#: Seconds between two lines while a network trains.
_APART = 1.0


class ProgressLines(Callback):
    """A line for every stage, and for every second of training."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def on_stage(self, words: str) -> None:
        """A new stage has begun."""
        self._last = time.monotonic()
        self._say(words)

    def on_slice(self, progress: Progress) -> None:
        """Training has gone on a little."""
        now = time.monotonic()
        if now - self._last < _APART:
            return
        self._last = now
        self._say(f"epoch {progress.epoch} of {progress.epochs}, {progress.said}")

    def on_end(self, history: History) -> None:
        """Training has ended."""
        self._say(f"{len(history.epochs)} epochs in {history.seconds:.2f} s: {history.stopped}")

    def _say(self, words: str) -> None:
        print(f"quickprop: {words}", file=sys.stderr, flush=True)
