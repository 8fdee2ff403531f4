"""The same numbers in another shape."""

from __future__ import annotations

from collections.abc import Sequence

from quickprop.graph import Tensor
from quickprop.graph import reshape as reshape_tensor
from quickprop.graph.shape_rules import Dim
from quickprop.ops.arrays import takes_array


@takes_array
def reshape(x: Tensor, shape: Sequence[Dim]) -> Tensor:
    """The same numbers, in the same order, in another shape; rows stay the first axis.

    Examples
    --------
    >>> from quickprop import reshape
    >>> reshape([[1.0, 2.0], [3.0, 4.0]], (4,)).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    return reshape_tensor(x, shape)
