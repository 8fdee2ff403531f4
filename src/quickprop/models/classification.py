"""One of several classes: cross-entropy, and scores of probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.data import ClassTarget, Target, Values
from quickprop.losses import CrossEntropy, Loss
from quickprop.models.task import Scores, Task

#: Probabilities are kept this far from 0 before their logarithm is taken.
_SMALLEST = 1e-15


@dataclass(frozen=True)
class Classification(Task):
    """One output a class; the truth is class codes."""

    kind = "classification"
    score_names = ("accuracy", "log_loss", "macro_f1")

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
        """Accuracy, log-loss and macro-F1.

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
        }

    def row_losses(self, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """1 for a wrong class."""
        return np.asarray(predicted.argmax(axis=1) != truth, float)

    def difference(self, gain: float, error: float, larger: float) -> str:
        """In points of accuracy."""
        return f"by {abs(gain) * 100:.1f} ± {error * 100:.1f} points of accuracy"


def _macro_f1(true: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    """The mean over the classes that there are of 2 TP / (2 TP + FP + FN), as scikit-learn has it.

    Written here, as a model that is read from its file would load all of scikit-learn for it.
    """
    right = np.bincount(true[true == predicted], minlength=classes)
    counted = np.bincount(true, minlength=classes) + np.bincount(predicted, minlength=classes)
    some = counted > 0
    return float(np.mean(2.0 * right[some] / counted[some]))
