"""Networks of one recipe, each trained without one fold, and what they say of that fold."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from quickprop.data.folds import Folds
from quickprop.models.inputs import network_inputs
from quickprop.models.prepared import Prepared
from quickprop.models.recipe import Recipe
from quickprop.models.trained import stand_in_for_unseen, train_model
from quickprop.nn import Network
from quickprop.train import Callback, EpochRecord, History, Progress, StopReason

Weights = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class BagPlan:
    """What a bag is to be made of.

    Attributes
    ----------
    name : str
        Of the recipe.
    recipe : Recipe
    seed : int
        Another one gives other networks of the same recipe.
    """

    name: str
    recipe: Recipe
    seed: int


@dataclass(frozen=True, eq=False)
class FoldNetwork:
    """A network that was trained without one fold.

    Attributes
    ----------
    plan : BagPlan
    fold : int
    network : Network
        With its last weights.
    snapshots : tuple of mapping
        Weights at the epochs at which the rate was lowest, the last ones at the end.
    outputs : tuple of array
        For each snapshot what the network gives for the rows of the fold.
    history : History
    """

    plan: BagPlan
    fold: int
    network: Network
    snapshots: tuple[Weights, ...]
    outputs: tuple[np.ndarray, ...]
    history: History

    @property
    def whole(self) -> bool:
        """Whether its training came to its end."""
        return self.history.reason is StopReason.ALL_EPOCHS


@dataclass(frozen=True, eq=False)
class Bag:
    """A network for each fold, of one recipe.

    Attributes
    ----------
    plan : BagPlan
    networks : tuple of FoldNetwork
    outputs : tuple of array, shape (held-out rows, outputs)
        For each snapshot what the networks give, each for the rows of its own fold.
    """

    plan: BagPlan
    networks: tuple[FoldNetwork, ...]
    outputs: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, networks: Sequence[FoldNetwork], folds: Folds) -> Bag:
        """Put together what the networks say."""
        rows = folds.rows
        place = np.empty(len(folds.fold_of), np.int64)
        place[rows] = np.arange(len(rows))
        count = min(len(one.outputs) for one in networks)
        width = networks[0].outputs[0].shape[1]
        outputs = tuple(np.empty((len(rows), width), np.float32) for _ in range(count))
        for one in networks:
            at = place[folds.held_out(one.fold)]
            for out, given in zip(outputs, one.outputs[-count:], strict=True):
                out[at] = given
        return cls(networks[0].plan, tuple(networks), outputs)

    @property
    def seconds(self) -> float:
        """Of training all of them, one after the other."""
        return sum(one.history.seconds for one in self.networks)


class Snapshots(Callback):
    """Keeps the weights after some epochs.

    Parameters
    ----------
    network : Network
    epochs : collection of int
        Counted from 1.
    """

    def __init__(self, network: Network, epochs: Sequence[int]) -> None:
        self._network, self._epochs = network, frozenset(epochs)
        self.taken: list[Weights] = []

    def on_epoch(self, record: EpochRecord, progress: Progress) -> bool | None:
        """Take those of this epoch."""
        if record.epoch in self._epochs and record.fraction == 1.0:
            self.taken.append(self._network.weights())
        return None


@dataclass(eq=False)
class Scorers:
    """A network of each design, with code that predicts: weights come and go."""

    _made: dict[object, tuple[Network, threading.Lock]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def outputs(
        self, network: Network, weights: Weights, inputs: Sequence[np.ndarray]
    ) -> np.ndarray:
        """What a network of that design gives with these weights."""
        key = network.structure_key
        with self._lock:
            made = self._made.get(key)
            if made is None:
                made = self._made[key] = (network.copy_with_new_variables(), threading.Lock())
        scorer, lock = made
        with lock:
            scorer.set_weights(weights)
            return np.asarray(scorer.predict(*inputs))


def train_without(
    prepared: Prepared,
    folds: Folds,
    plan: BagPlan,
    fold: int,
    scorers: Scorers,
    *,
    budget: float | None,
    callbacks: Sequence[Callback] = (),
) -> FoldNetwork:
    """Train a network on all folds but one, with one thread, and ask it about that one.

    Parameters
    ----------
    prepared : Prepared
    folds : Folds
    plan : BagPlan
    fold : int
        The one that is left out.
    scorers : Scorers
    budget : float or None
        Seconds.
    callbacks : sequence of Callback, optional
    """
    recipe, seed, rows = plan.recipe, plan.seed * 1009 + fold, folds.train(fold)
    network = recipe.network(prepared.interface, seed=seed)
    snapshots = Snapshots(network, recipe.snapshots[:-1])
    trained = train_model(
        prepared,
        recipe,
        network=network,
        rows=rows,
        seed=seed,
        budget=budget,
        callbacks=[snapshots, *callbacks],
        threads=1,
    )
    codes = prepared.matrices.categories[rows]
    last = network.weights()
    kept: list[Weights] = []
    for one in snapshots.taken:
        network.set_weights(one)
        stand_in_for_unseen(network, codes)
        kept.append(network.weights())
    network.set_weights(last)
    kept.append(last)
    inputs = network_inputs(network, prepared.matrices.take(folds.held_out(fold)))
    outputs = tuple(scorers.outputs(network, one, inputs) for one in kept)
    return FoldNetwork(plan, fold, network, tuple(kept), outputs, trained.history)
