"""Gradient descent on one weight: the loss as a curve, the path down it, and steps too large.

One neuron without bias, ``o = w x``, learns from a few rows. Its loss is a parabola in w, so that
everything can be foreseen: with the curvature c each step multiplies the distance from the best
weight by ``1 - rate * c``. At ``rate = 1 / c`` a single step arrives; above ``2 / c`` every step
ends further away than it began.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from drawing import BLUE, GREEN, ORANGE, Panel, options, save

from quickprop import constant, function, gradients, mean, placeholder, variable

X = np.array([0.5, 1.0, 1.5, 2.0, 2.5])
Y = np.array([1.2, 1.9, 3.1, 3.8, 5.2])
START = -1.0


def descend(rate: float, steps: int) -> tuple[list[float], list[float]]:
    """The weights on the way, and the loss at each."""
    w = variable(START, "float64", "w")
    error = w * constant(X, "float64") - constant(Y, "float64")
    loss = mean(error * error)
    [slope] = gradients(loss, [w])
    size = placeholder((), "float64", "rate")
    step = function([size], loss, updates=[(w, w - size * slope)])
    weights, losses = [], []
    for _ in range(steps):
        weights.append(float(w.value))
        losses.append(float(step(rate)))
    return weights, losses


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Draw the three descents; returns what was found."""
    given = options(__doc__, argv)
    steps = 12 if given.quick else 25
    curvature = 2 * float((X * X).mean())
    best = float((X * Y).sum() / (X * X).sum())
    least = float(((best * X - Y) ** 2).mean())
    print(f"The loss is a parabola in w: curvature {curvature:.3f}, lowest at w = {best:.4f}.")

    shares = {"0.3 / c": (0.3, BLUE), "1.8 / c": (1.8, GREEN), "2.1 / c": (2.1, ORANGE)}
    curve = Panel("Loss by weight, and the path", (-2.6, 6.6), (0, 55), "w", "loss", width=420)
    ws = np.linspace(-2.6, 6.6, 200)
    curve.line(ws, [((w * X - Y) ** 2).mean() for w in ws], "#bbbbbb", width=2.5)
    above = Panel("Loss above the lowest, by step", (0, steps), (1e-8, 1e3), "step", "", log_y=True)
    above.legend = "lower left"
    found: dict[str, float] = {"best": best}
    for name, (share, colour) in shares.items():
        rate = share / curvature
        weights, losses = descend(rate, steps)
        label = f"rate {rate:.3f} = {name}"
        curve.line(weights, losses, colour, width=1.3)
        curve.points(weights, losses, colour)
        above.line(range(steps), np.array(losses) - least, colour, label)
        factor = (weights[-1] - best) / (weights[-2] - best)
        end = abs(weights[-1] - best) / abs(START - best)
        found[f"factor at {name}"], found[f"end at {name}"] = factor, end
        outcome = "arrives" if end < 0.2 else "flies away" if end > 1 else "is on its way"
        print(
            f"rate {rate:.3f} = {name}: each step multiplies the distance by {factor:+.3f} "
            f"(1 - rate c = {1 - share:+.3f}); after {steps - 1} steps it {outcome}."
        )
    weights, _ = descend(1 / curvature, 2)
    found["one step"] = weights[1]
    print(f"rate 1 / c: a single step leads from {START} to {weights[1]:.4f}, the best weight.")
    save(given.out / "gradient_descent.svg", [[curve, above]])
    return found


if __name__ == "__main__":
    main()
