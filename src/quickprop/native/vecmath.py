"""Elementary functions as inline IR for any number of lanes.

Largest errors measured over all 2^32 floats, in units in the last place: `exp` 1.7, `log` 1.3,
`sigmoid` 2.5, `tanh` 2.7, `erf` 3.4; `sin` and `cos` 1.6 over a fifth of them. Doubles were sampled
and keep below 4. All keep NaN and take their limits at the infinities. None but `sin` and `cos` of
large numbers branches. Results below the smallest normal number may come out as zero: native code
runs with denormals flushed. The logarithm takes denormal arguments for what they are, whether or
not the processor flushes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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
    """What differs between the float types: the format, where functions end, coefficients.

    Coefficients stand lowest power first. With r in [0, ln 2], and f = m - 1 for m between the
    square roots of 1/2 and of 2::

        exp   e^r - 1 = r + r^2 P(r)
        log   ln(1 + f) = f - f^2/2 + f^3 P(f)
        erf   -ln(1 - erf x) = 2/sqrt(pi) x + x^2 P(x) up to `erf_end`, where erf rounds to 1;
              `erf_slope` is 2/sqrt(pi) as a number and what is left of it
        sin   sin r = r + r^3 P(r^2) for r up to pi/4; a quarter turn as three numbers in `quarter`
        cos   cos r = 1 - r^2/2 + r^4 P(r^2)

    They are minimax fits in 60 digits made by ``benchmarks/fit_elementary.py``, each weighted for
    the relative error of the function that it serves. Leading terms stand apart so that they are
    rounded once, at the end.
    """

    bits: str
    mantissa: int
    bias: int
    root_half: int
    ln2: float
    ln2_rest: float
    exp_low: float
    exp_high: float
    tanh_end: float
    erf_end: float
    erf_slope: tuple[float, float]
    exp: tuple[float, ...]
    log: tuple[float, ...]
    erf: tuple[float, ...]
    quarter: tuple[float, float, float]
    sin_end: float
    sin: tuple[float, ...]
    cos: tuple[float, ...]


_FLOATS = {
    "float": _Float(
        bits="i32",
        mantissa=23,
        bias=127,
        root_half=0x3F3504F3,
        ln2=0.693147182464599609375,
        ln2_rest=-1.9046542621259335e-9,
        exp_low=-87.6,
        exp_high=88.9,
        tanh_end=9.02,
        erf_end=3.93,
        erf_slope=(1.128379225730896, -5.863538342219759e-08),
        exp=(
            0.5000009205, 0.1666473928, 0.04179596108, 0.007960866573, 0.001861333324,
        ),
        log=(
            0.33333911, -0.2500133659, 0.1996305245, -0.1657760049, 0.1491491143,
            -0.1426737565, 0.08699845912,
        ),
        erf=(
            0.6366195134, 0.1027767982, -0.01914958748, -0.0001663767713,
            0.001672673402, -0.0006357809039, 0.0001184328453, -9.341563202e-6,
        ),
        quarter=(1.5707963705062866, -4.371138828673793e-8, -1.7151245100058819e-15),
        sin_end=65536.0,
        sin=(-0.1666665103, 0.008331939524, -0.0001948597938),
        cos=(0.04166663935, -0.001388701526, 2.439961429e-5),
    ),
    "double": _Float(
        bits="i64",
        mantissa=52,
        bias=1023,
        root_half=0x3FE6A09E667F3BCD,
        ln2=math.log(2),
        ln2_rest=2.3190468138462996e-17,
        exp_low=-709.0,
        exp_high=710.0,
        tanh_end=19.07,
        erf_end=5.93,
        erf_slope=(1.1283791670955126, 1.533545961316588e-17),
        exp=(
            0.500000000000000077, 0.166666666666660079, 0.0416666666668612616,
            0.00833333333047573337, 0.00138888891319837781, 0.000198412568763157494,
            0.0000248020387710913025, 2.75469088221757361e-6, 2.77145325769675843e-7,
            2.3566131692435634e-8, 2.87139360072110108e-9,
        ),
        log=(
            0.333333333333331433, -0.249999999999880496, 0.200000000000672821,
            -0.16666666669818282, 0.142857142799961291, -0.124999996916203093,
            0.111111111528838227, -0.100000152111827425, 0.0909092378084613491,
            -0.0833291322048564316, 0.0769153210364601683, -0.0714944616429485726,
            0.0668457070142293404, -0.0619660840544757663, 0.0566844063419460202,
            -0.0567816733183088838, 0.0650355353941337086, -0.0598081793656819595,
            0.0261431728655821178,
        ),
        erf=(
            0.636619772367587527, 0.10277260330144667, -0.0191284469953746894,
            -0.000209194831547663168, 0.00169620753053744432, -0.000590131838336855612,
            0.0000259026990610103284, 0.0000644245352657279538,
            -0.0000295826410565309901, 3.17894467391758439e-6, 3.12327871525727002e-6,
            -2.02917195716477631e-6, 5.65340162671044834e-7, -8.91467488053048005e-9,
            -6.69117643414592721e-8, 3.49802128192904953e-8, -1.08779937651382184e-8,
            2.38204984172432168e-9, -3.79440072491536626e-10, 4.34043963696193528e-11,
            -3.39498189955036228e-12, 1.62983559872410713e-13, -3.62612078822884705e-15,
        ),
        quarter=(1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
        sin_end=1073741824.0,
        sin=(-0.166666666666666063, 0.00833333333331605542, -0.000198412698247688384,
             2.75573119656117873e-6, -2.50504917182436302e-8, 1.58816001328712859e-10),
        cos=(0.041666666666666542, -0.00138888888888643877, 0.0000248015872835371885,
             -2.75573126738420892e-7, 2.08755003678700444e-9, -1.13483750339162251e-11),
    ),
}  # fmt: skip


def _kind(x: Value) -> _Float:
    return _FLOATS[split_type(x.type)[0]]


def _horner(w: FunctionWriter, x: Value, coefficients: Sequence[float]) -> Value:
    total = literal(coefficients[-1], x.type)
    for number in reversed(coefficients[:-1]):
        total = w.fma(total, x, literal(number, x.type))
    return total


def _clamp(w: FunctionWriter, x: Value, low: float, high: float) -> Value:
    """x between the two, each side one instruction; compared so that NaN comes through."""
    bottom, top = literal(low, x.type), literal(high, x.type)
    x = w.select(w.compare("fcmp olt", x, bottom), bottom, x)
    return w.select(w.compare("fcmp ogt", x, top), top, x)


def exp(w: FunctionWriter, x: Value) -> Value:
    """e^x: x = k ln 2 + r with r in [0, ln 2), a polynomial in r, times 2^k.

    Adding a large number rounds to a whole one and leaves k plus the exponent's bias in the lowest
    bits, from where one shift makes 2^k. Rounding down rather than to nearest lets k end at 127
    (1023) for the last finite result, so k = 128 is the power that reads as infinity and k = -127
    the one that reads as zero: the limits need no further instruction.
    """
    kind = _kind(x)
    return _exp_of_clamped(w, _clamp(w, x, kind.exp_low, kind.exp_high))


def _exp_of_clamped(w: FunctionWriter, x: Value) -> Value:
    power, rest = _reduce(w, x)
    return w.fmul(w.fadd(rest, literal(1, x.type)), power)


def _expm1(w: FunctionWriter, x: Value) -> Value:
    """e^x - 1 for x from 0 on, 2^k finite: (2^k - 1) + 2^k (e^r - 1), where nothing cancels."""
    power, rest = _reduce(w, x)
    return w.fma(power, rest, w.fsub(power, literal(1, x.type)))


def _reduce(w: FunctionWriter, x: Value) -> tuple[Value, Value]:
    """2^k and e^r - 1 for x = k ln 2 + r."""
    kind, t = _kind(x), x.type
    # The half that turns rounding into rounding down is taken short, by a quarter of the spacing
    # of the largest k: so e^0 is exactly 1, and at both ends of the range the last result that the
    # type can hold is not lost to a tie.
    half = math.ldexp(kind.bias + 1, -kind.mantissa - 3) - 0.5
    magic = literal(1.5 * 2.0**kind.mantissa + kind.bias, t)
    whole = w.fadd(w.fma(x, literal(1 / math.log(2), t), literal(half, t)), magic)
    k = w.fsub(whole, magic)
    # The product is exact inside the fused instruction, and so is the difference.
    r = w.fma(k, literal(-kind.ln2, t), x)
    r = w.fma(k, literal(-kind.ln2_rest, t), r)
    ints = with_element(t, kind.bits)
    power = w.binary("shl", w.convert("bitcast", whole, ints), literal(kind.mantissa, ints))
    rest = w.fma(w.fmul(r, r), _horner(w, r, kind.exp), r)
    return w.convert("bitcast", power, t), rest


def log(w: FunctionWriter, x: Value) -> Value:
    """ln x: x = 2^e m with m near 1, and a polynomial in m - 1; -inf at 0 and NaN below."""
    kind, t = _kind(x), x.type
    ints = with_element(t, kind.bits)
    bits = w.convert("bitcast", x, ints)
    infinite = (2 * kind.bias + 1) << kind.mantissa
    # A denormal number is brought into range through its bits, which no processor flushes.
    denormal = w.compare("icmp ult", bits, literal(1 << kind.mantissa, ints))
    one = w.binary("or", bits, literal(kind.bias << kind.mantissa, ints))
    raised = w.fsub(w.convert("bitcast", one, t), literal(1, t))
    scaled = w.select(denormal, w.convert("bitcast", raised, ints), bits)
    # Exponents change at sqrt(1/2), so that m lies around 1.
    e = w.binary("ashr", w.sub(scaled, literal(kind.root_half, ints)), literal(kind.mantissa, ints))
    m = w.convert("bitcast", w.sub(scaled, w.binary("shl", e, literal(kind.mantissa, ints))), t)
    e = w.convert("sitofp", e, t)
    e = w.select(denormal, w.fsub(e, literal(kind.bias - 1, t)), e)
    f = w.fsub(m, literal(1, t))
    tail = w.fma(f, _horner(w, f, kind.log), literal(-0.5, t))
    tail = w.fma(e, literal(kind.ln2_rest, t), w.fmul(w.fmul(f, f), tail))
    y = w.fma(e, literal(kind.ln2, t), w.fadd(f, tail))
    zero = w.compare("icmp eq", w.add(bits, bits), literal(0, ints))
    other = w.select(w.compare("icmp eq", bits, literal(infinite, ints)), x, literal(math.nan, t))
    other = w.select(zero, literal(-math.inf, t), other)
    ordinary = w.compare("icmp ult", w.sub(bits, literal(1, ints)), literal(infinite - 1, ints))
    return w.select(ordinary, y, other)


def sigmoid(w: FunctionWriter, x: Value) -> Value:
    """1 / (1 + e^-x)."""
    kind, one = _kind(x), literal(1, x.type)
    x = w.fneg(_clamp(w, x, -kind.exp_high, -kind.exp_low))
    return w.fdiv(one, w.fadd(one, _exp_of_clamped(w, x)))


def _magnitude(w: FunctionWriter, x: Value, end: float) -> Value:
    """|x|, at most `end`; NaN comes through."""
    x, top = w.intrinsic("fabs", x), literal(end, x.type)
    return w.select(w.compare("fcmp ogt", x, top), top, x)


def tanh(w: FunctionWriter, x: Value) -> Value:
    """(e^2|x| - 1) / (e^2|x| - 1 + 2) with the sign of x; nothing cancels, near 0 or far."""
    a = _magnitude(w, x, _kind(x).tanh_end)
    above = _expm1(w, w.fadd(a, a))
    return w.intrinsic("copysign", w.fdiv(above, w.fadd(above, literal(2, x.type))), x)


def erf(w: FunctionWriter, x: Value) -> Value:
    """(e^g - 1) / (e^g - 1 + 1) with the sign of x, where g = -ln(1 - erf |x|) is smooth."""
    kind = _kind(x)
    a = _magnitude(w, x, kind.erf_end)
    slope, rest = (literal(number, x.type) for number in kind.erf_slope)
    g = w.fma(a, slope, w.fmul(a, w.fma(a, _horner(w, a, kind.erf), rest)))
    above = _expm1(w, g)
    return w.intrinsic("copysign", w.fdiv(above, w.fadd(above, literal(1, x.type))), x)


def sqrt(w: FunctionWriter, x: Value) -> Value:
    """The square root, by the processor's instruction."""
    return w.intrinsic("sqrt", x)


