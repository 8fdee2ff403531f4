"""Overfitting: a network learns the noise of its few rows by heart; early stopping ends it in time.

Thirty noisy rows of a sine, and a network with thousands of weights. The loss on the rows it learns
from falls for ever; that on rows held out falls, turns, and rises. Early stopping keeps the weights
of the turning point; beside it stands the same network, trained to the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from drawing import BLUE, GREEN, GREY, ORANGE, Panel, options, save

from quickprop import Activation, Adam, Dense, MeanSquaredError, Network
from quickprop.train import History, fit

NOISE = 0.35


def rows(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Noisy rows of a sine."""
    x = np.sort(rng.uniform(-1, 1, count))
    return x[:, np.newaxis], truth(x) + NOISE * rng.normal(size=count)


def truth(x: np.ndarray) -> np.ndarray:
    """What the rows would be without noise."""
    return np.sin(3.5 * x)


def trained(
    x: np.ndarray,
    y: np.ndarray,
    epochs: int,
    validation: tuple[np.ndarray, np.ndarray] | None,
    patience: int | None = None,
) -> tuple[Network, History]:
    """The same network and the same steps, with or without rows to look at."""
    layers = [Dense(64), Activation("tanh"), Dense(64), Activation("tanh"), Dense(1)]
    network = Network(layers, 1, seed=3, dtype="float64")
    history = fit(
        network,
        x,
        y,
        loss=MeanSquaredError(),
        optimizer=Adam(0.003),
        batch_size=len(x),
        epochs=epochs,
        validation=validation,
        patience=patience,
    )
    return network, history


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train with and without early stopping; returns the errors against the truth."""
    given = options(__doc__, argv)
    epochs = 2500 if given.quick else 12000
    rng = np.random.default_rng(8)
    x, y = rows(30, rng)
    held_out = rows(30, rng)
    to_the_end, _ = trained(x, y, epochs, None)
    stopped, history = trained(x, y, epochs, held_out, patience=400)
    _, whole = trained(x, y, epochs, held_out)

    grid = np.linspace(-1, 1, 300)
    fits = {"to the end": to_the_end, "stopped early": stopped}
    found = {"best epoch": float(history.best_epoch), "epochs run": float(len(history.epochs))}
    for name, network in fits.items():
        learned = network.predict(x)[:, 0]
        off = network.predict(grid[:, np.newaxis])[:, 0] - truth(grid)
        found[f"rows, {name}"] = float(((learned - y) ** 2).mean())
        found[f"truth, {name}"] = float((off**2).mean())
        print(
            f"{name}: loss on its own rows {found[f'rows, {name}']:.4f}, "
            f"mean squared distance from the truth {found[f'truth, {name}']:.4f}"
        )
    print(
        f"Early stopping ended after {len(history.epochs)} of {epochs} epochs and kept the weights "
        f"of epoch {history.best_epoch}. The noise has the variance {NOISE**2:.4f}."
    )

    drawn = Panel("What was learned", (-1, 1), (-2.2, 2.6), "x", "y", width=420, height=300)
    drawn.legend = "left"
    drawn.line(grid, truth(grid), "#c4c4c4", "truth", 4)
    for (name, network), colour in zip(fits.items(), (ORANGE, BLUE), strict=True):
        drawn.line(grid, network.predict(grid[:, np.newaxis])[:, 0], colour, name, 1.8)
    drawn.points(x[:, 0], y, "#222222", "rows learned from", 3)
    curves = Panel(
        "Loss by epoch", (1, epochs), (1e-3, 2), "epoch", "", True, True, width=420, height=300
    )
    curves.legend = "lower left"
    steps = [record.epoch for record in whole.epochs]
    curves.line(steps, [r.train_loss for r in whole.epochs], GREEN, "on its own rows", 1.8)
    watched = [record.watched_loss for record in whole.epochs]
    curves.line(steps, watched, ORANGE, "on rows held out", 1.8)
    curves.upright(history.best_epoch, "kept by early stopping", GREY)
    save(given.out / "overfitting.svg", [[drawn, curves]])
    found["held out at best"] = history.best_loss
    found["held out at the end"] = watched[-1]
    return found


if __name__ == "__main__":
    main()
