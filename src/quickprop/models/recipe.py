"""The settings a table is trained with when nothing else is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from quickprop.nn import Activation, Dense, Dropout, UnaryLayer
from quickprop.optim import Adam, Cosine, Optimizer, Schedule


@dataclass(frozen=True)
class Recipe:
    """How to build and train a network.

    Attributes
    ----------
    hidden : tuple of int
        Widths of the hidden layers.
    dropout : float
        Share of hidden outputs left out in training.
    batch_size, epochs, patience : int
        Rows in a mini-batch; the most epochs; epochs without a better validation loss.
    l2 : float
        Penalty on squared weights.
    """

    hidden: tuple[int, ...]
    dropout: float
    batch_size: int
    epochs: int
    patience: int
    l2: float
    optimizer: Optimizer
    schedule: Schedule | None

    def layers(self, outputs: int) -> list[UnaryLayer]:
        """The layers of a network with so many outputs."""
        layers: list[UnaryLayer] = []
        for width in self.hidden:
            layers += [Dense(width), Activation("relu")]
            if self.dropout:
                layers.append(Dropout(self.dropout))
        return [*layers, Dense(outputs)]


def recipe_for(rows: int, task: str, hidden: tuple[int, ...] | None) -> Recipe:
    """The settings for a number of training rows.

    Few rows get a small network with dropout and small batches; many rows a larger one.
    """
    if hidden is None:
        hidden = (32, 32) if rows < 500 else (64, 64) if rows < 4000 else (128, 128)
    steps_wanted = 60
    batch = 16
    while batch < 256 and rows / (batch * 2) >= steps_wanted:
        batch *= 2
    epochs = 400 if rows < 2000 else 150 if rows < 20000 else 80
    return Recipe(
        hidden=hidden,
        dropout=0.1 if hidden else 0.0,
        batch_size=min(batch, rows),
        epochs=epochs,
        patience=max(20, epochs // 5),
        l2=1e-4,
        optimizer=Adam(learning_rate=2e-3),
        schedule=Cosine(floor=0.01),
    )
