"""A copy of the variables of a network, taken again and again while it learns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from quickprop.graph import Storage
from quickprop.nn import Network

_Memory = tuple[np.ndarray, list[np.ndarray]]


class WeightCopy:
    """All variables of a network as they were after an epoch.

    It is taken again whenever an epoch was the best; most are, so its memory is made once. The
    numbers before stay until the new ones are known to be finite.
    """

    def __init__(self, network: Network) -> None:
        #: Of which epoch it is; None before it was first taken.
        self.epoch: int | None = None
        variables = network.variables
        self._names = [str(leaf.name) for leaf in variables]
        self._stores: list[Storage] = [leaf.attribute("storage") for leaf in variables]
        self._size = sum(store.array.size for store in self._stores)
        self._are_finite = np.empty(self._size, bool)
        self._kind = network.dtype.value
        self._taken = self._memory()
        self._next: _Memory | None = None

    def _memory(self) -> _Memory:
        """Room for all numbers, and the part of each variable in it."""
        numbers, start = np.empty(self._size, self._kind), 0
        parts: list[np.ndarray] = []
        for store in self._stores:
            stop = start + store.array.size
            parts.append(numbers[start:stop].reshape(store.array.shape))
            start = stop
        return numbers, parts

    def take(self, epoch: int) -> bool:
        """Copy the numbers of now; False, and nothing is copied, when some are not finite."""
        numbers, parts = taken = self._memory() if self._next is None else self._next
        for part, store in zip(parts, self._stores):
            part[...] = store.array
        # As `all()`, which goes by way of Python.
        if not np.logical_and.reduce(np.isfinite(numbers, self._are_finite)):
            self._next = taken
            return False
        self.epoch = epoch
        self._taken, self._next = taken, self._taken
        return True

    def put_back(self) -> None:
        """Put the copy in place."""
        for part, store in zip(self._taken[1], self._stores):
            store.put(part)

    def named(self) -> dict[str, np.ndarray]:
        """The numbers by the names of the variables."""
        return dict(zip(self._names, self._taken[1], strict=True))

    def hold(self, epoch: int, numbers: Mapping[str, np.ndarray]) -> None:
        """Be the copy that `named` gave after that epoch."""
        for name, part in zip(self._names, self._taken[1], strict=True):
            part[...] = numbers[name]
        self.epoch = epoch
