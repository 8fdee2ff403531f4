"""One hidden layer can come as near to any continuous function as is wished. How near, and how?

Three functions of one number are learned without noise, so that what is left is the error of
approximation (and of descent, which does not always find the best weights): a sum of waves, a
spike, and a kink. First the one hidden layer grows wider; then layers are added while the number of
parameters stays about the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from drawing import BLUE, GREEN, GREY, ORANGE, PINK, Panel, options, save

from quickprop import Activation, Adam, Cosine, Dense, MeanSquaredError, Network
from quickprop.train import fit

FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "waves": lambda x: np.sin(5 * x) + 0.4 * np.sin(13 * x),
    "spike": lambda x: 2 / (1 + 60 * (x - 0.2) ** 2) - 0.4,
    "kink": lambda x: 2 * np.abs(x + 0.3) - 0.9,
}
X = np.linspace(-1, 1, 256)[:, np.newaxis]


@dataclass(frozen=True)
class Settings:
    """How much is tried.

    Parameters
    ----------
    widths : tuple of int
        Of the one hidden layer.
    depths : tuple of int
        Numbers of hidden layers.
    parameters : int
        About how many the networks of different depth have.
    epochs : int
    """

    widths: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    depths: tuple[int, ...] = (1, 2, 3, 4)
    parameters: int = 200
    epochs: int = 6000


QUICK = Settings(widths=(1, 4, 16), depths=(1, 2), parameters=100, epochs=800)


def widths_of_depth(depth: int, parameters: int) -> int:
    """The width at which so many hidden layers have about so many parameters."""
    # 2w for the first layer, w (w + 1) for each other, w + 1 for the last.
    counts = {w: 3 * w + 1 + (depth - 1) * w * (w + 1) for w in range(1, parameters)}
    return min(counts, key=lambda w: abs(counts[w] - parameters))


def learned(width: int, depth: int, y: np.ndarray, epochs: int) -> tuple[float, np.ndarray, int]:
    """Root mean squared error, outputs and number of parameters of a trained network."""
    layers = [part for _ in range(depth) for part in (Dense(width), Activation("tanh"))]
    network = Network([*layers, Dense(1)], 1, dtype="float64", seed=1)
    # Kinks of the first layer spread over the interval: biases that begin at zero put all of them
    # at x = 0.
    rng = np.random.default_rng(width + 100 * depth)
    weights = network.weights()
    slopes = rng.uniform(2, 8, width) * rng.choice([-1, 1], width)
    weights["dense1.weight"][0] = slopes
    weights["dense1.bias"] = -slopes * rng.uniform(-1, 1, width)
    network.set_weights(weights)
    fit(
        network,
        X,
        y,
        loss=MeanSquaredError(),
        optimizer=Adam(0.02),
        schedule=Cosine(),
        batch_size=len(X),
        epochs=epochs,
        patience=None,
    )
    output = network.predict(X)[:, 0]
    return float(np.sqrt(((output - y) ** 2).mean())), output, network.parameter_count


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, dict[int, float]]]:
    """Learn all functions with all shapes; returns the errors by function, by width, by depth."""
    given = options(__doc__, argv)
    settings = QUICK if given.quick else Settings()
    shape = [(widths_of_depth(depth, settings.parameters), depth) for depth in settings.depths]
    rows, found = [], {}
    for name, function in FUNCTIONS.items():
        y = function(X[:, 0])
        drawn = Panel(f"{name}: the fit", (-1, 1), (-1.8, 3.6), "x", "", width=300, height=220)
        drawn.line(X[:, 0], y, "#c4c4c4", "function", 5)
        colours = iter((ORANGE, GREEN, BLUE, PINK))
        by_width: dict[int, float] = {}
        for width in settings.widths:
            by_width[width], output, _ = learned(width, 1, y, settings.epochs)
            if width in (1, 4, 16):
                label = f"{width} neuron{'s' if width > 1 else ''}"
                drawn.line(X[:, 0], output, next(colours), label, 1.6)
        by_depth: dict[int, float] = {}
        for width, depth in shape:
            by_depth[depth], _, count = learned(width, depth, y, settings.epochs)
            print(f"{name}: {depth} x {width} neurons, {count} parameters: {by_depth[depth]:.5f}")
        first, last = settings.widths[0], settings.widths[-1]
        print(
            f"{name}: the error falls from {by_width[first]:.4f} with {first} neuron to "
            f"{by_width[last]:.5f} with {last}."
        )
        found[name] = {"width": by_width, "depth": by_depth}
        rows.append(
            [
                drawn,
                errors(f"{name}: by width", "neurons in one layer", by_width, True),
                errors(f"{name}: by depth", f"layers, {settings.parameters} parameters", by_depth),
            ]
        )
    save(given.out / "universal_approximation.svg", rows)
    return found


def errors(title: str, label: str, by: dict[int, float], log: bool = False) -> Panel:
    """The error against what was changed."""
    sizes = list(by)
    ends = (sizes[0] * 0.8, sizes[-1] * 1.25) if log else (sizes[0] - 0.4, sizes[-1] + 0.4)
    panel = Panel(title, ends, (1e-4, 2), label, "error (RMS)", log, True, width=250, height=220)
    panel.line(sizes, list(by.values()), GREY, width=1.5)
    panel.points(sizes, list(by.values()), BLUE, radius=4)
    return panel


if __name__ == "__main__":
    main()
