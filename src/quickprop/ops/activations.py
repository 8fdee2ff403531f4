"""Activation functions, composed from primitives."""

from __future__ import annotations

import math

from quickprop.graph import Tensor
from quickprop.ops.elementary import (
    abs,
    erf,
    exp,
    log,
    max,
    maximum,
    minimum,
    sigmoid,
    stop_gradient,
    sum,
    where,
)


def relu(x: Tensor) -> Tensor:
    """max(x, 0); its derivative at 0 is 0."""
    return maximum(x, 0.0)


def leaky_relu(x: Tensor, slope: float = 0.01) -> Tensor:
    """X where positive, slope times x elsewhere (Maas, Hannun and Ng 2013)."""
    return where(x > 0.0, x, x * slope)


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """X where positive, alpha (exp(x) - 1) elsewhere (Clevert, Unterthiner and Hochreiter 2016)."""
    return where(x > 0.0, x, (exp(minimum(x, 0.0)) - 1.0) * alpha)


def gelu(x: Tensor) -> Tensor:
    """X times the normal distribution function of x (Hendrycks and Gimpel 2016), exact by erf."""
    return x * ((erf(x * (1.0 / math.sqrt(2.0))) + 1.0) * 0.5)


def silu(x: Tensor) -> Tensor:
    """X sigmoid(x) (Elfwing, Uchibe and Doya 2018)."""
    return x * sigmoid(x)


def softplus(x: Tensor) -> Tensor:
    """ln(1 + exp(x)), without overflow: max(x, 0) + ln(1 + exp(-|x|))."""
    return maximum(x, 0.0) + log(exp(-abs(x)) + 1.0)


def logsumexp(x: Tensor, axis: int = -1, keepdims: bool = False) -> Tensor:
    """ln(sum exp(x)) along an axis, without overflow."""
    top = stop_gradient(max(x, axis, keepdims=True))
    y = log(sum(exp(x - top), axis, keepdims=True)) + top
    return y if keepdims else sum(y, axis)


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """exp(x) / sum exp(x) along an axis, without overflow."""
    e = exp(x - stop_gradient(max(x, axis, keepdims=True)))
    return e / sum(e, axis, keepdims=True)


def log_softmax(x: Tensor, axis: int = -1) -> Tensor:
    """ln of the softmax, exact where the softmax itself is 0."""
    shifted = x - stop_gradient(max(x, axis, keepdims=True))
    return shifted - log(sum(exp(shifted), axis, keepdims=True))
