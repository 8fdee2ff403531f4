"""The loss over a whole part of the data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quickprop.execution import function
from quickprop.losses import Loss
from quickprop.native import Rows
from quickprop.nn import Network


class Evaluation:
    """The loss of a network over some rows, compiled once.

    Parameters
    ----------
    arrays : sequence of array
        The network's inputs, then the target.
    weights : array, optional
        Factors of mean 1, of the rows or of the columns of the loss.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        arrays: Sequence[Rows],
        weights: np.ndarray | None = None,
        backend: str | None = None,
    ) -> None:
        target = loss.target_placeholder(network.width, network.dtype)
        # Row by row, so that native code works in chunks that stay in the cache.
        output = network.output(loss=loss)
        by_column = weights is not None and weights.ndim == 2
        losses = (loss.per_target if by_column else loss.per_row)(output, target)
        self._run = function((*network.inputs, target), losses, backend=backend)
        self._arrays = tuple(arrays)
        self._weights = weights

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(self._arrays[0])

    def __call__(self) -> float:
        """The mean loss with the weights of now."""
        losses = self._run(*self._arrays)
        with np.errstate(all="ignore"):  # Diverged networks give infinities.
            if self._weights is not None:
                losses = losses * self._weights
            return float(np.mean(losses, dtype=np.float64))
