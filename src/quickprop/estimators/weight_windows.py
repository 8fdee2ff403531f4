"""The numbers of a network, seen as scikit-learn's lists.

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
