"""Counter-based random numbers: Threefry-2x32 with 13 rounds (Salmon et al. 2011), in NumPy."""

from __future__ import annotations

import numpy as np

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA
ROUNDS = 13


def uniform_numpy(
    counter0: np.ndarray, counter1: np.ndarray, key0: np.ndarray, key1: np.ndarray
) -> np.ndarray:
    """Numbers in [0, 1) of 24 bits, float32, one for each counter; all arguments uint32."""
    x0, _ = threefry(counter0, counter1, key0, key1)
    return (x0 >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def threefry(
    counter0: np.ndarray,
    counter1: np.ndarray,
    key0: np.ndarray,
    key1: np.ndarray,
    rounds: int = ROUNDS,
) -> tuple[np.ndarray, np.ndarray]:
    """The two output words."""
    x0, x1, k0, k1 = (
        np.atleast_1d(np.asarray(v, np.uint32)) for v in (counter0, counter1, key0, key1)
    )
    keys = (k0, k1, k0 ^ k1 ^ np.uint32(PARITY))
    shape = np.broadcast_shapes(np.shape(counter0), np.shape(counter1))
    x0, x1 = x0 + k0, x1 + k1
    for r in range(rounds):
        turn = np.uint32(ROTATIONS[r % 8])
        x0 = x0 + x1
        x1 = (x1 << turn) | (x1 >> (np.uint32(32) - turn))
        x1 = x1 ^ x0
        if r % 4 == 3:
            n = r // 4 + 1
            x0 = x0 + keys[n % 3]
            x1 = x1 + keys[(n + 1) % 3] + np.uint32(n)
    return x0.reshape(shape), x1.reshape(shape)
