"""Scores and the verdict, with their numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from quickprop.data import ClassTarget, RegressionTarget
from quickprop.models.evidence import TestRows, association, mean_gain, ranks
from quickprop.models.judgement import tells_something, verdict
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


def test_area_under_the_curve_is_that_of_scikit_learn():
    random = np.random.default_rng(0)
    for classes in (2, 3, 6):
        true = np.append(np.arange(classes), random.integers(classes, size=40))
        probabilities = random.dirichlet(np.ones(classes), len(true)).round(1 if classes < 3 else 9)
        theirs = roc_auc_score(
            true, probabilities[:, 1] if classes == 2 else probabilities, multi_class="ovr"
        )
        assert classification_scores(true, probabilities)["auc"] == pytest.approx(theirs)
    assert math.isnan(classification_scores(np.zeros(3, int), np.full((3, 2), 0.5))["auc"])


# -- evidence -------------------------------------------------------------------------------------


def test_ranks():
    # 3, 1, 1, 2 have ranks 4, 1.5, 1.5, 3 of 4, whose mean is 2.5.
    assert ranks(np.array([3.0, 1.0, 1.0, 2.0])).tolist() == [0.375, -0.25, -0.25, 0.125]


def test_mean_gain_of_copies_is_that_of_what_was_copied():
    once = np.random.default_rng(0).normal(0.3, 1.0, 50)
    groups = np.repeat(np.arange(50), 4)
    one, copied = mean_gain(once), mean_gain(np.repeat(once, 4), TestRows(groups=groups))
    assert copied.mean == pytest.approx(one.mean)
    assert copied.error == pytest.approx(one.error)
    assert copied.counted == pytest.approx(50.0)


def test_walks_tell_nothing_of_each_other():
    random = np.random.default_rng(0)
    found = {False: 0, True: 0}
    for _ in range(200):
        one, other = random.normal(size=(2, 300)).cumsum(axis=1)
        for ordered in found:
            columns = ranks(one)[:, None], ranks(other)[:, None]
            found[ordered] += association(*columns, TestRows(ordered=ordered)).above(2.0)
    # Taken for free rows, nearly every second pair goes together.
    assert found[False] > 60
    assert found[True] < 10


def test_few_rows_show_nothing():
    assert not mean_gain(np.array([1.0, 1.0, 1.0])).above(2.0)
    assert not mean_gain(np.array([1.0])).above(2.0)
    assert mean_gain(np.full(8, 1.0)).above(2.0)


def of_classes(score: np.ndarray) -> np.ndarray:
    one = 1.0 / (1.0 + np.exp(-score))
    return np.stack([1.0 - one, one], axis=1)


TWO = Classification(ClassTarget(("bad", "good")))


def test_a_rare_class_that_is_found():
    random = np.random.default_rng(0)
    true = (random.random(2000) < 0.01).astype(int)
    score = random.normal(size=2000) + 2.5 * true - 6.0
    dummy = TWO.always_the_same(true, 2000)
    again = score + 0.05 * random.normal(size=2000)
    said = verdict(TWO, true, of_classes(score), of_classes(again), dummy)
    assert said.startswith("Worth having to find 'good' (AUC 0.9")
    assert "accuracy" not in said
    assert not tells_something(TWO, true, of_classes(random.normal(size=2000)), dummy)


def test_a_few_wild_rows_do_not_hide_what_was_learned():
    random = np.random.default_rng(0)
    truth = random.lognormal(0.0, 3.0, 300)
    dummy = REGRESSION.always_the_same(truth, 300)
    near, far = truth * random.lognormal(0.0, 0.1, 300), truth * random.lognormal(0.0, 1.0, 300)
    # The largest row alone decides the squares; both models miss it alike.
    near[truth.argmax()] = far[truth.argmax()] = 0.0
    said = verdict(REGRESSION, truth, near, far, dummy)
    assert said.startswith("Worth having: better than the linear model on the test part, being nea")
    assert "may not tell anything" not in said


def test_good_scores_of_few_rows_do_not_blame_the_columns():
    true = np.array([0, 1, 0, 1])
    probabilities = of_classes(np.array([-1.0, 0.2, -2.0, 3.0]))
    said = verdict(TWO, true, probabilities, None, np.full((4, 2), 0.5))
    assert "AUC 1 looks good, but 4 test rows are too few" in said


def test_two_without_error_are_alike():
    near = TRUE + 1e-6 * RNG.normal(size=400)
    said = verdict(REGRESSION, TRUE, near, TRUE + 1e-3 * RNG.normal(size=400), MEAN)
    assert said.startswith("Not clearly worth having")
    assert "both being nearly without error" in said