def _each_lane(function: str) -> Callable[..., Value]:
    """The C library's function for one lane after the other: right everywhere, and slow."""

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


def _turned(w: FunctionWriter, x: Value, turns: int, sign: Value | None) -> Value:
    """sin(|x| + turns pi/2), its sign turned where the sign bit of `sign` is set; |x| not large."""
    kind, t = _kind(x), x.type
    ints = with_element(t, kind.bits)
    width = int(kind.bits[1:])
    magic = literal(1.5 * 2.0**kind.mantissa, t)
    whole = w.fadd(w.fmul(x, literal(2 / math.pi, t)), magic)
    k = w.fsub(whole, magic)
    r = x
    for part in kind.quarter:
        r = w.fma(k, literal(-part, t), r)
    z = w.fmul(r, r)
    sine = w.fma(w.fmul(z, r), _horner(w, z, kind.sin), r)
    cosine = w.fma(z, w.fma(z, _horner(w, z, kind.cos), literal(-0.5, t)), literal(1, t))
    quadrant = w.add(w.convert("bitcast", whole, ints), literal(turns, ints))
    odd = w.compare("icmp ne", w.binary("and", quadrant, literal(1, ints)), literal(0, ints))
    y = w.convert("bitcast", w.select(odd, cosine, sine), ints)
    flip = w.binary("shl", w.binary("lshr", quadrant, literal(1, ints)), literal(width - 1, ints))
    if sign is not None:
        top = literal(-(1 << (width - 1)), ints)
        flip = w.binary("xor", flip, w.binary("and", w.convert("bitcast", sign, ints), top))
    return w.convert("bitcast", w.binary("xor", y, flip), t)


