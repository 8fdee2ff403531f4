"""Products with a thin side become sums and elementwise work, which fuse with their neighbours."""

from __future__ import annotations

from quickprop.graph import Op, Tensor, broadcast_to, make
from quickprop.graph.tensor import matmul, reshape


def thin_products(node: Tensor) -> Tensor:
    """Rewrite a product whose inner or outer length is 1.

    - inner length 1, as in the gradient by the input of a single neuron: an outer product, so every
      element is one multiplication;
    - one column of results for many rows, as in a network with one output: a sum along each line;
    - one column of results of fixed length, as in the gradient of that layer's weights: the same
      product with both sides transposed, so that its line lies along the vectors.
    """
    if node.op is Op.BATCH_MATMUL:
        return _outer_products(node)
    if node.op is not Op.MATMUL or node.inputs[0].rank != 2:
        return node
    a, b = node.inputs
    ta, tb = node.attribute("transpose_a"), node.attribute("transpose_b")
    m, n = node.shape
    inner = a.shape[0] if ta else a.shape[1]
    if inner == 1:
        column = a if not ta else (reshape(a, (m, 1)) if m is not None else None)
        if column is None:
            return node
        line = reshape(b, (1, n)) if tb else b
        return broadcast_to(column, node.shape) * broadcast_to(line, node.shape)
    if n == 1 and m is None and not ta and inner is not None:
        line = b if tb else reshape(b, (1, inner))
        return make(Op.SUM, a * broadcast_to(line, a.shape), axes=(1,))
    if n == 1 and m is not None and m > 1:
        # (AB)' = B'A': a [m, 1] result is computed as [1, m].
        return reshape(matmul(b, a, not tb, not ta), (m, 1))
    return node


def _outer_products(node: Tensor) -> Tensor:
    """A stack of products of inner length 1: every element is one multiplication."""
    a, b = node.inputs
    *batch, m, n = node.shape
    if (a.shape[-2] if node.attribute("transpose_a") else a.shape[-1]) != 1:
        return node
    column, line = reshape(a, (*batch, m, 1)), reshape(b, (*batch, 1, n))
    return broadcast_to(column, node.shape) * broadcast_to(line, node.shape)
