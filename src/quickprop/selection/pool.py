"""All bags of a search, and the best ensemble of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from quickprop.data.folds import Folds
from quickprop.models.prepared import Prepared
from quickprop.models.task import Scores
from quickprop.nn import Network, joined
from quickprop.selection.bag import Bag
from quickprop.selection.blend import Blend, fit_blend, nested_choice, nested_predictions

#: Members with a smaller share are left out: they cost time at every prediction.
_LEAST_SHARE = 0.02


@dataclass(frozen=True, eq=False)
class Candidate:
    """One state of the networks of a bag.

    Attributes
    ----------
    bag : Bag
    snapshot : int
        Which, from 0; the last is the end of training.
    predicted : array
        For the held-out rows, as the task scores them.
    loss : float
        Its mean over them.
    """

    bag: Bag
    snapshot: int
    predicted: np.ndarray
    loss: float

    @property
    def is_last(self) -> bool:
        """Whether it is the end of training."""
        return self.snapshot == len(self.bag.outputs) - 1

    def networks(self) -> list[Network]:
        """One for each fold, with the weights of that state."""
        made = []
        for one in self.bag.networks:
            network = one.network.copy_with_new_variables()
            network.set_weights(one.snapshots[self.snapshot - len(self.bag.outputs)])
            made.append(network)
        return made


@dataclass(eq=False)
class Pool:
    """What was trained so far.

    Attributes
    ----------
    prepared : Prepared
    folds : Folds
    blocks : int array, shape (held-out rows,)
        Weights for a block of rows are chosen on the others.
    bags : list of Bag
    """

    prepared: Prepared
    folds: Folds
    blocks: np.ndarray
    bags: list[Bag] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)

    @cached_property
    def truth(self) -> np.ndarray:
        """The targets of the held-out rows as scores take them."""
        return np.asarray(self.prepared.truth[self.folds.rows])

    def add(self, bag: Bag) -> None:
        """Take in a bag."""
        self.bags.append(bag)
        task = self.prepared.task
        for snapshot, outputs in enumerate(bag.outputs):
            predicted = task.scored(outputs)
            loss = float(np.mean(task.row_losses(self.truth, predicted)))
            if np.isfinite(loss):
                self.candidates.append(Candidate(bag, snapshot, predicted, loss))

    @property
    def _bag_numbers(self) -> np.ndarray:
        numbers = {id(bag): number for number, bag in enumerate(self.bags)}
        return np.array([numbers[id(one.bag)] for one in self.candidates])

    @property
    def best(self) -> Candidate:
        """The candidate with the lowest loss."""
        return min(self.candidates, key=lambda one: one.loss)

    def blend(self) -> Blend:
        """The weights of the ensemble, from all held-out rows."""
        predicted = [one.predicted for one in self.candidates]
        return fit_blend(self.prepared.task, self.truth, predicted, self._bag_numbers)

    def nested(self) -> np.ndarray:
        """What ensembles say of the held-out rows that were put together without these."""
        predicted = [one.predicted for one in self.candidates]
        return nested_predictions(
            self.prepared.task, self.truth, predicted, self._bag_numbers, self.blocks
        )

    def nested_best(self) -> np.ndarray:
        """What single networks say of the held-out rows that were chosen without these."""
        predicted = [one.predicted for one in self.candidates]
        return nested_choice(self.prepared.task, self.truth, predicted, self.blocks)

    def scores(self, predicted: np.ndarray) -> Scores:
        """Of predictions for the held-out rows."""
        return self.prepared.task.scores(self.truth, predicted)

    def ensemble(self, blend: Blend) -> Network:
        """The ensemble as one network; members with tiny shares are left out."""
        weights = np.where(blend.weights < _LEAST_SHARE, 0.0, blend.weights)
        weights = weights / weights.sum()
        networks: list[Network] = []
        shares: list[float] = []
        for candidate, weight in zip(self.candidates, weights, strict=True):
            if weight:
                members = candidate.networks()
                networks += members
                shares += [float(weight) / len(members)] * len(members)
        return joined(networks, blend.calibration.layer(shares))
