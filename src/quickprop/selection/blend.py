"""Weights of an ensemble, chosen on rows that no member has learned from, and judged honestly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quickprop.models.calibration import Calibration
from quickprop.models.task import Task

#: With fewer rows the weights that were chosen are mixed with equal ones.
FEW_ROWS = 1000
#: Members that are added one after the other, with replacement.
PICKS = 25
#: Bags whose loss is at most so many times the lowest count as not far from the best.
_NEAR = 1.15
#: A pick that gains less than this share of the loss is not worth another network.
_LEAST_GAIN = 2e-4


@dataclass(frozen=True, eq=False)
class Blend:
    """Weights of candidates, and what is done to their mean.

    Attributes
    ----------
    weights : float array, shape (candidates,)
        From 0 up; they add up to 1.
    calibration : Calibration
    """

    weights: np.ndarray
    calibration: Calibration

    def apply(self, predicted: Sequence[np.ndarray]) -> np.ndarray:
        """The calibrated mean of the candidates' predictions."""
        return self.calibration.apply(_mean(predicted, self.weights))


def fit_blend(
    task: Task, truth: np.ndarray, predicted: Sequence[np.ndarray], bags: np.ndarray
) -> Blend:
    """Choose weights greedily: always the member that lowers the loss of the mean most.

    (Caruana et al. 2004, selection with replacement.) From few rows the weights are half those, and
    half the same for the best state of every bag that is not far from the best.

    Parameters
    ----------
    task : Task
    truth : array, shape (rows,)
    predicted : sequence of array
        Of every candidate, for rows that it did not learn from.
    bags : int array, shape (candidates,)
        Which candidates are states of the same networks.
    """
    telling = np.stack([task.telling(truth, one) for one in predicted])
    weights = _greedy(task, telling)
    if len(truth) < FEW_ROWS:
        weights = (weights + _even(task, telling, bags)) / 2.0
    return Blend(weights, task.calibration(truth, _mean(predicted, weights)))


def _even(task: Task, telling: np.ndarray, bags: np.ndarray) -> np.ndarray:
    """The same for the best state of each bag, those apart that are far from the best."""
    losses = np.array([float(np.mean(task.cost(one))) for one in telling])
    best = [int(np.flatnonzero(bags == bag)[losses[bags == bag].argmin()]) for bag in set(bags)]
    near = [one for one in best if losses[one] <= _NEAR * losses.min()]
    even = np.zeros(len(losses))
    even[near] = 1.0 / len(near)
    return even


def nested_predictions(
    task: Task,
    truth: np.ndarray,
    predicted: Sequence[np.ndarray],
    bags: np.ndarray,
    blocks: np.ndarray,
) -> np.ndarray:
    """Predictions of blends that were chosen without the rows they are of.

    Parameters
    ----------
    task, truth, predicted, bags
        As `fit_blend` takes them.
    blocks : int array, shape (rows,)
        The weights for the rows of a block are chosen on all other blocks.
    """
    out = np.zeros_like(predicted[0])
    for block in np.unique(blocks):
        inside = blocks == block
        outside = ~inside
        blend = fit_blend(task, truth[outside], [one[outside] for one in predicted], bags)
        out[inside] = blend.apply([one[inside] for one in predicted])
    return out


def nested_choice(
    task: Task, truth: np.ndarray, predicted: Sequence[np.ndarray], blocks: np.ndarray
) -> np.ndarray:
    """Predictions of the single candidate that is best on all other blocks."""
    losses = np.stack([task.row_losses(truth, one) for one in predicted])
    out = np.zeros_like(predicted[0])
    for block in np.unique(blocks):
        inside = blocks == block
        out[inside] = predicted[int(losses[:, ~inside].mean(axis=1).argmin())][inside]
    return out


def _mean(predicted: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    total = np.zeros_like(predicted[0], dtype=np.float64)
    for one, weight in zip(predicted, weights, strict=True):
        if weight:
            total += weight * one
    return total


def _greedy(task: Task, telling: np.ndarray) -> np.ndarray:
    """Weights by picks with replacement, from the numbers that losses depend on."""
    counts = np.zeros(len(telling))
    total = np.zeros(telling.shape[1])
    best, kept = np.inf, counts
    for pick in range(1, PICKS + 1):
        losses = [float(np.mean(task.cost((total + one) / pick))) for one in telling]
        chosen = int(np.argmin(losses))
        total = total + telling[chosen]
        counts = counts.copy()
        counts[chosen] += 1.0
        if losses[chosen] < best * (1.0 - _LEAST_GAIN):
            best, kept = losses[chosen], counts
        elif pick > 2 * kept.sum():
            break
    return np.asarray(kept / kept.sum())
