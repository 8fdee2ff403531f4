"""Elementary functions as inline IR, without branches, for any number of lanes.

Measured over all 2^32 floats, and a sample of doubles, `exp`, `log`, `tanh`, `sigmoid` and `erf` are
within 3 units in the last place, keep NaN, and take their limits at the infinities. Results below
the smallest normal number may come out as zero: native code runs with denormals flushed. The
logarithm takes denormal arguments for what they are, whether or not the processor flushes them.
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

    Coefficients stand lowest power first. With r in [0, ln 2], f = m - 1 for m between the square
    roots of 1/2 and of 2, and z = x^2::

        exp   e^r = 1 + r P(r)
        log   ln(1 + f) = f - f^2/2 + f^3 P(f)
        tanh  x P(z)/Q(z) up to `tanh_end`, where tanh rounds to 1
        erf   the same up to `erf_end`

    They are minimax fits in 60 digits made by ``benchmarks/fit_elementary.py``. P and Q of tanh and
    erf have no negative coefficient, so nothing cancels in them.
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
    exp: tuple[float, ...]
    log: tuple[float, ...]
    tanh: tuple[tuple[float, ...], tuple[float, ...]]
    erf: tuple[tuple[float, ...], tuple[float, ...]]


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
        exp=(1.000005964, 0.4998708009, 0.1675550293, 0.03906246543, 0.01166945982),
        log=(0.3333391100, -0.2500133659, 0.1996305245, -0.1657760049, 0.1491491143, -0.1426737565,
             0.08699845912),
        tanh=(
            (1.0, 0.1337974624, 0.003494067144, 2.058397781e-5, 1.331968750e-8),
            (1.0, 0.4671306154, 0.02587119980, 0.0003283144401, 7.762286613e-7),
        ),
        erf=(
            (1.128379146, 0.1907767969, 0.05278935767, 0.003779306133, 0.0002848015438,
             2.042022877e-6),
            (1.0, 0.5024042561, 0.1142546150, 0.01499683365, 0.001165138590, 3.800424276e-5),
        ),
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
        exp=(1.0, 0.499999999999922108, 0.166666666669011464, 0.0416666666316666560,
             0.00833333363533252164, 0.00138888725816212926, 0.000198418438798602566,
             0.0000247882253624599390, 2.77607326676224618e-6, 2.56222530856868387e-7,
             3.52968584331694800e-8),
        log=(0.333333333333331433, -0.249999999999880396, 0.200000000000672695,
             -0.166666666698202800, 0.142857142799991097, -0.124999996914736898,
             0.111111111526238553, -0.100000152165307547, 0.0909092379226823021,
             -0.0833291311409506566, 0.0769153182860268856, -0.0714944730398635537,
             0.0668457437371804701, -0.0619660291022592828, 0.0566841513509314472,
             -0.0567816775844479693, 0.0650362549747353144, -0.0598088058610475393,
             0.0261431609172822596),
        tanh=(
            (1.0, 0.151806494964476092, 0.00597488256609314255, 0.0000936092968114220091,
             6.83129673090072069e-7, 2.44092309230702801e-9, 4.17180940786209561e-12,
             3.06431489668426602e-15, 7.41535466611542883e-19, 2.50202532622152828e-23),
            (1.0, 0.485139828297808557, 0.0343548253320311523, 0.000828161269366319800,
             8.75443606136959166e-6, 4.46387593079579497e-8, 1.11135579398174624e-10,
             1.27067339450956066e-13, 5.63282964165448251e-17, 6.22468901450726280e-21),
        ),
        erf=(
            (1.12837916709551254, 0.220164359483658685, 0.0661201000138733704,
             0.00688911612765097218, 0.000855618985270596333, 0.0000569387243553310386,
             3.90013344541472106e-6, 1.69463033557881690e-7, 6.75930555844939620e-9,
             1.71961544404123749e-10, 3.33635064386223841e-12, 2.22690192507635074e-14,
             1.57139538744989455e-17),
            (1.0, 0.528448916732809479, 0.134747051856893109, 0.0219856362932630701,
             0.00256460026399255630, 0.000226079889510346292, 0.0000154974096038190867,
             8.34949519937593998e-7, 3.51521161971482724e-8, 1.12446657493118113e-9,
             2.54921060319292630e-11, 3.31913632863053479e-13, 8.85129560159520669e-16),
        ),
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
    kind, t = _kind(x), x.type
    # The half that turns rounding into rounding down is taken a little short: e^0 is exactly 1.
    half = math.ldexp(1, -kind.mantissa - 2) - 0.5
    magic = literal(1.5 * 2.0**kind.mantissa + kind.bias, t)
    whole = w.fadd(w.fma(x, literal(1 / math.log(2), t), literal(half, t)), magic)
    k = w.fsub(whole, magic)
    # The product is exact inside the fused instruction, and so is the difference.
    r = w.fma(k, literal(-kind.ln2, t), x)
    r = w.fma(k, literal(-kind.ln2_rest, t), r)
    y = w.fma(r, _horner(w, r, kind.exp), literal(1, t))
    ints = with_element(t, kind.bits)
    power = w.binary("shl", w.convert("bitcast", whole, ints), literal(kind.mantissa, ints))
    return w.fmul(y, w.convert("bitcast", power, t))


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


def _odd_rational(
    w: FunctionWriter, x: Value, end: float, above: Sequence[float], below: Sequence[float]
) -> Value:
    x = _clamp(w, x, -end, end)
    z = w.fmul(x, x)
    return w.fdiv(w.fmul(x, _horner(w, z, above)), _horner(w, z, below))


def tanh(w: FunctionWriter, x: Value) -> Value:
    """The hyperbolic tangent, as one rational function of x."""
    kind = _kind(x)
    return _odd_rational(w, x, kind.tanh_end, *kind.tanh)


def erf(w: FunctionWriter, x: Value) -> Value:
    """The error function, as one rational function of x."""
    kind = _kind(x)
    return _odd_rational(w, x, kind.erf_end, *kind.erf)


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


sin = _each_lane("sin")
cos = _each_lane("cos")
pow = _each_lane("pow")

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
