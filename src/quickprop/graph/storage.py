"""Where a variable keeps its numbers."""

from __future__ import annotations

import numpy as np


class Storage:
    """Where the value of a variable is kept between calls.

    A backend may move the numbers into memory laid out its own way; `array` is then a view of
    that memory. `moves` counts such moves of one storage, `Storage.all_moves` those of all.
    """

    all_moves = 0

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.memory = array
        self.moves = 0

    def move_to(self, array: np.ndarray, memory: np.ndarray) -> None:
        """Keep the value in `array`, of the same shape and type, from now on.

        `memory` is all that a backend reads of it, padding included.
        """
        array[...] = self.array
        self.array, self.memory = array, memory
        self.moves += 1
        Storage.all_moves += 1

    def put(self, new: np.ndarray) -> None:
        """Put new numbers into the place of the old."""
        # From numbers that were not finite some may have come into the padding, and would come back
        # from there.
        if not np.isfinite(self.memory).all():
            self.memory[...] = 0
        self.array[...] = new