def _far_by_library(w: FunctionWriter, function: str, x: Value, near: Value, end: float) -> Value:
    """`near`, but in lanes where |x| > `end` or NaN, which are rare, what the C library says."""
    far = w.compare("fcmp ugt", w.intrinsic("fabs", x), literal(end, x.type))
    lanes = split_type(x.type)[1]
    some = far
    if lanes > 1:
        some = w.call(f"llvm.vector.reduce.or.v{lanes}i1", "i1", far)
    before, slow, after = w.block, w.label(), w.label()
    w.effect(f"br i1 {some.text}, label %{slow}, label %{after}")
    w.start_block(slow)
    # Lane by lane: a number gives the same bits whatever its neighbours are.
    mixed = w.select(far, _each_lane(function)(w, x), near)
    w.effect(f"br label %{after}")
    w.start_block(after)
    return w.emit(x.type, f"phi {x.type} [ {near.text}, %{before} ], [ {mixed.text}, %{slow} ]")


def sin(w: FunctionWriter, x: Value) -> Value:
    """The sine: |x| less quarter turns, then a polynomial for a sine or a cosine."""
    near = _turned(w, w.intrinsic("fabs", x), 0, x)
    return _far_by_library(w, "sin", x, near, _kind(x).sin_end)


def cos(w: FunctionWriter, x: Value) -> Value:
    """The cosine, as the sine a quarter turn on."""
    near = _turned(w, w.intrinsic("fabs", x), 1, None)
    return _far_by_library(w, "cos", x, near, _kind(x).sin_end)


