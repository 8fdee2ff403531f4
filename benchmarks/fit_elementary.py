"""Make the coefficients that stand in `quickprop.native.vecmath`: minimax fits in 60 digits.

A fit P(z)/Q(z) minimises the largest relative error by iteratively reweighted least squares (Lawson),
linearised with the denominator of the turn before. Run it to see the tables; it needs mpmath.
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp

mp.mp.dps = 60
Number = mp.mpf
Curve = Callable[[Number], Number]


def nodes(low: float, high: float, count: int) -> list[Number]:
    """Chebyshev points, dense at both ends."""
    middle, half = (mp.mpf(low) + high) / 2, (mp.mpf(high) - low) / 2
    return [middle + half * mp.cos(mp.pi * (2 * k + 1) / (2 * count)) for k in range(count)]


def fit(
    points: list[Number],
    target: Curve,
    weight: Curve,
    numerator: int,
    denominator: int = 0,
    turns: int = 30,
) -> tuple[Number, list[Number], list[Number]]:
    """Coefficients of P and Q (Q(0) = 1) and the largest weight * |P/Q - target|."""
    wanted = [target(z) for z in points]
    scale = [weight(z) for z in points]
    lawson = [mp.mpf(1)] * len(points)
    below = [mp.mpf(1)] * len(points)
    best: tuple[Number, list[Number], list[Number]] = (mp.inf, [], [])
    size = numerator + 1 + denominator
    for turn in range(turns):
        left, right = mp.zeros(size, size), mp.zeros(size, 1)
        for z, y, s, share, q in zip(points, wanted, scale, lawson, below, strict=True):
            factor = mp.sqrt(share) * s / q
            row = [factor * z**k for k in range(numerator + 1)]
            row += [-factor * y * z**k for k in range(1, denominator + 1)]
            for i in range(size):
                right[i] += row[i] * factor * y
                for j in range(size):
                    left[i, j] += row[i] * row[j]
        solved = list(mp.lu_solve(left, right))
        p, q = solved[: numerator + 1], [mp.mpf(1), *solved[numerator + 1 :]]
        below = [mp.polyval(q[::-1], z) for z in points]
        errors = [
            s * abs(mp.polyval(p[::-1], z) / b - y)
            for z, y, s, b in zip(points, wanted, scale, below, strict=True)
        ]
        worst = max(errors)
        if worst < best[0]:
            best = (worst, p, q)
        if turn > 2:
            lawson = [a * (e + worst / 1000) for a, e in zip(lawson, errors, strict=True)]
            total = sum(lawson)
            lawson = [a / total * len(lawson) for a in lawson]
    return best


def exp_fit(degree: int) -> tuple[Number, list[Number], list[Number]]:
    """(e^r - 1)/r on [0, ln 2]."""
    return fit(
        nodes(0, mp.log(2), 100), lambda r: mp.expm1(r) / r, lambda r: r / mp.expm1(r), degree
    )


def log_fit(degree: int) -> tuple[Number, list[Number], list[Number]]:
    """(ln(1+f) - f + f^2/2)/f^3 on [sqrt(1/2) - 1, sqrt(2) - 1]."""
    points = nodes(mp.sqrt(0.5) - 1, mp.sqrt(2) - 1, 101)
    points = [f for f in points if abs(f) > 1e-9]
    return fit(
        points,
        lambda f: (mp.log1p(f) - f + f * f / 2) / f**3,
        lambda f: abs(f**3 / mp.log1p(f)),
        degree,
    )


def erf_fit(degree: int, end: float) -> tuple[Number, list[Number], list[Number]]:
    """-ln(1 - erf x)/x up to `end`; what it does to erf fades as erf nears 1."""
    return fit(
        nodes(0, end, 140),
        lambda x: -mp.log(mp.erfc(x)) / x,
        lambda x: x * mp.erfc(x) / mp.erf(x),
        degree,
        turns=20,
    )


FITS = {
    "exp float": lambda: exp_fit(5),
    "exp double": lambda: exp_fit(11),
    "log float": lambda: log_fit(6),
    "log double": lambda: log_fit(18),
    "erf float": lambda: erf_fit(8, 3.93),
    "erf double": lambda: erf_fit(22, 5.93),
}


def main() -> None:
    """Print every table, lowest power first."""
    for name, make in FITS.items():
        error, p, q = make()
        digits = 10 if "float" in name else 18
        print(f"{name}: largest relative error {mp.nstr(error, 3)}")
        for label, numbers in (("P", p), ("Q", q)):
            if len(numbers) > 1:
                print(
                    f"  {label}: {', '.join(mp.nstr(c, digits, strip_zeros=False) for c in numbers)}"
                )


if __name__ == "__main__":
    main()
