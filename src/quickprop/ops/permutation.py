"""The order of the rows in an epoch: a permutation that depends on seed and epoch alone.

Fisher and Yates' exchange from the last place down, the partner of place i drawn as
floor(u (i + 1)) with u from splitmix64 (Steele, Lea and Flood 2014) at counter i + 1.
"""

from __future__ import annotations

import numpy as np

_GAMMA = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


def _mix(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = z ^ (z >> np.uint64(31))
    return mixed


def permutation(rows: int, seed: int, epoch: int) -> np.ndarray:
    """The numbers 0 to rows - 1 in the order of that seed and epoch, as int32 [rows]."""
    start = np.array([((seed << 32) + epoch + _GAMMA) & _MASK], np.uint64)
    key = _mix(start)
    counter = np.arange(1, rows + 1, dtype=np.uint64)
    high = _mix(key + counter * np.uint64(_GAMMA)) >> np.uint64(32)
    partner = ((high * counter) >> np.uint64(32)).tolist()
    order = list(range(rows))
    for i in range(rows - 1, 0, -1):
        j = partner[i]
        order[i], order[j] = order[j], order[i]
    return np.array(order, np.int32)
