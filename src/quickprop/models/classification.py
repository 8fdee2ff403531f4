"""One of several classes: cross-entropy, and scores of probabilities."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.data import ClassTarget, Target, Values
from quickprop.losses import CrossEntropy, Loss
from quickprop.models.calibration import Temperature
from quickprop.models.evidence import ranks
from quickprop.models.task import Scores, Task

#: Probabilities are kept this far from 0 before their logarithm is taken.
_SMALLEST = 1e-15
#: And so far where two models are compared: one row that was thought impossible is one row.
_LEAST_LIKELY = 1e-6
_GOOD_AUC, _HARDLY_EVER_WRONG, _MUCH = 0.7, 0.9, 0.05


@dataclass(frozen=True)
class Classification(Task):
    """One output a class; the truth is class codes."""

    kind = "classification"
    score_names = ("accuracy", "log_loss", "macro_f1", "auc")
    later_scores = ("auc",)
    squared = False
    nearly_nothing = 0.1

    codec: ClassTarget

    @classmethod
    def of(cls, codec: Target) -> Classification:
        """With these classes."""
        assert isinstance(codec, ClassTarget)
        return cls(codec)

    @classmethod
    def fit(cls, values: Values) -> Classification:
        """The classes are known beforehand, from all rows."""
        return cls(ClassTarget.fit(values))

    def fit_training(self, values: Values) -> Classification:
        """Nothing more."""
        return self

    @property
    def strata(self) -> bool:
        """Each part has its share of each class."""
        return True

    @property
    def outputs(self) -> int:
        """One a class."""
        return len(self.codec.classes)

    def output_names(self, target: str) -> tuple[str, ...]:
        """The classes as text."""
        return self.codec.keys

    @property
    def loss(self) -> Loss:
        """Cross-entropy of class codes."""
        return CrossEntropy()

    def linear_penalty(self, rows: int) -> float:
        """``w**2 / 2`` beside the sum of the rows' losses, scikit-learn's C = 1.

        Of two classes, w is the difference of their weights, whose squares sum to half of w's.
        """
        return (2.0 if self.outputs == 2 else 1.0) / rows

    def encode(self, values: Values) -> np.ndarray:
        """Class codes, int32, shape (n,)."""
        return self.codec.encode(values)

    def truth(self, values: Values) -> np.ndarray:
        """Class codes, int32, shape (n,)."""
        return self.codec.encode(values)

    @property
    def classes(self) -> tuple[Any, ...]:
        """In the order of their values."""
        return self.codec.classes

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """The likeliest class of each row."""
        return self.codec.decode(outputs.argmax(axis=1))

    def scored(self, outputs: np.ndarray) -> np.ndarray:
        """Probabilities (n, classes)."""
        return CrossEntropy().predict(outputs)

    def always_the_same(self, truth: np.ndarray, rows: int) -> np.ndarray:
        """The shares of the classes."""
        shares = np.bincount(truth, minlength=self.outputs) / len(truth)
        return np.tile(shares, (rows, 1))

    def scores(self, truth: np.ndarray, predicted: np.ndarray) -> Scores:
        """Accuracy, log-loss, macro-F1, and the area under the ROC curve (`area_under_curve`).

        Parameters
        ----------
        truth : int array, shape (n,)
            The true classes by number.
        predicted : array, shape (n, classes)
            Probabilities.
        """
        said = predicted.argmax(axis=1)
        likelihood = predicted[np.arange(len(truth)), truth]
        return {
            "accuracy": float(np.mean(said == truth)),
            "log_loss": float(-np.mean(np.log(np.clip(likelihood, _SMALLEST, 1.0)))),
            "macro_f1": _macro_f1(truth, said, predicted.shape[1]),
            "auc": area_under_curve(truth, predicted),
        }

    def telling(self, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """The probability of the true class."""
        return np.asarray(predicted[np.arange(len(truth)), truth].astype(np.float64))

    def cost(self, telling: np.ndarray) -> np.ndarray:
        """The logarithm of the probability of the true class, below 0 taken away."""
        return np.asarray(-np.log(np.clip(telling, _LEAST_LIKELY, 1.0)))

    def calibration(self, truth: np.ndarray, predicted: np.ndarray) -> Temperature:
        """A temperature."""
        return Temperature.fit(truth, predicted)

    def difference(self, gain: float, error: float, larger: float) -> str:
        """In per cent of the larger log-loss."""
        if larger <= 0.0:
            return "both without error"
        share, doubt = abs(gain) / larger * 100, error / larger * 100
        return f"the log-losses differing by {share:.0f} ± {doubt:.0f} %"

    def second_gains(
        self, truth: np.ndarray, theirs: np.ndarray, ours: np.ndarray
    ) -> np.ndarray | None:
        """1 where only ours is right, -1 where only theirs is."""
        right = (ours.argmax(axis=1) == truth).astype(float)
        return np.asarray(right - (theirs.argmax(axis=1) == truth))

    def second_difference(self, gains: np.ndarray, gain: float, error: float) -> str:
        """In points of accuracy."""
        return f"by {abs(gain) * 100:.1f} ± {error * 100:.1f} points of accuracy"

    def ranked(self, truth: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each class the ranks of its probability, and its 0/1 column; classes count alike."""
        there = np.unique(truth)
        classes = there if len(there) > 2 else there[-1:]
        said = np.stack([ranks(predicted[:, k]) for k in classes], axis=1)
        true = np.stack([truth == k for k in classes], axis=1).astype(np.float64)
        true -= true.mean(axis=0)
        return said, true / np.maximum(np.sqrt((true**2).sum(axis=0)), 1e-300)

    def standing(self, scores: Scores) -> tuple[str, bool]:
        """By the area under the curve."""
        return f"AUC {scores['auc']:.3g}", scores["auc"] >= _GOOD_AUC

    def falls_behind(self, scores: Scores, others: Scores) -> bool:
        """By accuracy and the area under the curve."""
        return any(not scores[name] >= others[name] - _MUCH for name in ("accuracy", "auc"))

    def rare(self, truth: np.ndarray) -> str | None:
        """The rarest, where one class is so common that always to say it is hardly ever wrong."""
        counts = np.bincount(truth, minlength=self.outputs)
        if counts.max() < _HARDLY_EVER_WRONG * len(truth):
            return None
        there = np.flatnonzero(counts)
        return self.codec.keys[int(there[counts[there].argmin()])]


