"""How a network for a table is built and trained, and the settings when nothing else is asked."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from quickprop.foundation.settings import (
    Component,
    boolean,
    choice,
    component,
    integer,
    number,
    optional,
    sequence_of,
    setting,
)
from quickprop.models.inputs import CODES, Interface, category_input
from quickprop.nn import (
    ACTIVATIONS,
    Activation,
    Add,
    Columns,
    Concatenate,
    Dense,
    Dropout,
    Embedding,
    Input,
    Network,
    PeriodicEmbedding,
    Scale,
)
from quickprop.nn.node import Node
from quickprop.optim import (
    SCHEDULES,
    TRAINING_METHODS,
    Adam,
    Cosine,
    CosineLog,
    FullBatchMethod,
    LinearNewton,
    Optimizer,
    Schedule,
)

#: The widths of hidden layers that may be asked for.
WIDTHS = sequence_of(integer(1, 16384), least=0)
MOST_LAYERS = 64
#: How much quicker or slower than weights some layers learn.
_FACTORS = {"Scale": 6.0, "PeriodicEmbedding": 0.1}
#: Epochs from which on the end of a wave is worth keeping.
_FEWEST = 4
#: Iterations allowed to a linear model; most are done in a tenth of them.
_LINEAR_ITERATIONS = 500


@dataclass(frozen=True)
class Recipe(Component):
    """How to build and train a network.

    Parameters
    ----------
    hidden : sequence of int
        Widths of the hidden layers. Without any the network is a linear model: a category of many
        levels has one weight for each level and output, and no vectors between.
    activation : str
        Behind every hidden layer.
    dropout : float
        Share of hidden outputs left out in training.
    batch_size, epochs : int
        Rows in a mini-batch, the most epochs.
    patience : int, optional
        Epochs without a better validation loss. With None the validation rows are not looked at,
        and the last weights are kept.
    l2 : float
        Penalty on squared weights.
    optimizer : Optimizer or FullBatchMethod
    schedule : Schedule, optional
    periodic : float, optional
        Numbers of a range are given as waves too (`PeriodicEmbedding`), whose frequencies begin
        with this deviation.
    scaled : bool
        Whether every input has a learned factor (`Scale`).
    parametrization : {"standard", "ntp"}
        Of the layers (`Dense`). With "ntp" factors of inputs learn six times as fast, and biases
        and waves a tenth (Holzmüller, Grinsztajn and Steinwart 2024).

    Examples
    --------
    >>> from quickprop.models import Recipe
    >>> Recipe(hidden=(16,)).linear, Recipe(hidden=()).linear
    (False, True)
    """

    hidden: tuple[int, ...] = setting(WIDTHS)
    activation: str = setting(
        choice({name: row for name, row in ACTIVATIONS.items() if row.trainable}), "relu"
    )
    dropout: float = setting(number(0.0, 1.0, high_open=True), 0.0)
    batch_size: int | None = setting(optional(integer(1)), None)
    epochs: int = setting(integer(1), 200)
    patience: int | None = setting(optional(integer(1)), 20)
    l2: float = setting(number(0.0), 0.0)
    optimizer: Optimizer | FullBatchMethod = setting(component(TRAINING_METHODS), Adam())
    schedule: Schedule | None = setting(optional(component(SCHEDULES)), None)
    periodic: float | None = setting(optional(number(0.0, low_open=True)), None)
    scaled: bool = setting(boolean(), False)
    parametrization: str = setting(choice({"standard": None, "ntp": None}), "standard")

    @property
    def linear(self) -> bool:
        """Whether the network is a linear model."""
        return not self.hidden

    def rate_factors(self, network: Network) -> dict[str, float] | None:
        """Factors of the rate for some of a network's parameters."""
        if self.parametrization != "ntp":
            return None
        kinds = {type(placed.layer).__name__ for placed in network.layers}
        return {"bias": 0.1} | {name: f for name, f in _FACTORS.items() if name in kinds}

    @property
    def last(self) -> bool:
        """Whether the weights after the last epoch are kept, and no epoch is chosen."""
        return self.patience is None and isinstance(self.optimizer, Optimizer)

    @property
    def snapshots(self) -> tuple[int, ...]:
        """Epochs after which the rate is lowest, the last one at the end."""
        if isinstance(self.schedule, CosineLog):
            cycles = self.schedule.cycles
            ends = [(2**k - 1) / (2**cycles - 1) for k in range(1, cycles + 1)]
            return tuple(
                sorted({round(end * self.epochs) for end in ends if end * self.epochs >= _FEWEST})
            )
        return (self.epochs,)

    def network(self, interface: Interface, *, seed: int = 0) -> Network:
        """A network with its starting weights.

        Parameters
        ----------
        interface : Interface
            What it reads and gives.
        seed : int, optional
        """
        if self.linear:
            return _linear_network(interface, seed)
        if self._plain:
            layers: list[Component] = []
            for width in self.hidden:
                layers += [Dense(width), Activation(self.activation)]
                if self.dropout:
                    layers.append(Dropout(self.dropout))
            layers.append(Dense(len(interface.outputs)))
            return Network(
                layers, len(interface.features), interface.codes, seed=seed, **interface.names
            )
        node = self._front(interface)
        for width in self.hidden:
            node = Dense(width, parametrization=self.parametrization)(node)
            node = Activation(self.activation)(node)
            if self.dropout:
                node = Dropout(self.dropout)(node)
        outputs = len(interface.outputs)
        node = Dense(outputs, parametrization=self.parametrization)(node)
        return Network(node, seed=seed, **interface.names)

    def _front(self, interface: Interface) -> Node:
        """What the hidden layers read: numbers, waves of them, vectors of categories."""
        parts: list[Node] = []
        features = len(interface.features)
        if features:
            x = Input(features)
            waves = interface.continuous if self.periodic is not None else ()
            if waves and self.periodic is not None:
                all_of_them = len(waves) == features
                chosen = x if all_of_them else Columns(waves)(x)
                parts.append(PeriodicEmbedding(deviation=self.periodic)(chosen))
                others = tuple(sorted(set(range(features)) - set(waves)))
                if others:
                    parts.append(Columns(others)(x))
            else:
                parts.append(x)
        node = Concatenate()(*parts) if len(parts) > 1 else parts[0] if parts else None
        if interface.codes:
            codes = Input(len(interface.codes), CODES, codes=True)
            embedding = Embedding(interface.codes)
            node = embedding(codes) if node is None else embedding(node, codes)
        assert node is not None
        return Scale()(node) if self.scaled else node

    @property
    def _plain(self) -> bool:
        """Whether all is layers in a row."""
        return self.periodic is None and not self.scaled and self.parametrization == "standard"

    def weights(self, interface: Interface) -> int:
        """How many weights that network has, without making it; vectors are taken for 16 wide."""
        features, outputs = len(interface.features), len(interface.outputs)
        levels = sum(interface.codes)
        if self.linear:
            return (features + levels + 1) * outputs
        if self.periodic is not None:
            # Three mixtures of waves beside each number.
            features += 3 * len(interface.continuous)
        widths = [features + 16 * len(interface.codes), *self.hidden, outputs]
        return sum((a + 1) * b for a, b in pairwise(widths)) + 16 * levels