_any_power = _each_lane("pow")


def _square(w: FunctionWriter, x: Value) -> Value:
    return w.fmul(x, x)


def _reciprocal(w: FunctionWriter, x: Value) -> Value:
    return w.fdiv(literal(1, x.type), x)


def _root(w: FunctionWriter, x: Value) -> Value:
    """x^0.5, which differs from the square root at -0 and -inf."""
    infinite = w.compare("fcmp oeq", x, literal(-math.inf, x.type))
    root = sqrt(w, w.fadd(x, literal(0, x.type)))
    return w.select(infinite, literal(math.inf, x.type), root)


#: Exponents for which a power is a few instructions.
_POWERS: dict[float, Callable[[FunctionWriter, Value], Value]] = {
    -2.0: lambda w, x: _square(w, _reciprocal(w, x)),
    -1.0: _reciprocal,
    -0.5: lambda w, x: _reciprocal(w, _root(w, x)),
    0.0: lambda w, x: literal(1, x.type),
    0.5: _root,
    1.0: lambda w, x: x,
    2.0: _square,
    3.0: lambda w, x: w.fmul(_square(w, x), x),
    4.0: lambda w, x: _square(w, _square(w, x)),
}


def pow(w: FunctionWriter, a: Value, b: Value) -> Value:
    """a^b; known small exponents as products and roots, all others by the C library."""
    for exponent, power in _POWERS.items():
        if b == literal(exponent, b.type):
            return power(w, a)
    return _any_power(w, a, b)


VECTOR_MATH: dict[str, Callable[..., Value]] = {
    "exp": exp,
    "log": log,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "erf": erf,
    "sqrt": sqrt,
    "sin": sin,
    "cos": cos,
    "pow": pow,
}
