"""Random numbers by name: a stream depends on seed and name alone."""

from __future__ import annotations

import hashlib

import numpy as np

from quickprop.foundation.settings import integer

#: What a seed may be: as many as Philox and NumPy tell apart in one word.
SEED = integer(0, 2**64 - 1)


def stream(seed: int, name: str) -> np.random.Generator:
    """An independent generator for that seed and name (Philox, counter-based)."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    key = np.frombuffer(digest[:16], dtype="<u8").astype(np.uint64)
    return np.random.Generator(np.random.Philox(key=key))
