"""A number: squared error of the standardised target, and scores in its own unit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from quickprop.data import RegressionTarget, Target, Values
from quickprop.losses import Loss, MeanSquaredError
from quickprop.models.calibration import Bounds
from quickprop.models.evidence import ranks
from quickprop.models.task import Scores, Task

#: A hundredth of the rows with more than this share of the variance decide a comparison.
_MOST_OF_FEW, _FEWEST_RANKED = 0.5, 20
_GOOD_R2, _MUCH = 0.3, 0.1


@dataclass(frozen=True)
class Regression(Task):
    """One output; the truth is numbers in the target's own unit."""

    kind = "regression"
    score_names = ("rmse", "mae", "r2")
    squared = True
    nearly_nothing = 1e-4

    codec: RegressionTarget

    @classmethod
    def of(cls, codec: Target) -> Regression:
        """With this mean and scale."""
        assert isinstance(codec, RegressionTarget)
        return cls(codec)

    @classmethod
    def fit(cls, values: Values) -> Regression:
        """With the mean and scale of these rows."""
        return cls(RegressionTarget.fit(values))

    def fit_training(self, values: Values) -> Regression:
        """Mean and scale are learned, so from training rows only."""
        return Regression.fit(values)

    @property
    def strata(self) -> bool:
        """Numbers have no classes."""
        return False

    @property
    def outputs(self) -> int:
        """One."""
        return 1

    def output_names(self, target: str) -> tuple[str, ...]:
        """The formula between the target and the output."""
        mean, scale = self.codec.mean, self.codec.scale
        return (f"({target} - {mean:.4g}) / {scale:.4g}",)

    @property
    def loss(self) -> Loss:
        """Mean squared error."""
        return MeanSquaredError()

    def linear_penalty(self, rows: int) -> float:
        """``w**2`` beside the sum of squared errors, scikit-learn's alpha = 1."""
        return 2.0 / rows

    def encode(self, values: Values) -> np.ndarray:
        """Standardised, float32, shape (n, 1)."""
        return self.codec.encode(values)

    def truth(self, values: Values) -> np.ndarray:
        """In the target's own unit, float64, shape (n,)."""
        return self.codec.numbers(values)

    @property
    def classes(self) -> None:
        """None."""
        return None

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """In the target's own unit."""
        return self.codec.decode(outputs)

    def scored(self, outputs: np.ndarray) -> np.ndarray:
        """In the target's own unit."""
        return self.codec.decode(outputs)

    def always_the_same(self, truth: np.ndarray, rows: int) -> np.ndarray:
        """The mean."""
        # In units of the largest number, so that no sum overflows.
        size = float(np.abs(truth).max()) or 1.0
        return np.full(rows, float((truth / size).mean()) * size)

    def scores(self, truth: np.ndarray, predicted: np.ndarray) -> Scores:
        """RMSE and MAE in the unit of the target, and R2."""
        # In units of the largest number, so that the square of a huge one is finite.
        size = float(max(np.abs(truth).max(), np.abs(predicted).max())) or 1.0
        truth, predicted = truth / size, predicted / size
        error = predicted - truth
        spread = float(np.sum((truth - truth.mean()) ** 2))
        squared = float(np.sum(error**2))
        return {
            "rmse": math.sqrt(squared / len(truth)) * size,
            "mae": float(np.mean(np.abs(error))) * size,
            "r2": 1.0 - squared / spread if spread else math.nan,
        }

    def telling(self, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """The error in deviations of the target."""
        return np.asarray((predicted - truth) / self.codec.scale)

    def cost(self, telling: np.ndarray) -> np.ndarray:
        """The squared error in deviations of the target, which is finite in any unit."""
        return np.asarray(np.square(telling))

    def calibration(self, truth: np.ndarray, predicted: np.ndarray) -> Bounds:
        """The range of what was seen."""
        del predicted
        low, high = float(truth.min()), float(truth.max())
        return Bounds(low, high, self.codec.mean, self.codec.scale)

    def difference(self, gain: float, error: float, larger: float) -> str:
        """In per cent of the larger squared error."""
        if larger <= 0.0:
            return "both without error"
        share, doubt = abs(gain) / larger * 100, error / larger * 100
        return f"the mean squared errors differing by {share:.0f} ± {doubt:.0f} %"

    def second_gains(
        self, truth: np.ndarray, theirs: np.ndarray, ours: np.ndarray
    ) -> np.ndarray | None:
        """Signed ranks of the errors' differences, where a few rows make up the squared errors.

        Wilcoxon's test (1945): it counts in how many rows a model is nearer, and by how much in the
        order of all rows.
        """
        square = self.row_losses(truth, theirs) - self.row_losses(truth, ours)
        rest = np.sort((square - square.mean()) ** 2)
        few = max(1, len(rest) // 100)
        if len(rest) < _FEWEST_RANKED or rest[-few:].sum() <= _MOST_OF_FEW * rest.sum():
            return None
        nearer = np.abs(theirs - truth) - np.abs(ours - truth)
        size = np.abs(nearer)
        return np.asarray(np.sign(nearer) * (ranks(size) + 0.5 + 0.5 / len(size)))

    def second_difference(self, gains: np.ndarray, gain: float, error: float) -> str:
        """The share of the rows in which one is nearer."""
        del error
        share = float(np.mean(gains > 0 if gain > 0 else gains < 0)) * 100
        return f"being nearer in {share:.0f} % of the rows (a few rows decide the squared errors)"

    def ranked(self, truth: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The ranks of both."""
        return ranks(predicted)[:, None], ranks(truth)[:, None]

    def standing(self, scores: Scores) -> tuple[str, bool]:
        """By R2."""
        return f"R2 {scores['r2']:.3g}", scores["r2"] >= _GOOD_R2

    def falls_behind(self, scores: Scores, others: Scores) -> bool:
        """By R2."""
        return not scores["r2"] >= others["r2"] - _MUCH

    def rare(self, truth: np.ndarray) -> None:
        """No class."""
        del truth
