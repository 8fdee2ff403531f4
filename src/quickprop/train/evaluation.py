"""The loss over a whole part of the data."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from quickprop.execution import Function
from quickprop.foundation.lru_cache import LruCache
from quickprop.graph import Graph
from quickprop.losses import Loss
from quickprop.native import Rows
from quickprop.nn import Network
from quickprop.passes import optimise
from quickprop.train.graph_template import KEPT, NetworkTemplate, structure_key_with

#: Rows between two looks at the clock; native code works on far fewer at a time anyway.
PIECE = 2**15


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
        by_column = weights is not None and weights.ndim == 2
        self._run = losses_of(network, loss, by_column, backend)
        self._arrays = tuple(arrays)
        self._weights = weights

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(self._arrays[0])

    def __call__(self) -> float:
        """The mean loss with the weights of now."""
        loss = self.unless(lambda: False)
        assert loss is not None
        return loss

    def unless(self, halted: Callable[[], bool]) -> float | None:
        """The mean loss with the weights of now; None when work on the rows was halted."""
        whole = [array for array in self._arrays if isinstance(array, np.ndarray)]
        if self.rows <= PIECE or len(whole) < len(self._arrays):
            losses = self._run(*self._arrays)
        else:
            pieces = []
            for start in range(0, self.rows, PIECE):
                if start and halted():
                    return None
                pieces.append(self._run(*(array[start : start + PIECE] for array in whole)))
            losses = np.concatenate(pieces)
        with np.errstate(all="ignore"):  # Diverged networks give infinities.
            if self._weights is not None:
                losses = losses * self._weights
            return float(np.mean(losses, dtype=np.float64))


_TEMPLATES: LruCache[Hashable, NetworkTemplate] = LruCache(KEPT)


def losses_of(
    network: Network, loss: Loss, by_column: bool = False, backend: str | None = None
) -> Function:
    """The loss of each row, or of each of its columns, from the inputs and the target."""
    key = structure_key_with(network, loss)
    known = None if key is None else _TEMPLATES.get((key, by_column))
    if known is not None:
        graph, _ = known.instantiate(network)
    else:
        target = loss.target_placeholder(network.width, network.dtype)
        # Row by row, so that native code works in chunks that stay in the cache.
        output = network.output(loss=loss)
        losses = (loss.per_target if by_column else loss.per_row)(output, target)
        graph = optimise(Graph((*network.inputs, target), (losses,)))
        if key is not None:
            _TEMPLATES.put((key, by_column), NetworkTemplate(graph, network))
    return Function(graph, backend=backend, single=True)
