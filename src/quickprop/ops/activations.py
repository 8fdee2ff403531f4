"""Activation functions, composed from primitives.

Those written with exponentials take them of numbers that are never above 0, also in the branch of a
`where` that is not taken: an infinity there would turn the derivative into 0 times infinity.
"""

from __future__ import annotations

import math

from quickprop.errors import SettingError
from quickprop.graph import Op, Tensor, binary
from quickprop.graph.given import flag
from quickprop.graph.tensor import Number
from quickprop.ops.arrays import takes_array, takes_arrays
from quickprop.ops.elementary import (
    abs,
    erf,
    exp,
    less,
    log,
    max,
    maximum,
    minimum,
    sigmoid,
    stop_gradient,
    sum,
    where,
)

# -- of each number -------------------------------------------------------------------------------


@takes_array
def identity(x: Tensor) -> Tensor:
    """X as it is."""
    return x


@takes_array
def step(x: Tensor) -> Tensor:
    """1 where x > 0, else 0 (Rosenblatt 1958); its derivative is 0 everywhere.

    Examples
    --------
    >>> from quickprop import step
    >>> step([-1.0, 0.0, 2.0]).tolist()
    [0.0, 0.0, 1.0]
    """
    return less(0.0, x)


@takes_array
def hard_sigmoid(x: Tensor) -> Tensor:
    """min(max(x + 3, 0), 6) / 6, straight pieces in place of the sigmoid, as PyTorch has it.

    Examples
    --------
    >>> from quickprop import hard_sigmoid
    >>> hard_sigmoid([-1.0, 0.0, 2.0]).round(3).tolist()
    [0.333, 0.5, 0.833]
    """
    return minimum(maximum(x, -3.0) + 3.0, 6.0) * (1.0 / 6.0)


@takes_array
def relu(x: Tensor) -> Tensor:
    """max(x, 0); its derivative at 0 is 0.

    Examples
    --------
    >>> from quickprop import relu
    >>> relu([-1.0, 0.0, 2.0]).tolist()
    [0.0, 0.0, 2.0]
    """
    return maximum(x, 0.0)


@takes_array
def relu6(x: Tensor) -> Tensor:
    """min(max(x, 0), 6) (Krizhevsky 2010); its derivative at 0 and at 6 is 0.

    Examples
    --------
    >>> from quickprop import relu6
    >>> relu6([-1.0, 0.0, 2.0]).tolist()
    [0.0, 0.0, 2.0]
    """
    return minimum(maximum(x, 0.0), 6.0)


@takes_array
def leaky_relu(x: Tensor, slope: Tensor | Number = 0.01) -> Tensor:
    """X where positive, slope times x elsewhere (Maas, Hannun and Ng 2013).

    Examples
    --------
    >>> from quickprop import leaky_relu
    >>> leaky_relu([-1.0, 0.0, 2.0]).round(3).tolist()
    [-0.01, 0.0, 2.0]
    """
    return where(less(0.0, x), x, x * slope)


@takes_array
def elu(x: Tensor, alpha: Tensor | Number = 1.0) -> Tensor:
    """X where positive, alpha (exp(x) - 1) elsewhere (Clevert, Unterthiner and Hochreiter 2016).

    Examples
    --------
    >>> from quickprop import elu
    >>> elu([-1.0, 0.0, 2.0]).round(3).tolist()
    [-0.632, 0.0, 2.0]
    """
    positive = less(0.0, x)
    return where(positive, x, (exp(where(positive, 0.0, x)) - 1.0) * alpha)


#: The constants with which mean 0 and variance 1 are kept from layer to layer (Klambauer et al.
#: 2017, equation 14).
SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717


@takes_array
def selu(x: Tensor) -> Tensor:
    """1.0507 times the elu with alpha 1.6733 (Klambauer, Unterthiner, Mayr and Hochreiter 2017).

    Examples
    --------
    >>> from quickprop import selu
    >>> selu([-1.0, 0.0, 2.0]).round(3).tolist()
    [-1.111, 0.0, 2.101]
    """
    return elu(x, SELU_ALPHA) * SELU_SCALE


