"""The logarithm of the gamma function, composed from primitives."""

from __future__ import annotations

import math

from quickprop.graph import Tensor
from quickprop.ops.arrays import takes_array
from quickprop.ops.elementary import log, where

#: Coefficients of 1/z, 1/z**3, ... in Stirling's series: B(2k) / (2k (2k - 1)).
_STIRLING = (
    1 / 12,
    -1 / 360,
    1 / 1260,
    -1 / 1680,
    1 / 1188,
    -691 / 360360,
    1 / 156,
    -3617 / 122400,
)
#: From here on the series is exact in float64.
_SHIFT = 8


@takes_array
def log_gamma(x: Tensor) -> Tensor:
    """ln of the gamma function of x > 0, by Stirling's series.

    Below 8 the argument is first raised by 8, with gamma(x + 1) = x gamma(x). Source: Abramowitz
    and Stegun 1964, 6.1.15 and 6.1.41. The error is a few units in the last place of the largest
    summand; the derivative of this graph is the digamma function, as exact.
    """
    small = x < float(_SHIFT)
    z = where(small, x + float(_SHIFT), x)
    inverse = 1.0 / z
    squared = inverse * inverse
    series: Tensor | float = _STIRLING[-1]
    for coefficient in reversed(_STIRLING[:-1]):
        series = squared * series + coefficient
    # Both branches count from x itself: terms that would cancel each other never get large. The
    # argument of the branch that is not taken is 1, so that nothing in it overflows.
    low = where(small, x, 1.0)
    share = where(small, inverse, 1.0)
    ratio = low * share
    for k in range(1, _SHIFT):
        ratio = ratio * ((low + float(k)) * share)
    constant = 0.5 * math.log(2.0 * math.pi)
    rest = where(small, (constant - _SHIFT) - log(ratio), constant)
    return (x - 0.5) * log(z) - x + inverse * series + rest
