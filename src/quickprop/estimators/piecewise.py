"""Mini-batches of sparse rows that would not fit into memory as a whole: dense one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse

from quickprop.execution import Function
from quickprop.graph import Graph, Tensor

#: Sparse rows that need no more bytes than this when dense are made dense once and for all.
DENSE_BYTES = 2**28
#: Bytes of a dense piece when there is no mini-batch to say how much.
PIECE_BYTES = 2**24


def network_input(X: Any, kind: str) -> Any:
    """Rows as a dense array in C order, or sparse by rows when that would be too large."""
    if not scipy.sparse.issparse(X):
        return np.ascontiguousarray(X, kind)
    if X.shape[0] * X.shape[1] * np.dtype(kind).itemsize <= DENSE_BYTES:
        return np.ascontiguousarray(X.toarray(), kind)
    return scipy.sparse.csr_array(X).astype(kind)


def pieces(X: Any) -> Iterator[np.ndarray]:
    """Sparse rows as dense arrays, some rows at a time."""
    rows = max(1, PIECE_BYTES // (X.shape[1] * X.dtype.itemsize))
    for start in range(0, X.shape[0], rows):
        yield X[start : start + rows].toarray()


class PiecewiseBatches:
    """As `quickprop.Minibatches`, for arrays of which some are sparse.

    Parameters
    ----------
    graph : Graph
        The step; its output is the loss.
    arrays : sequence of array
        For the inputs with rows, which stand first.
    batch_size : int
    """

    def __init__(self, graph: Graph, arrays: Sequence[Any], batch_size: int) -> None:
        self._function = Function(graph, single=True)
        self._arrays = arrays
        self._scalars = graph.inputs[len(arrays) :]
        self.rows = arrays[-1].shape[0]
        self.batch_size = min(batch_size, self.rows)
        self.order = np.arange(self.rows, dtype=np.int32)

    @property
    def steps_per_epoch(self) -> int:
        """Mini-batches in one pass over the rows."""
        return -(-self.rows // self.batch_size)

    def run(self, first_step: int, steps: int, scalars: Mapping[Tensor, float | int]) -> float:
        """Run some mini-batches of the current order; gives the sum of loss times rows."""
        values = [np.asarray(scalars[leaf], leaf.dtype.value) for leaf in self._scalars]
        total = 0.0
        for step in range(first_step, min(first_step + steps, self.steps_per_epoch)):
            index = self.order[step * self.batch_size : (step + 1) * self.batch_size]
            batch = [_dense(array[index]) for array in self._arrays]
            total += float(self._function(*batch, *values)) * len(index)
        return total


def _dense(array: Any) -> np.ndarray:
    return array.toarray() if scipy.sparse.issparse(array) else array
