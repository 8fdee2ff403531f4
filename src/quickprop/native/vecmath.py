"""Elementary functions as inline IR, without branches, for any number of lanes.

Denormal results may come out as zero: native code runs with denormals flushed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from quickprop.native.ir import (
    FunctionWriter,
    Value,
    literal,
    split_type,
    vector_type,
    with_element,
)


@dataclass(frozen=True)
class _Float:
    """What differs between the float types: format, limits, polynomials (lowest power first)."""

    bits: str
    mantissa: int
    bias: int
    ln2_high: float
    ln2_low: float
    exp_high: float
    exp_low: float
    exp: tuple[float, ...]
    log: tuple[float, ...]
    tanh: tuple[float, ...]
    tanh_one: float


# Polynomials are Chebyshev fits in 40 digits: (e^r - 1 - r)/r^2 on |r| <= ln2/2, the odd part of
# ln((1+s)/(1-s)) by s^2, and (tanh x - x)/x^3 by x^2 on |x| <= 0.625.
_FLOATS = {
    "float": _Float(
        "i32", 23, 127, 0.693145751953125, 1.42860682030941723212e-6, 88.72284, -87.4,
        (0.5, 0.16666576666119928306, 0.041666554212984150315, 0.0083632328836826181975,
         0.001392625083149761171),
        (0.6666666655404201243, 0.40000122211810649396, 0.28550778633191965439,
         0.23331614471843499108),
        (-0.33333328944134254565, 0.13332769736976327858, -0.053850909578513580828,
         0.020997178999074750572, -0.0060967141659081975745),
        9.1,
    ),
    "double": _Float(
        "i64", 52, 1023, 0.693147180369123816490, 1.90821492927058770002e-10, 709.79, -708.5,
        (0.5, 0.1666666666666667103, 0.041666666666666669783, 0.0083333333333260831202,
         0.0013888888888883711167, 0.00019841269875002278793, 0.0000248015873256774619,
         2.7557255170000887438e-6, 2.7557273478718580474e-7, 2.5105312729622101775e-8,
         2.0914755325893202191e-9),
        (0.66666666666666666463, 0.40000000000000883236, 0.28571428570799785031,
         0.22222222392581045097, 0.18181795547521136235, 0.15386244737621666605,
         0.13268638369266823894, 0.13088034850927553675),
        (-0.33333333333333333319, 0.13333333333333320761, -0.053968253968235901344,
         0.021869488535133222007, -0.0088632354998019925691, 0.0035921275075992522291,
         -0.0014558283998303245859, 0.0005899818158388232071, -0.00023888944636751173895,
         0.000096041091570262659879, -0.000037081069215442333853, 0.000012209921790162781662,
         -2.4388316314720878041e-6),
        19.1,
    ),
}  # fmt: skip


def _kind(x: Value) -> _Float:
    return _FLOATS[split_type(x.type)[0]]


def _horner(w: FunctionWriter, x: Value, coefficients: tuple[float, ...]) -> Value:
    total = literal(coefficients[-1], x.type)
    for number in reversed(coefficients[:-1]):
        total = w.fma(total, x, literal(number, x.type))
    return total


def exp(w: FunctionWriter, x: Value) -> Value:
    """e^x: x = n ln2 + r, a polynomial in r, and n put into the exponent in two steps."""
    kind, t = _kind(x), x.type
    # Written so that NaN stays NaN.
    high, low = literal(kind.exp_high, t), literal(kind.exp_low, t)
    y = w.select(w.compare("fcmp ogt", x, high), high, x)
    y = w.select(w.compare("fcmp olt", y, low), low, y)
    n = w.intrinsic("roundeven", w.fmul(y, literal(1 / math.log(2), t)))
    r = w.fma(n, literal(-kind.ln2_high, t), y)
    r = w.fma(n, literal(-kind.ln2_low, t), r)
    p = w.fma(w.fmul(r, r), _horner(w, r, kind.exp), r)
    p = w.fadd(p, literal(1, t))
    ints = with_element(t, kind.bits)
    k = w.convert("fptosi", n, ints)
    half = w.binary("ashr", k, literal(1, ints))
    for part in (half, w.sub(k, half)):
        power = w.binary("shl", w.add(part, literal(kind.bias, ints)), literal(kind.mantissa, ints))
        p = w.fmul(p, w.convert("bitcast", power, t))
    p = w.select(w.compare("fcmp ogt", x, high), literal(math.inf, t), p)
    return w.select(w.compare("fcmp olt", x, low), literal(0, t), p)


def log(w: FunctionWriter, x: Value) -> Value:
    """ln x: x = 2^e m with m near 1, and a series in (m - 1)/(m + 1)."""
    kind, t = _kind(x), x.type
    ints = with_element(t, kind.bits)
    bits = w.convert("bitcast", x, ints)
    # Move the cut between exponents to sqrt(1/2), so that m lies in [0.71, 1.41].
    root = {"i32": 0x3F3504F3, "i64": 0x3FE6A09E667F3BCD}[kind.bits]
    shifted = w.sub(bits, literal(root, ints))
    e = w.binary("ashr", shifted, literal(kind.mantissa, ints))
    m = w.convert("bitcast", w.sub(bits, w.binary("shl", e, literal(kind.mantissa, ints))), t)
    f = w.fsub(m, literal(1, t))
    s = w.fdiv(f, w.fadd(f, literal(2, t)))
    z = w.fmul(s, s)
    ef = w.convert("sitofp", e, t)
    # ln m = f - s (f - z P(z)), which keeps the leading term exact.
    tail = w.fmul(z, _horner(w, z, kind.log))
    inner = w.fmul(s, w.fsub(f, tail))
    low = w.fsub(w.fmul(ef, literal(kind.ln2_low, t)), inner)
    y = w.fma(ef, literal(kind.ln2_high, t), w.fadd(low, f))
    y = w.select(w.compare("fcmp oeq", x, literal(0, t)), literal(-math.inf, t), y)
    y = w.select(w.compare("fcmp oeq", x, literal(math.inf, t)), x, y)
    return w.select(w.compare("fcmp oge", x, literal(0, t)), y, literal(math.nan, t))


def sigmoid(w: FunctionWriter, x: Value) -> Value:
    """1 / (1 + e^-x)."""
    one = literal(1, x.type)
    return w.fdiv(one, w.fadd(one, exp(w, w.fneg(x))))


def tanh(w: FunctionWriter, x: Value) -> Value:
    """A polynomial near 0, else 1 - 2/(e^2|x| + 1) with the sign of x."""
    kind, t = _kind(x), x.type
    a = w.intrinsic("fabs", x)
    z = w.fmul(x, x)
    near = w.fma(w.fmul(z, x), _horner(w, z, kind.tanh), x)
    e = exp(w, w.fadd(a, a))
    far = w.fsub(literal(1, t), w.fdiv(literal(2, t), w.fadd(e, literal(1, t))))
    far = w.intrinsic("copysign", far, x)
    return w.select(w.compare("fcmp olt", a, literal(0.625, t)), near, far)


def sqrt(w: FunctionWriter, x: Value) -> Value:
    """The square root, by the processor's instruction."""
    return w.intrinsic("sqrt", x)


def _each_lane(function: str) -> Callable[..., Value]:
    def call(w: FunctionWriter, *args: Value) -> Value:
        element, lanes = split_type(args[0].type)
        name = function + ("f" if element == "float" else "")
        if lanes == 1:
            return w.call(name, element, *args)
        result = literal(0, args[0].type)
        for lane in range(lanes):
            parts = [w.emit(element, f"extractelement {a.type} {a.text}, i64 {lane}") for a in args]
            y = w.call(name, element, *parts)
            result = w.emit(
                vector_type(element, lanes),
                f"insertelement {result.type} {result.text}, {element} {y.text}, i64 {lane}",
            )
        return result

    return call


VECTOR_MATH: dict[str, Callable[..., Value]] = {
    "exp": exp,
    "log": log,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "sqrt": sqrt,
    "erf": _each_lane("erf"),
    "sin": _each_lane("sin"),
    "cos": _each_lane("cos"),
    "pow": _each_lane("pow"),
}
