"""Recipes in the order in which they are tried: each adds most to those before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from quickprop.models.recipe import Recipe
from quickprop.optim import AdamW, CosineLog


@dataclass(frozen=True)
class Entry:
    """A recipe by its name, batch size and epochs being left to the plan.

    Attributes
    ----------
    name : str
    recipe : Recipe
    """

    name: str
    recipe: Recipe

    def planned(self, batch_size: int, epochs: int) -> Recipe:
        """The recipe with that many rows in a step, and epochs."""
        return replace(self.recipe, batch_size=batch_size, epochs=epochs)


def _waves(
    hidden: Sequence[int],
    rate: float,
    *,
    dropout: float = 0.15,
    decay: float = 0.02,
    periodic: float | None = 0.1,
    activation: str = "mish",
) -> Recipe:
    """RealMLP's kind (Holzmüller, Grinsztajn and Steinwart 2024): waves, factors, annealing."""
    return Recipe(
        hidden=tuple(hidden),
        activation=activation,
        dropout=dropout,
        patience=None,
        optimizer=AdamW(learning_rate=rate, beta2=0.95, weight_decay=decay),
        schedule=CosineLog(),
        periodic=periodic,
        scaled=True,
        parametrization="ntp",
    )


def _plain(hidden: Sequence[int], *, dropout: float, decay: float, rate: float = 2e-3) -> Recipe:
    """Layers as everybody has them, held back by dropout and decay."""
    return Recipe(
        hidden=tuple(hidden),
        activation="mish",
        dropout=dropout,
        patience=None,
        optimizer=AdamW(learning_rate=rate, beta2=0.95, weight_decay=decay),
        schedule=CosineLog(),
    )


def portfolio(*, classes: bool) -> tuple[Entry, ...]:
    """What is tried, in order.

    Parameters
    ----------
    classes : bool
        Whether the task is to tell classes apart.
    """
    wide, two, one = (128, 128, 128), (128, 128), (64,)
    if classes:
        return (
            Entry("waves 3 x 128", _waves(wide, 0.04)),
            Entry("plain 2 x 64 held back", _plain((64, 64), dropout=0.5, decay=1.0)),
            Entry("waves 3 x 128 held back", _waves(wide, 0.04, dropout=0.4, decay=0.1)),
            Entry("fine waves 2 x 128", _waves(two, 0.04, dropout=0.3, periodic=2.0)),
            Entry("no waves 3 x 128", _waves(wide, 0.04, periodic=None, activation="selu")),
            Entry("waves 1 x 64 held back", _waves(one, 0.02, dropout=0.3, decay=0.5)),
        )
    return (
        Entry("waves 3 x 128", _waves(wide, 0.1, dropout=0.05)),
        Entry("plain 2 x 128", _plain(two, dropout=0.1, decay=0.3)),
        Entry("fine waves 2 x 128", _waves(two, 0.1, dropout=0.05, periodic=2.0)),
        Entry("waves 3 x 128 held back", _waves(wide, 0.1, dropout=0.3, decay=0.1)),
        Entry("no waves 3 x 128", _waves(wide, 0.07, periodic=None, dropout=0.1)),
        Entry("finest waves 2 x 64", _waves((64, 64), 0.1, dropout=0.1, periodic=10.0)),
    )
