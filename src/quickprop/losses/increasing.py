"""Columns that cannot cross: each is the one before plus something positive."""

from __future__ import annotations

import numpy as np

from quickprop.graph import Tensor, constant
from quickprop.ops.activations import softplus
from quickprop.ops.elementary import concat


def increasing(output: Tensor, count: int) -> Tensor:
    """The first block of columns as it is; the next of `count` are softplus of theirs higher."""
    width = output.shape[1] or 0
    if count == 1:
        return output
    first = width // count
    steps = concat([output[:, :first], softplus(output[:, first:])], 1)
    # Sums so far, as a product: block k collects blocks 0 to k.
    so_far = np.kron(np.triu(np.ones((count, count))), np.eye(first))
    return steps @ constant(so_far, output.dtype)
