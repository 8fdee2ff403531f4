"""The sign of numbers, and numbers held between two ends."""

from __future__ import annotations

from quickprop.graph import Tensor
from quickprop.graph.tensor import Number
from quickprop.ops.arrays import takes_array
from quickprop.ops.elementary import maximum, minimum


@takes_array
def sign(x: Tensor) -> Tensor:
    """1 where positive, -1 where negative, 0 at zero; its derivative is 0."""
    return (x > 0.0) - (x < 0.0)


@takes_array
def clip(x: Tensor, low: Tensor | Number, high: Tensor | Number) -> Tensor:
    """`x`, but at least `low` and at most `high`."""
    return minimum(maximum(x, low), high)
