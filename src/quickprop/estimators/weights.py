"""The numbers of a network: seen as scikit-learn's lists, and copied while it learns.

The arrays in `coefs_` and `intercepts_` are windows onto the memory that native code works on, so
that reading them costs nothing and writing into them changes the predictions, as with
scikit-learn's. A list element that was replaced is noticed and copied in.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np

from quickprop.graph import Storage, Tensor
from quickprop.nn import Dense, Network


class WeightWindows:
    """The two lists of a network."""

    def __init__(self, network: Network) -> None:
        dense = [placed.parameters for placed in network.layers if isinstance(placed.layer, Dense)]
        self._leaves: list[Tensor] = [
            *(parameters["weight"] for parameters in dense),
            *(parameters["bias"] for parameters in dense),
        ]
        self._stores: list[Storage] = [leaf.attribute("storage") for leaf in self._leaves]
        self._seen: list[np.ndarray] = []

    def look(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Windows on where the numbers are now: native code may have moved them."""
        self._seen = [store.array for store in self._stores]
        half = len(self._seen) // 2
        return self._seen[:half], self._seen[half:]

    def are(self, coefs: Sequence[np.ndarray], intercepts: Sequence[np.ndarray]) -> bool:
        """Whether lists hold the windows that were looked at last."""
        given = (*coefs, *intercepts)
        if len(given) != len(self._seen):
            return False
        return all(map(operator.is_, given, self._seen))

    def fit(self, coefs: Sequence[np.ndarray], intercepts: Sequence[np.ndarray]) -> bool:
        """Whether lists have the shapes of the network."""
        return [np.shape(array) for array in (*coefs, *intercepts)] == [
            leaf.shape for leaf in self._leaves
        ]

    def put(self, coefs: Sequence[np.ndarray], intercepts: Sequence[np.ndarray]) -> None:
        """Copy the numbers of lists into the network."""
        for leaf, array in zip(self._leaves, (*coefs, *intercepts), strict=True):
            leaf.assign(array)


class WeightCopy:
    """A copy of all variables of a network, taken again whenever an epoch was the best.

    That are most epochs, so its memory is made once. The copy before it stays until the new numbers
    are known to be finite.
    """

    def __init__(self, network: Network) -> None:
        #: Of which epoch it is; None before the first.
        self.epoch: int | None = None
        self._stores: list[Storage] = [leaf.attribute("storage") for leaf in network.variables]
        size = sum(store.array.size for store in self._stores)
        self._are_finite = np.empty(size, bool)
        self._taken, self._next = (np.empty(size, network.dtype.value) for _ in range(2))
        self._parts, self._next_parts = self._split(self._taken), self._split(self._next)

    def _split(self, numbers: np.ndarray) -> list[np.ndarray]:
        """The part of each variable."""
        ends = np.cumsum([store.array.size for store in self._stores])
        parts = np.split(numbers, ends[:-1])
        return [part.reshape(store.array.shape) for part, store in zip(parts, self._stores)]

    def take(self, epoch: int) -> None:
        """Copy the numbers of now, unless some of them are not finite."""
        for part, store in zip(self._next_parts, self._stores):
            part[...] = store.array
        if not np.isfinite(self._next, out=self._are_finite).all():
            return
        self.epoch = epoch
        self._taken, self._next = self._next, self._taken
        self._parts, self._next_parts = self._next_parts, self._parts

    def put_back(self) -> None:
        """Put the copy in place."""
        for part, store in zip(self._parts, self._stores):
            store.put(part)