@takes_array
def celu(x: Tensor, alpha: Tensor | Number = 1.0) -> Tensor:
    """X where positive, alpha (exp(x / alpha) - 1) elsewhere (Barron 2017).

    Its derivative at 0 is 1 for every alpha, which must be above 0.

    Examples
    --------
    >>> from quickprop import celu
    >>> celu([-1.0, 0.0, 2.0]).round(3).tolist()
    [-0.632, 0.0, 2.0]
    """
    if isinstance(alpha, int | float) and not alpha > 0.0:
        raise SettingError(
            "alpha must be above 0", where="celu", allowed="a number above 0", given=alpha
        )
    positive = less(0.0, x)
    return where(positive, x, (exp(where(positive, 0.0, x) / alpha) - 1.0) * alpha)


@takes_array
def gelu(x: Tensor) -> Tensor:
    """X times the normal distribution function of x (Hendrycks and Gimpel 2016), exact by erf.

    Examples
    --------
    >>> from quickprop import gelu
    >>> gelu([-1.0, 0.0, 2.0]).round(3).tolist()
    [-0.159, 0.0, 1.954]
    """
    return x * ((erf(binary(Op.MUL, x, 1.0 / math.sqrt(2.0))) + 1.0) * 0.5)


@takes_array
def gelu_tanh(x: Tensor) -> Tensor:
    """x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), near `gelu` (Hendrycks and Gimpel 2016).

    Written as x sigmoid(2 z), which is the same with z for what stands in the tanh.

    Examples
    --------
    >>> from quickprop import gelu_tanh
    >>> gelu_tanh([-1.0, 0.0, 2.0]).round(3).tolist()
    [-0.159, 0.0, 1.955]
    """
    # Beyond 30 the sigmoid is 0 or 1 in either number type; held there, the cube cannot overflow.
    held = minimum(maximum(x, -30.0), 30.0)
    factor = 2.0 * math.sqrt(2.0 / math.pi)
    return x * sigmoid(held * (held * held * (factor * 0.044715) + factor))


@takes_array
def silu(x: Tensor) -> Tensor:
    """X sigmoid(x) (Elfwing, Uchibe and Doya 2018), called swish by Ramachandran et al. (2017).

    Examples
    --------
    >>> from quickprop import silu
    >>> silu([-1.0, 0.0, 2.0]).round(3).tolist()
    [-0.269, 0.0, 1.762]
    """
    return x * sigmoid(x)


@takes_array
def hard_swish(x: Tensor) -> Tensor:
    """X min(max(x + 3, 0), 6) / 6 (Howard et al. 2019).

    Examples
    --------
    >>> from quickprop import hard_swish
    >>> hard_swish([-1.0, 0.0, 2.0]).round(3).tolist()
    [-0.333, 0.0, 1.667]
    """
    return x * hard_sigmoid(x)


@takes_array
def mish(x: Tensor) -> Tensor:
    """X tanh(softplus(x)) (Misra 2019).

    With e = exp(x) the tanh is (e^2 + 2e) / (e^2 + 2e + 2), here divided by e^2 where x > 0.

    Examples
    --------
    >>> from quickprop import mish
    >>> mish([-1.0, 0.0, 2.0]).round(3).tolist()
    [-0.303, 0.0, 1.944]
    """
    positive = less(0.0, x)
    e = exp(-abs(x))
    above = where(positive, e * 2.0 + 1.0, e * (e + 2.0))
    return x * (above / (above + where(positive, e * e * 2.0, 2.0)))


