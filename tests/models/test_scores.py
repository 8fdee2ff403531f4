"""Scores and the verdict, with their numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score

from quickprop.data import ClassTarget, RegressionTarget
from quickprop.models.judgement import verdict
from quickprop.models.tasks import Classification, Regression

REGRESSION = Regression(RegressionTarget(0.0, 1.0))


def classification_scores(true, probabilities):
    classes = ClassTarget(tuple(range(probabilities.shape[1])))
    return Classification(classes).scores(true, probabilities)


def test_classification_scores():
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6], [0.7, 0.3], [0.1, 0.9]])
    scores = classification_scores(np.array([0, 1, 1, 1]), probabilities)
    # Right, right, wrong, right. Class 0: precision 1/2, recall 1, F1 2/3; class 1: precision 1,
    # recall 2/3, F1 4/5.
    assert scores["accuracy"] == 0.75
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    logs = -(math.log(0.8) + math.log(0.6) + math.log(0.3) + math.log(0.9)) / 4
    assert scores["log_loss"] == pytest.approx(logs)


def test_regression_scores():
    scores = REGRESSION.scores(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0]))
    # Errors 0, 0, 2: RMSE sqrt(4/3), MAE 2/3, R2 = 1 - 4/2.
    assert scores == pytest.approx({"rmse": math.sqrt(4 / 3), "mae": 2 / 3, "r2": -1.0})


RNG = np.random.default_rng(0)
TRUE = RNG.normal(size=400)
GOOD = TRUE + RNG.normal(size=400) * 0.1
FAIR = TRUE + RNG.normal(size=400) * 0.5
MEAN = np.zeros(400)
VERDICTS = [
    (GOOD, FAIR, "Worth having"),
    (FAIR, GOOD, "Not worth having: the linear model is better"),
    (FAIR, TRUE + RNG.normal(size=400) * 0.5, "Not clearly worth having"),
    (RNG.normal(size=400), FAIR, "Not worth having: on the test part it cannot be told"),
]


@pytest.mark.parametrize(("network", "linear", "words"), VERDICTS)
def test_verdict(network: np.ndarray, linear: np.ndarray, words: str):
    assert verdict(REGRESSION, TRUE, network, linear, MEAN).startswith(words)


def test_macro_f1_is_that_of_scikit_learn():
    random = np.random.default_rng(0)
    for classes in (2, 3, 7):
        for rows in (1, 5, 40):
            true = random.integers(classes, size=rows)
            probabilities = random.random((rows, classes))
            theirs = f1_score(true, probabilities.argmax(1), average="macro", zero_division=0)
            assert classification_scores(true, probabilities)["macro_f1"] == theirs
