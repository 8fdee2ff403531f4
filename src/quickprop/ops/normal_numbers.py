"""Normal random numbers from uniform ones."""

from __future__ import annotations

import math

from quickprop.config import DType
from quickprop.graph import Shape, Tensor
from quickprop.ops.arrays import takes_arrays
from quickprop.ops.elementary import cos, log, sqrt, uniform


@takes_arrays("seed", "step", whole=("seed", "step"))
def normal(
    shape: Shape, stream: str, seed: Tensor, step: Tensor, dtype: DType | str = DType.float32
) -> Tensor:
    """Random numbers of mean 0 and variance 1, the same for the same stream, seed, step and place.

    sqrt(-2 ln(1 - u)) cos(2 pi v) of two uniform numbers (Box and Muller 1958). As these have 24
    bits, none is farther from 0 than 5.77; one in a hundred million would be.

    Parameters
    ----------
    stream : str
        Different names give independent numbers.
    seed, step : Tensor
        int32 scalars.

    Examples
    --------
    >>> from quickprop import constant, function, normal
    >>> seed, step = constant(0, "int32"), constant(0, "int32")
    >>> drawn = function([], normal((1000,), "noise", seed, step))()
    >>> round(float(drawn.std()), 1)
    1.0
    """
    u = uniform(shape, f"{stream}.radius", seed, step, dtype)
    v = uniform(shape, f"{stream}.angle", seed, step, dtype)
    # u can be 0 and cannot be 1: turned round, the logarithm is always finite.
    return sqrt(log(1.0 - u) * -2.0) * cos(v * (2.0 * math.pi))
