"""Sequences of unequal length: the mean of the marked numbers, read by three networks.

Every row is a sequence of 1 to 12 numbers between 0 and 1, some of them marked, and behind its end
stands noise with marks of its own. An LSTM that is told by a mask where a sequence ends learns the
mean; so does a transformer block, which looks straight at the marks. An LSTM without the mask goes
on through the noise and cannot know what counted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from drawing import BLUE, GREEN, GREY, ORANGE, Panel, options, save

from quickprop import (
    LSTM,
    Adam,
    Conv1D,
    Dense,
    GlobalAveragePool,
    Input,
    LayerNorm,
    LengthMask,
    MeanSquaredError,
    Network,
    OneCycle,
    TransformerBlock,
)
from quickprop.train import fit

STEPS = 12
COLOURS = {"LSTM, mask": BLUE, "transformer block, mask": GREEN, "LSTM, no mask": ORANGE}


def sequences(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers and marks (count, steps, 2), lengths (count, 1), and the means (count, 1)."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, STEPS + 1, (count, 1))
    numbers, marks = rng.random((count, STEPS)), rng.random((count, STEPS)) < 0.4
    marks[:, 0] |= ~(marks & (np.arange(STEPS) < lengths)).any(1)
    counted = marks & (np.arange(STEPS) < lengths)
    means = (numbers * counted).sum(1, keepdims=True) / counted.sum(1, keepdims=True)
    return np.stack([numbers, marks], axis=2), lengths.astype(float), means


def networks() -> dict[str, Network]:
    """The three of them."""
    x, length = Input((STEPS, 2), "numbers"), Input(1, "length")
    mask = LengthMask(STEPS)(length)
    wide = Conv1D(16, 1)(x)
    attended = LayerNorm()(TransformerBlock(16, 2, 32)(wide, mask))
    return {
        "LSTM, mask": Network(Dense(1)(LSTM(16)(x, mask)), seed=1),
        "transformer block, mask": Network(Dense(1)(GlobalAveragePool()(attended, mask)), seed=1),
        "LSTM, no mask": Network(Dense(1)(LSTM(16)(x)), seed=1),
    }


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train all three; returns the part of the variance that each leaves unexplained."""
    given = options(__doc__, argv)
    rows, epochs = (2000, 40) if given.quick else (5000, 60)
    x, lengths, means = sequences(rows + 2000, seed=0)
    variance = means[rows:].var()
    losses = Panel("Mean squared error by epoch", (1, epochs), (1e-5, 0.1), "epoch", "", log_y=True)
    by_length = Panel(
        "On other sequences, by their length", (1, STEPS), (1e-5, 0.1), "length", "", log_y=True
    )
    found = {}
    for name, network in networks().items():
        data = [x, lengths] if len(network.inputs) == 2 else [x]
        history = fit(
            network, [part[:rows] for part in data], means[:rows], loss=MeanSquaredError(),
            optimizer=Adam(0.01), schedule=OneCycle(), batch_size=50, epochs=epochs, patience=None,
        )  # fmt: skip
        wrong = np.square(network.predict(*(part[rows:] for part in data)) - means[rows:])
        found[name] = float(wrong.mean() / variance)
        print(f"{name:24} leaves {found[name]:6.2%} of the variance unexplained.")
        curve = [record.train_loss for record in history.epochs]
        losses.line(np.arange(1, len(curve) + 1), curve, COLOURS[name], name)
        each = np.arange(1, STEPS + 1)
        errors = [wrong[lengths[rows:] == length].mean() for length in each]
        by_length.line(each, errors, COLOURS[name], name)
    for panel in (losses, by_length):
        panel.line(panel.x, [variance, variance], GREY, "always the mean", 1.2, "4 3")
    save(given.out / "unequal_lengths.svg", [[losses, by_length]])
    return found


if __name__ == "__main__":
    main()
