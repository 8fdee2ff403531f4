"""Whether products read an input as compressed sparse rows, and which of its columns stay dense."""

from __future__ import annotations

import numpy as np

from quickprop.graph import Graph, Op, Tensor
from quickprop.native.layout import layout_of
from quickprop.native.machine import Machine

#: Cycles: of a vector's multiply-add when its line of B is loaded for it alone, or for a tile; the
#: latency of a multiply-add that waits for the one before; sorting an entry by column; beginning
#: the entries of a row.
ALONE, SHARED, LATENCY, SORTING, BEGINNING = 1.15, 1.05, 4.5, 6.0, 30.0
#: Sparse rows must cost at most this part of the dense ones, for what is guessed here and to be
#: made.
WORTH = 0.8


def only_factors(graph: Graph) -> frozenset[Tensor]:
    """Inputs with rows that nothing but products reads, as their first factor."""
    factors = {leaf for leaf in graph.inputs if leaf.rank == 2 and leaf.shape[0] is None} - set(
        graph.roots
    )
    for node in graph.nodes():
        for k, source in enumerate(node.inputs):
            if source in factors and not (node.op is Op.MATMUL and k == 0):
                factors.discard(source)
    return frozenset(factors)


def dense_columns(
    graph: Graph, leaf: Tensor, shares: np.ndarray, machine: Machine
) -> tuple[np.ndarray, bool]:
    """Which columns of an input are better kept dense, and whether sparse rows of the others pay.

    Parameters
    ----------
    shares : array
        For each column, which part of it is not zero.
    """
    sparse, dense = SORTING, 0.0
    for node in products_of(graph, leaf):
        lanes = machine.lanes(node.dtype.itemsize)
        vectors = -(-layout_of(node.shape, node.dtype).width // lanes)
        sparse += max(ALONE * vectors, LATENCY)
        dense += SHARED * vectors
    kept = shares * sparse >= dense
    cost = BEGINNING + np.where(kept, dense, shares * sparse).sum()
    return kept, bool(cost < WORTH * dense * len(shares))


def products_of(graph: Graph, leaf: Tensor) -> list[Tensor]:
    """The products that an input is the first factor of."""
    return [node for node in graph.nodes() if node.op is Op.MATMUL and node.inputs[0] is leaf]


def sums_stride(graph: Graph, leaf: Tensor) -> int:
    """Numbers in a line of the sums over an input's dense columns: as the widest product needs."""
    return max(layout_of(node.shape, node.dtype).stride for node in products_of(graph, leaf))
