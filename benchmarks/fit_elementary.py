"""Make the coefficients that stand in `quickprop.native.vecmath`: minimax fits in 60 digits.

A fit minimises the largest weighted error by iteratively reweighted least squares (Lawson). Run it
to see the tables; it needs mpmath.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

mp.mp.dps = 60
# mpmath has no types of its own.
Number = Any
Curve = Callable[[Number], Number]


def nodes(low: Number, high: Number, count: int) -> list[Number]:
    """Chebyshev points, dense at both ends."""
    middle, half = (mp.mpf(low) + high) / 2, (mp.mpf(high) - low) / 2
    return [middle + half * mp.cos(mp.pi * (2 * k + 1) / (2 * count)) for k in range(count)]


def fit(
    points: list[Number], target: Curve, weight: Curve, degree: int, turns: int = 30
) -> tuple[Number, list[Number]]:
    """The largest weight * |P - target| and the coefficients of P, lowest power first."""
    wanted = [target(z) for z in points]
    scale = [weight(z) for z in points]
    lawson = [mp.mpf(1)] * len(points)
    best: tuple[Number, list[Number]] = (mp.inf, [])
    size = degree + 1
    for _ in range(turns):
        left, right = mp.zeros(size, size), mp.zeros(size, 1)
        for z, y, s, share in zip(points, wanted, scale, lawson, strict=True):
            factor = mp.sqrt(share) * s
            row = [factor * z**k for k in range(size)]
            for i in range(size):
                right[i] += row[i] * factor * y
                for j in range(size):
                    left[i, j] += row[i] * row[j]
        p = list(mp.lu_solve(left, right))
        errors = [
            s * abs(mp.polyval(p[::-1], z) - y)
            for z, y, s in zip(points, wanted, scale, strict=True)
        ]
        worst = max(errors)
        if worst < best[0]:
            best = (worst, p)
        lawson = [a * (e + worst / 1000) for a, e in zip(lawson, errors, strict=True)]
        total = sum(lawson)
        lawson = [a / total * len(lawson) for a in lawson]
    return best


def exp_fit(degree: int) -> tuple[Number, list[Number]]:
    """(e^r - 1 - r)/r^2 on [0, ln 2], for the relative error of e^r - 1."""
    return fit(
        nodes(0, mp.log(2), 100),
        lambda r: (mp.expm1(r) - r) / r**2,
        lambda r: r**2 / mp.expm1(r),
        degree,
    )


def log_fit(degree: int) -> tuple[Number, list[Number]]:
    """(ln(1+f) - f + f^2/2)/f^3 on [sqrt(1/2) - 1, sqrt(2) - 1]."""
    points = nodes(mp.sqrt(0.5) - 1, mp.sqrt(2) - 1, 101)
    return fit(
        [f for f in points if abs(f) > 1e-9],
        lambda f: (mp.log1p(f) - f + f * f / 2) / f**3,
        lambda f: abs(f**3 / mp.log1p(f)),
        degree,
    )


def erf_fit(degree: int, end: float) -> tuple[Number, list[Number]]:
    """(-ln(1 - erf x) - 2x/sqrt(pi))/x^2 up to `end`; what it does to erf fades as erf nears 1."""
    return fit(
        nodes(0, end, 140),
        lambda x: (-mp.log(mp.erfc(x)) - 2 * x / mp.sqrt(mp.pi)) / x**2,
        lambda x: x**2 * mp.erfc(x) / mp.erf(x),
        degree,
    )


def sin_fit(degree: int) -> tuple[Number, list[Number]]:
    """(sin r - r)/r^3 by z = r^2, a little beyond pi/4."""
    return fit(
        [r**2 for r in nodes(0, 0.82, 80)],
        lambda z: (mp.sin(mp.sqrt(z)) - mp.sqrt(z)) / mp.sqrt(z) ** 3,
        lambda z: mp.sqrt(z) ** 3 / mp.sin(mp.sqrt(z)),
        degree,
    )


def cos_fit(degree: int) -> tuple[Number, list[Number]]:
    """(cos r - 1 + r^2/2)/r^4 by z = r^2, a little beyond pi/4."""
    return fit(
        [r**2 for r in nodes(0, 0.82, 80)],
        lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2,
        lambda z: z**2 / mp.cos(mp.sqrt(z)),
        degree,
    )


FITS = {
    "exp float": lambda: exp_fit(4),
    "exp double": lambda: exp_fit(10),
    "log float": lambda: log_fit(6),
    "log double": lambda: log_fit(18),
    "erf float": lambda: erf_fit(7, 3.93),
    "erf double": lambda: erf_fit(22, 5.93),
    "sin float": lambda: sin_fit(2),
    "sin double": lambda: sin_fit(5),
    "cos float": lambda: cos_fit(2),
    "cos double": lambda: cos_fit(5),
}


def main() -> None:
    """Print every table, lowest power first."""
    for name, make in FITS.items():
        error, p = make()
        digits = 10 if "float" in name else 18
        numbers = ", ".join(mp.nstr(c, digits) for c in p)
        print(f"{name}, largest relative error {mp.nstr(error, 3)}:\n  {numbers}")


if __name__ == "__main__":
    main()