def area_under_curve(true: np.ndarray, predicted: np.ndarray) -> float:
    """How often a row of a class is given a higher probability of it than a row of another class.

    Of two classes the area under the ROC curve (Hanley and McNeil 1982); of more the mean over the
    classes that there are, each against the others. NaN where there is one class only.

    Parameters
    ----------
    true : int array, shape (n,)
        The true classes by number.
    predicted : array, shape (n, classes)
        Probabilities.
    """
    there = np.unique(true)
    if len(there) < 2:
        return math.nan
    areas = []
    for one in there if len(there) > 2 else there[1:]:
        of = true == one
        inside = int(of.sum())
        outside = len(true) - inside
        # Ranks from 1 to n.
        place = (ranks(predicted[:, one]) + 0.5) * len(true) + 0.5
        areas.append((place[of].sum() - inside * (inside + 1) / 2) / (inside * outside))
    return float(np.mean(areas))


def _macro_f1(true: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    """The mean over the classes that there are of 2 TP / (2 TP + FP + FN), as scikit-learn has it.

    Written here, as a model that is read from its file would load all of scikit-learn for it.
    """
    right = np.bincount(true[true == predicted], minlength=classes)
    counted = np.bincount(true, minlength=classes) + np.bincount(predicted, minlength=classes)
    some = counted > 0
    return float(np.mean(2.0 * right[some] / counted[some]))
