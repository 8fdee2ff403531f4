"""How good predictions are: the scores shown for every model, and the error of a comparison."""

from __future__ import annotations

import math

import numpy as np

Scores = dict[str, float]

#: Probabilities are kept this far from 0 before their logarithm is taken.
_SMALLEST = 1e-15


def classification_scores(codes: np.ndarray, probabilities: np.ndarray) -> Scores:
    """Accuracy, log-loss and macro-F1.

    Parameters
    ----------
    codes : int array, shape (n,)
        The true classes by number.
    probabilities : array, shape (n, classes)
    """
    predicted = probabilities.argmax(axis=1)
    true = probabilities[np.arange(len(codes)), codes]
    return {
        "accuracy": float(np.mean(predicted == codes)),
        "log_loss": float(-np.mean(np.log(np.clip(true, _SMALLEST, 1.0)))),
        "macro_f1": _macro_f1(codes, predicted, probabilities.shape[1]),
    }


def _macro_f1(true: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    """The mean over the classes that there are of 2 TP / (2 TP + FP + FN), as scikit-learn has it.

    Written here, as a model that is read from its file would load all of scikit-learn for it.
    """
    right = np.bincount(true[true == predicted], minlength=classes)
    counted = np.bincount(true, minlength=classes) + np.bincount(predicted, minlength=classes)
    some = counted > 0
    return float(np.mean(2.0 * right[some] / counted[some]))


def regression_scores(true: np.ndarray, predicted: np.ndarray) -> Scores:
    """RMSE and MAE in the unit of the target, and R2."""
    # In units of the largest number, so that the square of a huge one is finite.
    size = float(max(np.abs(true).max(), np.abs(predicted).max())) or 1.0
    true, predicted = true / size, predicted / size
    error = predicted - true
    spread = float(np.sum((true - true.mean()) ** 2))
    squared = float(np.sum(error**2))
    return {
        "rmse": math.sqrt(squared / len(true)) * size,
        "mae": float(np.mean(np.abs(error))) * size,
        "r2": 1.0 - squared / spread if spread else math.nan,
    }


def row_losses(task: str, true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """What each row costs: 1 for a wrong class (by probabilities), or the squared error."""
    if task == "classification":
        return (predicted.argmax(axis=1) != true).astype(float)
    return (predicted - true) ** 2
