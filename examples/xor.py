"""Exclusive or, with and without a hidden layer.

No line separates (0,1) and (1,0) from (0,0) and (1,1). A single neuron can do no better than to say
"one half" to everything; a few neurons in between bend the plane. Whether descent finds the way
depends on where it begins: two hidden neurons are enough in principle, more find it more often.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from drawing import BLACK, BLUE, ORANGE, Panel, options, save

from quickprop import Activation, Adam, BinaryCrossEntropy, Dense, Network
from quickprop.train import fit

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
TARGET = np.array([0, 1, 1, 0])
#: From orange, output 0, over white to blue, output 1.
SHADES = (
    "#d55e00", "#e08a45", "#eab185", "#f5d8c2", "#ffffff",
    "#c2dcec", "#85b9d8", "#4796c5", "#0072b2",
)  # fmt: skip
LEVELS = tuple((k + 1) / len(SHADES) for k in range(len(SHADES) - 1))


def learned(hidden: int, seed: int, epochs: int) -> tuple[Network, float]:
    """A trained network and its loss; 0 hidden neurons are no hidden layer."""
    before = [Dense(hidden), Activation("tanh")] if hidden else []
    layers = [*before, Dense(1), Activation("sigmoid")]
    network = Network(layers, 2, seed=seed, dtype="float64")
    history = fit(
        network,
        CORNERS,
        TARGET,
        loss=BinaryCrossEntropy(),
        optimizer=Adam(0.05),
        batch_size=4,
        epochs=epochs,
        patience=None,
    )
    return network, history.best_loss


def panel(title: str, network: Network) -> Panel:
    """The output over the square, and the four corners on it."""
    drawn = Panel(title, (-0.4, 1.4), (-0.4, 1.4), "x1", "x2", width=280, height=280)

    def output(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return network.predict(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)

    drawn.surface(output, SHADES, LEVELS)
    for (x, y), true in zip(CORNERS, TARGET, strict=True):
        drawn.points([x], [y], BLACK, radius=9, hollow=True)
        drawn.words(x, y - 0.025, str(true), BLUE if true else ORANGE, "middle")
    return drawn


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train both and count how often more neurons find the way; returns what was found."""
    given = options(__doc__, argv)
    epochs, seeds = (400, 3) if given.quick else (1500, 20)
    alone, loss_alone = learned(0, 0, epochs)
    outputs = ", ".join(f"{value:.3f}" for value in alone.predict(CORNERS)[:, 0])
    print(f"without a hidden layer: outputs {outputs}, loss {loss_alone:.4f} (ln 2 = 0.6931).")
    found = {"loss without": loss_alone}
    best: tuple[Network, float] = (alone, math.inf)
    for hidden in (2, 3, 4, 8):
        runs = [learned(hidden, seed, epochs) for seed in range(seeds)]
        solved = sum(((n.predict(CORNERS)[:, 0] > 0.5) == TARGET).all() for n, _ in runs)
        print(f"{hidden} hidden neurons: all four right from {solved} of {seeds} starts.")
        found[f"share with {hidden}"] = solved / seeds
        if hidden == 3:
            best = min(runs, key=lambda run: run[1])
    network, found["loss with 3"] = best
    outputs = ", ".join(f"{value:.3f}" for value in network.predict(CORNERS)[:, 0])
    print(f"with three hidden neurons: outputs {outputs}, loss {best[1]:.6f}.")
    flat = panel("No hidden layer", alone)
    flat.words(0.5, 0.5, "one half everywhere", anchor="middle")
    save(given.out / "xor.svg", [[flat, panel("Three hidden neurons", network)]])
    picture = network.diagram().save(given.out / "xor_network.svg")
    print(f"picture: {picture}")
    return found


if __name__ == "__main__":
    main()
