"""Elementary functions against exact arithmetic, over the whole range of each float type."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy import special

from quickprop.native import jit
from quickprop.native.denormals import flush_denormals
from quickprop.native.ir import FunctionWriter, Value, int64, literal, module_text, vector_type
from quickprop.native.vecmath import VECTOR_MATH

LIMIT = 4.0
NAMES = ("exp", "log", "tanh", "sigmoid", "erf", "sin", "cos")
ELEMENT = {np.float32: "float", np.float64: "double"}
BITS = {np.float32: np.uint32, np.float64: np.uint64}
WIDEST = {np.float32: 16, np.float64: 8}


def build(
    name: str,
    dtype: type,
    lanes: int,
    flush: bool = False,
    operands: int = 1,
    then: tuple[Value, ...] = (),
) -> Callable:
    """A native function over arrays; literal operands may follow those read from arrays."""
    element, align = ELEMENT[dtype], np.dtype(dtype).itemsize
    parameters = [*((f"x{k}", "ptr") for k in range(operands)), ("y", "ptr"), ("n", "i64")]
    w = FunctionWriter("run", parameters)
    restore = flush_denormals(w, jit.host_machine()) if flush else lambda: None
    with w.loop(int64(0), w.argument("n"), int64(lanes)) as index:
        given = [
            w.load(
                w.offset(w.argument(f"x{k}"), index, element), vector_type(element, lanes), align
            )
            for k in range(operands)
        ]
        w.store(
            VECTOR_MATH[name](w, *given, *then), w.offset(w.argument("y"), index, element), align
        )
    restore()
    text = module_text([w.finish()], w.declarations, jit.host_machine().attributes)
    _, code = jit.load(text, lambda: (text, {}), ("run",))
    run = code.function("run", None, *[ctypes.c_void_p] * (operands + 1), ctypes.c_int64)

    def call(*arrays: np.ndarray) -> np.ndarray:
        arrays = tuple(np.ascontiguousarray(a, dtype) for a in arrays)
        count = arrays[0].size
        padded = [np.concatenate([a, np.zeros(-count % lanes, dtype)]) for a in arrays]
        y = np.empty_like(padded[0])
        run(*[a.ctypes.data for a in padded], y.ctypes.data, y.size)
        return y[:count]

    call.code = code  # type: ignore[attr-defined]  # keeps the machine code loaded
    return call


def sigmoid64(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


IN_FLOAT64 = {
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "sigmoid": sigmoid64,
    "erf": special.erf,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
}


def neighbours(*numbers: float, dtype: type) -> np.ndarray:
    """Each number, its negative, and the eight floats on either side of both."""
    bits = np.array(numbers, dtype).view(BITS[dtype])
    near = (bits[:, None].astype(np.int64) + np.arange(-8, 9)).ravel()
    positive = near[near >= 0].astype(BITS[dtype]).view(dtype)
    return np.concatenate([positive, -positive])


def edges(dtype: type) -> np.ndarray:
    """Where something could change: limits of the type, overflow, underflow, ends, cuts."""
    info = np.finfo(dtype)
    ln2 = math.log(2)
    return neighbours(
        0.0,
        info.smallest_subnormal,
        info.tiny,
        info.max,
        info.eps,
        math.log(info.max),
        -math.log(info.tiny),
        -math.log(info.smallest_subnormal),
        *(k * ln2 for k in (0.5, 1, 1.5, 2, 10, 126, 127, 128, 1022, 1023)),
        *(math.sqrt(0.5), math.sqrt(2), 1.0, 2.0, 0.5),
        *(k * math.pi / 4 for k in (1, 2, 3, 4, 6, 8, 22, 41720, 41721, 41722)),
        *(65536.0, 1073741824.0),
        *(3.93, 9.02, 5.93, 19.07, 4.51, 9.535),
        dtype=dtype,
    )


NAN, INF = math.nan, math.inf
SATURATING = [NAN, INF, -INF, 0.0, -0.0, 1e4, -1e4]
#: Arguments, then values; the signs of zeros count.
SPECIALS = {
    "exp": (SATURATING, [NAN, INF, 0, 1, 1, INF, 0]),
    "log": ([NAN, INF, -INF, 0.0, -0.0, 1, -1, -1e-30], [NAN, INF, NAN, -INF, -INF, 0, NAN, NAN]),
    "tanh": (SATURATING, [NAN, 1, -1, 0.0, -0.0, 1, -1]),
    "sigmoid": (SATURATING, [NAN, 1, 0, 0.5, 0.5, 1, 0]),
    "erf": (SATURATING, [NAN, 1, -1, 0.0, -0.0, 1, -1]),
    "sqrt": ([NAN, INF, -INF, 0.0, -0.0, 4, -1], [NAN, INF, NAN, 0.0, -0.0, 2, NAN]),
    "sin": ([NAN, INF, 0.0, -0.0], [NAN, NAN, 0.0, -0.0]),
    "cos": ([NAN, INF, 0.0, -0.0], [NAN, NAN, 1, 1]),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("flush", [False, True])
@pytest.mark.parametrize("name", SPECIALS)
def test_special_arguments(name: str, dtype: type, flush: bool) -> None:
    given, expected = SPECIALS[name]
    for lanes in (1, WIDEST[dtype]):
        got = build(name, dtype, lanes, flush)(np.array(given))
        np.testing.assert_array_equal(got, np.array(expected, dtype))
        signs = ~np.isnan(got)
        np.testing.assert_array_equal(np.signbit(got)[signs], np.signbit(expected)[signs])


def every_kind_of_float() -> np.ndarray:
    """A million float32 spread evenly over all bit patterns, and the edges."""
    spread = np.arange(0, 2**32, 4093, dtype=np.uint64).astype(np.uint32).view(np.float32)
    return np.concatenate([spread, edges(np.float32)])


@pytest.mark.parametrize("flush", [False, True])
@pytest.mark.parametrize("name", [*NAMES, "sqrt"])
def test_float32_over_the_whole_range(name: str, flush: bool) -> None:
    x = every_kind_of_float()
    tiny = np.finfo(np.float32).tiny
    if flush and name in ("erf", "sqrt", "sin"):
        # A processor that flushes denormals reads them as zero, and these grow from zero.
        x = x[~((np.abs(x) < tiny) & (x != 0))]
    got = build(name, np.float32, 16, flush)(x)
    with np.errstate(all="ignore"):
        exact = IN_FLOAT64[name](x.astype(np.float64))
        nearest = exact.astype(np.float32)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(exact))
    np.testing.assert_array_equal(np.isinf(got), np.isinf(nearest))
    np.testing.assert_array_equal(got[np.isinf(nearest)], nearest[np.isinf(nearest)])
    finite = np.isfinite(nearest)
    got, exact, nearest = got[finite].astype(np.float64), exact[finite], nearest[finite]
    unit = np.spacing(np.maximum(np.abs(nearest), tiny)).astype(np.float64)
    flushed = (np.abs(exact) < tiny) & (got == 0)
    errors = np.where(flushed, 0.0, np.abs(got - exact) / unit)
    assert errors.max() <= LIMIT
    if name in ("tanh", "sigmoid", "erf"):
        assert np.abs(got).max() == 1.0


@pytest.mark.parametrize("lanes", [1, 4, 8])
@pytest.mark.parametrize("name", NAMES)
def test_any_width_gives_the_same_bits(name: str, lanes: int) -> None:
    x = every_kind_of_float()[::16]
    np.testing.assert_array_equal(build(name, np.float32, lanes)(x), build(name, np.float32, 16)(x))


def exactly(name: str, x: float) -> Decimal:
    """The function in 50 digits."""
    with localcontext() as context:
        context.prec = 50
        d = Decimal(x)
        if name == "exp":
            return d.exp()
        if name == "log":
            return d.ln()
        if name == "sigmoid":
            return 1 / (1 + (-d).exp())
        if name == "tanh":
            # Small arguments cancel all but 2/3 of the digits of 1e-17: hence more of them.
            context.prec = 90
            e = (2 * d).exp()
            return (e - 1) / (e + 1)
        if name in ("sin", "cos"):
            # The distance to whole quarter turns loses as many digits as they have.
            context.prec = 80
            turns = (d * 2 / PI).to_integral_value()
            d -= turns * PI / 2
            quadrant = int(turns + (name == "cos")) % 4
            term = total = d if quadrant % 2 == 0 else Decimal(1)
            n = 1 if quadrant % 2 == 0 else 0
            while abs(term) > Decimal(10) ** -60 * abs(total):
                term = -term * d * d / ((n + 1) * (n + 2))
                total += term
                n += 2
            return -total if quadrant > 1 else total
        # The series sum of (-1)^n x^(2n+1) / (n! (2n+1)), whose terms reach e^36 at x = 6.
        context.prec = 80
        if abs(d) > 6:
            return Decimal(1).copy_sign(d)
        term, total, n = d, d, 0
        while abs(term) > Decimal(10) ** -60 * abs(d):
            n += 1
            term = -term * d * d / n
            total += term / (2 * n + 1)
        return total * 2 / PI.sqrt()


PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899")


@pytest.mark.parametrize("name", NAMES)
def test_float64_on_a_sample(name: str) -> None:
    rng = np.random.default_rng(64)
    limit = {"exp": 740, "log": 1e300, "tanh": 25, "sigmoid": 740, "erf": 6.5}.get(name, 2e9)
    sample = np.concatenate(
        [
            rng.uniform(-limit, limit, 400),
            rng.uniform(-3, 3, 600),
            rng.uniform(0.6, 1.6, 300),
            rng.normal(size=200) * 10.0 ** rng.integers(-18, 0, 200),
            edges(np.float64),
        ]
    )
    sample = sample[np.isfinite(sample) & (np.abs(sample) <= limit) & (np.abs(sample) > 1e-60)]
    if name == "log":
        sample = np.abs(sample)
    got = build(name, np.float64, 8)(sample)
    tiny = float(np.finfo(np.float64).tiny)
    worst = Decimal(0)
    for x, y in zip(sample.tolist(), got.tolist(), strict=True):
        exact = exactly(name, x)
        if abs(exact) < tiny and y == 0:
            continue
        if exact > Decimal(float(np.finfo(np.float64).max)):
            assert y == math.inf
            continue
        unit = Decimal(math.ulp(max(abs(float(exact)), tiny)))
        worst = max(worst, abs(Decimal(y) - exact) / unit)
    assert worst <= LIMIT


def test_logarithm_of_denormal_numbers_in_float64() -> None:
    x = np.array([5e-324, 1e-320, 2.2250738585072009e-308])
    for flush in (False, True):
        # ln(2^-1074) = -1074 ln 2 = -744.4400719213812
        got = build("log", np.float64, 8, flush)(x)
        np.testing.assert_allclose(got, np.log(x), rtol=1e-15)
        assert got[0] == pytest.approx(-744.4400719213812, rel=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exponential_of_zero_is_one_and_grows(dtype: type) -> None:
    x = np.linspace(-2, 2, 100_001).astype(dtype)
    y = build("exp", dtype, WIDEST[dtype])(x)
    assert y[50_000] == 1
    # A step of x is 4e-5, which is 300 units in the last place of float32.
    assert (np.diff(y) > 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_power_by_the_c_library(dtype: type) -> None:
    base = np.array([2, 2, 9, -2, -2, 0, 0, 0, 1, math.inf, 0.5, math.nan], dtype)
    to = np.array([10, -1, 0.5, 3, 0.5, 0, 2, -1, math.nan, -1, math.inf, 0], dtype)
    expected = [1024, 0.5, 3, -8, math.nan, 1, 0, math.inf, 1, 0, 0, 1]
    for lanes in (1, WIDEST[dtype]):
        got = build("pow", dtype, lanes, operands=2)(base, to)
        np.testing.assert_array_equal(got, np.array(expected, dtype))


class TestKnownExponents:
    ARGUMENTS = (0.0, -0.0, INF, -INF, NAN, 1.0, -1.0, 1.5, -1.5, 1e-25, -1e-25, 1e25, 2.4e-20)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("exponent", [-2, -1, -0.5, 0, 0.5, 1, 2, 3, 4])
    def test_are_those_of_numpy(self, exponent: float, dtype: type) -> None:
        x = np.concatenate([self.ARGUMENTS, np.random.default_rng(4).normal(size=500)])
        x = x.astype(dtype)
        got = raised_to(exponent, dtype)(x)
        with np.errstate(all="ignore"):
            expected = np.power(x.astype(np.longdouble), np.longdouble(exponent)).astype(dtype)
        np.testing.assert_array_max_ulp(got, expected, maxulp=3, dtype=dtype)
        zeros = expected == 0
        np.testing.assert_array_equal(np.signbit(got[zeros]), np.signbit(expected[zeros]))

    def test_need_no_call(self) -> None:
        w = FunctionWriter("run", [("x", "<16 x float>")])
        for exponent in (2.0, 3.0, -1.0):
            VECTOR_MATH["pow"](w, w.argument("x"), literal(exponent, "<16 x float>"))
        assert not w.declarations
        VECTOR_MATH["pow"](w, w.argument("x"), literal(2.5, "<16 x float>"))
        assert w.declarations == {"declare float @powf(float, float)"}


def raised_to(exponent: float, dtype: type) -> Callable:
    """x to a power that is known when the code is written."""
    element, lanes = ELEMENT[dtype], WIDEST[dtype]
    return build("pow", dtype, lanes, then=(literal(exponent, vector_type(element, lanes)),))