@takes_array
def softplus(x: Tensor) -> Tensor:
    """ln(1 + exp(x)) (Dugas et al. 2001), without overflow: max(x, 0) + ln(1 + exp(-|x|)).

    Examples
    --------
    >>> from quickprop import softplus
    >>> softplus([-1.0, 0.0, 2.0]).round(3).tolist()
    [0.313, 0.693, 2.127]
    """
    e = exp(-abs(x))
    u = e + 1.0
    # What rounding took from e in the sum is put back: ln(1 + e) then keeps all its digits however
    # small e is (Kahan). It is 0 in exact arithmetic, so the chain rule need not look at it.
    lost = stop_gradient((e - (u - 1.0)) / u)
    # max(x, 0) is written so that its derivative at 0 is 1/2, which is that of the whole there. It
    # stands last so that the chain rule adds its two halves first: far below 0 they cancel exactly.
    return (log(u) + lost) + (x * 0.5 + abs(x) * 0.5)


@takes_array
def softsign(x: Tensor) -> Tensor:
    """X / (1 + |x|) (Bergstra, Desjardins, Lamblin and Bengio 2009).

    Examples
    --------
    >>> from quickprop import softsign
    >>> softsign([-1.0, 0.0, 2.0]).round(3).tolist()
    [-0.5, 0.0, 0.667]
    """
    return x / (abs(x) + 1.0)


# -- of the whole vector --------------------------------------------------------------------------


@takes_array
def logsumexp(x: Tensor, axis: int = -1, keepdims: bool = False) -> Tensor:
    """ln(sum exp(x)) along an axis, without overflow.

    Examples
    --------
    >>> from quickprop import logsumexp
    >>> round(float(logsumexp([1000.0, 1000.0])), 3)
    1000.693
    """
    keepdims = flag(keepdims, "logsumexp.keepdims")
    top = stop_gradient(max(x, axis, keepdims=True))
    y = log(sum(exp(x - top), axis, keepdims=True)) + top
    return y if keepdims else sum(y, axis)


@takes_array
def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """exp(x) / sum exp(x) along an axis (Bridle 1990), without overflow.

    Parameters
    ----------
    x : Tensor or array_like
        A tensor gives a tensor; numbers give an array of their shape, float32 from float32 and
        float64 from all others.
    axis : int

    Examples
    --------
    >>> from quickprop import softmax
    >>> softmax([0.0, 0.0]).tolist()
    [0.5, 0.5]
    """
    e = exp(x - stop_gradient(max(x, axis, keepdims=True)))
    return e / sum(e, axis, keepdims=True)


#: Stands for minus infinity where a finite number must: a softmax gives it 0 beside any other.
_NEVER = -1e30


@takes_arrays("x", "mask")
def masked_softmax(x: Tensor, mask: Tensor, axis: int = -1) -> Tensor:
    """The softmax over the places where a mask is not 0; exactly 0 at the others.

    What stands at the others, if it is finite, changes nothing, not in the last bit. Where all
    places are masked the result is 0 everywhere, and so are the derivatives.

    Parameters
    ----------
    x : Tensor
        Numbers above -5e29: lower ones count as masked.
    mask : Tensor
        Of the shape of `x`, or to be repeated to it.
    axis : int

    Examples
    --------
    >>> from quickprop import masked_softmax
    >>> masked_softmax([1.0, 1.0, 1.0], [1.0, 1.0, 0.0]).tolist()
    [0.5, 0.5, 0.0]
    """
    seen = where(mask, x, _NEVER)
    largest = stop_gradient(max(seen, axis, keepdims=True))
    e = exp(seen - largest)
    return e * (less(0.5 * _NEVER, largest) / sum(e, axis, keepdims=True))


@takes_array
def log_softmax(x: Tensor, axis: int = -1) -> Tensor:
    """ln of the softmax, exact where the softmax itself is 0; of a tensor or of numbers.

    Examples
    --------
    >>> from quickprop import log_softmax
    >>> log_softmax([0.0, 1000.0]).tolist()
    [-1000.0, 0.0]
    """
    shifted = x - stop_gradient(max(x, axis, keepdims=True))
    return shifted - log(sum(exp(shifted), axis, keepdims=True))
