"""Optimizers racing on one surface: a bent valley with steep walls and a flat floor.

The surface is that of Rosenbrock, ``(1 - a)^2 + 10 (b - a^2)^2``, lowest at (1, 1). Plain descent
must take steps small enough for the walls and then creeps along the floor; momentum gathers speed
there; Adam and its relatives give each weight a step of its own size. Every optimizer has its own
learning rate, the best of a row of rates that were tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from drawing import BLACK, COLOURS, Panel, options, save

from quickprop import SGD, Adam, Optimizer, Tensor, function, gradients, placeholder, variable
from quickprop.optim import OPTIMIZERS

START = (-1.3, 1.8)
GOAL = 1e-4
RATES = np.geomspace(1e-3, 1.0, 13)
#: Kinds with other settings than those they come with.
RACERS: dict[str, Optimizer] = {
    "SGD": SGD(),
    "SGD, momentum 0.9": SGD(momentum=0.9),
    "Adam": Adam(),
}
#: These run too.
MORE = ("RMSprop", "Adagrad", "NAdam", "Rprop")
GREYS = ("#f7f7f7", "#ebebeb", "#dfdfdf", "#d3d3d3", "#c7c7c7", "#bbbbbb", "#afafaf", "#a3a3a3")


def surface(a: Tensor, b: Tensor) -> Tensor:
    """Rosenbrock's valley, of tensors or of arrays."""
    return (1.0 - a) * (1.0 - a) + 10.0 * (b - a * a) * (b - a * a)


@dataclass(frozen=True)
class Race:
    """The way of one optimizer.

    Parameters
    ----------
    rate : float
    a, b : array
        The place before every step.
    heights : array
        The surface at these places.
    """

    rate: float
    a: np.ndarray
    b: np.ndarray
    heights: np.ndarray

    @property
    def steps_to_goal(self) -> float:
        """Steps after which the height stays below the goal; infinite when it does not."""
        above = np.flatnonzero(~(self.heights < GOAL))
        last = int(above[-1]) if len(above) else -1
        return float("inf") if last == len(self.heights) - 1 else last + 1.0

    @property
    def rank(self) -> tuple[float, float]:
        """What makes one rate better than another."""
        last = float(self.heights[-1])
        return self.steps_to_goal, last if np.isfinite(last) else float("inf")


def race(optimizer: Optimizer, rate: float, steps: int) -> Race:
    """Steps of one optimizer at one rate, from the start."""
    a, b = (variable(value, "float64", name) for value, name in zip(START, "ab", strict=True))
    height = surface(a, b)
    size = placeholder((), "float64", "rate")
    made = variable(0, "int32", "made")
    updates = optimizer.updates([a, b], gradients(height, [a, b]), size, made)
    # Some count their steps themselves, with this variable.
    run = function([size], height, updates=[*updates, (made, made + 1)])
    places, heights = [], []
    for _ in range(steps):
        places.append((float(a.value), float(b.value)))
        heights.append(float(run(rate)))
    return Race(rate, *np.array(places).T, np.array(heights))


def main(argv: Sequence[str] | None = None) -> dict[str, Race]:
    """Let all race; returns the best race of each."""
    given = options(__doc__, argv)
    steps = 300 if given.quick else 1000
    rates = RATES[::3] if given.quick else RATES
    racers = RACERS | {name: OPTIMIZERS[name]() for name in MORE if name in OPTIMIZERS}
    best = {}
    for name, optimizer in racers.items():
        best[name] = min((race(optimizer, rate, steps) for rate in rates), key=lambda r: r.rank)
        reached = best[name].steps_to_goal
        outcome = f"after {reached:.0f}" if np.isfinite(reached) else f"not within {steps}"
        print(f"{name:18} rate {best[name].rate:.4f}: below {GOAL:g} for good {outcome} steps.")

    map_ = Panel("The first 120 steps", (-1.8, 1.8), (-0.7, 2.6), "a", "b", width=420, height=340)
    map_.surface(surface, GREYS, (0.1, 0.5, 1.5, 4, 10, 25, 60))
    falls = Panel(
        "Height by step", (1, steps), (1e-8, 1e2), "step", "", True, True, width=420, height=340
    )
    falls.legend = "lower left"
    for (name, way), colour in zip(best.items(), COLOURS, strict=False):
        map_.line(way.a[:120], way.b[:120], colour, width=1.6)
        falls.line(np.arange(1, steps + 1), way.heights, colour, f"{name}, {way.rate:.2g}", 1.7)
    map_.points([START[0]], [START[1]], BLACK, radius=4)
    map_.points([1], [1], BLACK, radius=5, hollow=True)
    save(given.out / "optimizers_racing.svg", [[map_, falls]])
    return best


if __name__ == "__main__":
    main()