def _linear_network(interface: Interface, seed: int) -> Network:
    """A layer on the numbers, and for each embedded column the outputs of its level, added up.

    The same function as a layer on a 0/1 number for each level, without the zeros. All weights
    start at 0: there is one lowest loss, and weights that few rows speak for are near it.
    """
    features, outputs = len(interface.features), len(interface.outputs)
    if interface.codes:
        parts: list[Node] = [Dense(outputs)(Input(features))] if features else []
        for column, count in enumerate(interface.codes):
            codes = Input(1, category_input(column), codes=True)
            parts.append(Embedding((count,), widths=(outputs,))(codes))
        drawn = Add()(*parts) if len(parts) > 1 else parts[0]
        network = Network(drawn, seed=seed, **interface.names)
    else:
        network = Network([Dense(outputs)], features, seed=seed, **interface.names)
    network.set_weights({name: np.zeros_like(one) for name, one in network.weights().items()})
    return network


def usual_recipe(rows: int) -> Recipe:
    """The settings for a number of training rows.

    Few rows get a small network with dropout and small batches; many rows a larger one.
    """
    steps_wanted = 60
    batch = 16
    while batch < 256 and rows / (batch * 2) >= steps_wanted:
        batch *= 2
    epochs = 400 if rows < 2000 else 150 if rows < 20000 else 80
    return Recipe(
        hidden=(32, 32) if rows < 500 else (64, 64) if rows < 4000 else (128, 128),
        dropout=0.1,
        batch_size=min(batch, rows),
        epochs=epochs,
        patience=max(20, epochs // 5),
        l2=1e-4,
        optimizer=Adam(learning_rate=2e-3),
        schedule=Cosine(floor=0.01),
    )


def linear_recipe(penalty: float) -> Recipe:
    """A linear model, trained on all its rows to convergence."""
    return Recipe(
        hidden=(),
        epochs=_LINEAR_ITERATIONS,
        patience=None,
        l2=penalty,
        optimizer=LinearNewton(),
    )
