"""A loss that does not suit the target or the network says so before anything is trained."""

import math

import numpy as np
import pytest

from quickprop.errors import DataError, ModelFileError, SettingError, ShapeError
from quickprop.foundation.settings import from_document
from quickprop.graph import placeholder
from quickprop.losses import (
    LOSSES,
    BinaryCrossEntropy,
    CosineSimilarity,
    CrossEntropy,
    CustomLoss,
    Focal,
    GaussianLikelihood,
    Heads,
    Hinge,
    Huber,
    KLDivergence,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MixtureLikelihood,
    NegativeBinomialLikelihood,
    Ordinal,
    PoissonLikelihood,
    Quantile,
    StudentTLikelihood,
)
from quickprop.nn import Dense, Network
from quickprop.ops import cast, mean, reshape
from quickprop.train import fit

NAN = math.nan
HEADS = Heads((GaussianLikelihood(), CrossEntropy()), (1, 3))


@pytest.mark.parametrize(
    ("loss", "width", "target", "error", "message"),
    [
        (MeanSquaredError(), 3, [0, 1, 2], ShapeError, "width of 1, or use CrossEntropy"),
        (MeanSquaredError(), 1, [[1.0, math.inf]] * 2, ShapeError, "a width of 2"),
        (Huber(), 1, [1.0, -math.inf], DataError, "infinite numbers.*given: -inf in row 1"),
        (
            MeanAbsolutePercentageError(),
            1,
            [1.0, 0.0],
            DataError,
            "target of 0 has no percentage error.*row 1.*Use MeanAbsoluteError",
        ),
        (Quantile(), 2, [[1.0], [2.0]], ShapeError, "needs 3 outputs for each.*a width of 3"),
        (Quantile(), 3, [[1.0, 2.0]], ShapeError, r"allowed: \[rows, 1\].*a width of 6"),
        (GaussianLikelihood(), 1, [1.0], ShapeError, "needs 2 outputs for each.*a width of 2"),
        (GaussianLikelihood(), 2, [[1.0, 2.0]], ShapeError, "a width of 4"),
        (StudentTLikelihood(), 4, [1.0], ShapeError, "needs 3 outputs for each.*a width of 3"),
        (MixtureLikelihood(4), 8, [1.0], ShapeError, "needs 12 outputs for each.*a width of 12"),
        (PoissonLikelihood(), 1, [1, -2], DataError, "not a count.*0, 1, 2.*given: -2 in row 1"),
        (PoissonLikelihood(), 1, [0.5, 1.0], DataError, "not a count.*given: 0.5 in row 0"),
        (NegativeBinomialLikelihood(), 2, [-1], DataError, "not a count"),
        (BinaryCrossEntropy(), 1, [2.0], DataError, "not a probability.*given: 2.0 in row 0"),
        (Focal(), 1, [0.5], DataError, "not a label.*allowed: 0 or 1; given: 0.5"),
        (Hinge(), 1, [0, 2], DataError, "labels of two classes.*-1 and 1, or 0 and 1; given: 0, 2"),
        (Hinge(), 1, [-1, 0, 1], DataError, "labels of two classes.*given: -1, 0, 1"),
        (Hinge(), 3, [-1, 1], DataError, "Count classes from 0"),
        (Hinge((1.0, 2.0)), 3, [0, 1], ShapeError, "Hinge.class_weight.*3 factors; given: 2"),
        (Ordinal(), 2, [0, 3], DataError, "allowed: 0 to 2; given: 0 to 3.*a width of 3"),
        (Ordinal((1.0, 2.0)), 2, [0, 1], ShapeError, "Ordinal.class_weight.*3 factors"),
        (CrossEntropy(), 3, [[0], [1]], ShapeError, "ravel"),
        (CrossEntropy(), 3, [0.5, NAN], DataError, "must be whole numbers"),
        (CrossEntropy(), 3, [-1.0, NAN], DataError, "a missing class is NaN"),
        (CrossEntropy(), 3, [5.0, NAN], DataError, "a width of 6"),
        (CrossEntropy(), 3, [math.inf, NAN], DataError, "must be whole numbers"),
        (CrossEntropy(), 3, [10**12], DataError, "outside the outputs.*given: 1000000000000 to"),
        (CrossEntropy("probabilities"), 2, [0, 1], ShapeError, r"allowed: \[rows, 2\]"),
        (CrossEntropy("probabilities"), 2, [[0.5, 0.6]], DataError, "sum to 1.*1.1 in row 0"),
        (CrossEntropy("probabilities"), 2, [[-0.5, 1.5]], DataError, "not a probability"),
        (CrossEntropy(class_weight=(1, 2)), 3, [0], ShapeError, "3 factors; given: 2"),
        (KLDivergence(), 1, [1.0], ShapeError, "2 or more outputs; given: 1"),
        (KLDivergence(), 2, [[1.0, 1.0]], DataError, "do not sum to 1"),
        (CosineSimilarity(), 2, [[1.0, 2.0], [0.0, 0.0]], DataError, "no direction.*row 1"),
        (HEADS, 4, [[0.0, 1.0]], ShapeError, "5 outputs: 2 for GaussianL.*3 for C.*width of 5"),
        (HEADS, 5, [[0.0, 1.0, 2.0]], ShapeError, r"allowed: \[rows, 2\].*side by side"),
        (HEADS, 5, [[0.0, 3.0]], DataError, "target column 1.*allowed: 0 to 2"),
        (HEADS, 5, [[0.0, 0.5]], DataError, "target column 1.*whole numbers"),
        (HEADS, 5, [[0.0, 1e300]], DataError, "target column 1.*outside"),
        (HEADS, 5, [[0.0, math.inf]], DataError, "target column 1.*whole numbers"),
        (HEADS, 5, [[math.inf, 1.0]], DataError, "target column 0.*infinite"),
        (CustomLoss(lambda f, y: f[:, 0]), 2, [1.0], ShapeError, r"\[rows, 2\].*shape="),
        (CustomLoss(lambda f, y: f[:, 0], "codes"), 2, [-1], DataError, "Count classes from 0"),
        (CustomLoss(lambda f, y: f[:, 0], "codes"), 2, [0.5], DataError, "whole numbers"),
        (MeanSquaredError(), 1, [[1.0], [1.0, 2.0]], ShapeError, "not an array"),
        (Ordinal(), 2, [1 + 2j], DataError, "does not hold numbers"),
    ],
)
def test_targets(loss, width, target, error, message):
    with pytest.raises(error, match=message):
        loss.check_target(target, width, "target")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Huber(0.0), "Huber.delta.*above 0"),
        (lambda: Quantile(()), "Quantile.levels.*rising"),
        (lambda: Quantile((0.5, 0.5)), "Quantile.levels.*rising"),
        (lambda: Quantile((0.0, 0.5)), "Quantile.levels"),
        (lambda: Quantile(0.5), "Quantile.levels"),
        (lambda: CrossEntropy("code"), "codes, probabilities.*Did you mean 'codes'"),
        (lambda: CrossEntropy(label_smoothing=1.0), "at least 0 and below 1"),
        (lambda: CrossEntropy(class_weight=(0.0, 0.0)), "class_weight.*not all 0"),
        (lambda: CrossEntropy(class_weight=(1.0, -1.0)), "class_weight"),
        (lambda: CrossEntropy(class_weight=(1.0,)), "class_weight.*2 or more"),
        (lambda: Focal(gamma=-1.0), "Focal.gamma"),
        (lambda: Focal(alpha=2.0), "Focal.alpha"),
        (lambda: MixtureLikelihood(0), "components.*at least 1|from 1"),
        (lambda: CustomLoss("mse"), "CustomLoss.function.*a function"),
        (lambda: CustomLoss(max, shape=(0,)), "CustomLoss.shape"),
        (lambda: Heads((), ()), "Heads.losses.*1 or more"),
        (lambda: Heads((Huber(),), (1, 2)), "Heads.targets.*1 items; given: 2 items"),
        (lambda: Heads((Huber(),), (1,), (1.0, 2.0)), "Heads.weights"),
        (lambda: Heads((Huber(),), (1,), (0.0,)), "Heads.weights.*above 0"),
        (lambda: Heads((HEADS,), (1,)), "Heads.losses"),
        (lambda: Heads(("msee",), (1,)), r"Heads.losses.*MeanSquaredError\(\)"),
        (lambda: Heads((Ordinal(),), (1,)), "Heads.targets.*1 for Ordinal"),
        (lambda: Heads((CustomLoss(max, shape=(2, 2)),), (1,)), "Heads.targets.*CustomLoss"),
    ],
)
def test_settings(make, message):
    with pytest.raises(SettingError, match=message):
        make()


@pytest.mark.parametrize(
    ("loss", "ask", "message"),
    [
        (GaussianLikelihood(), "distribution", "needs 2 outputs.*given: 3"),
        (MixtureLikelihood(2), "predict", "needs 6 outputs.*given: 3"),
        (Quantile((0.2, 0.8)), "predict", "needs 2 outputs.*given: 3"),
        (HEADS, "predict", "5 outputs.*given: 3"),
        (HEADS, "split", "5 outputs.*given: 3"),
    ],
)
def test_raw_outputs_of_a_wrong_width(loss, ask, message):
    with pytest.raises(ShapeError, match=message):
        getattr(loss, ask)(np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        ([1.0, 2.0], ShapeError),
        ([["a"]], DataError),
        ([[1], [1, 2]], ShapeError),
        ([[]], ShapeError),
    ],
)
def test_raw_outputs_that_are_no_matrix(raw, error):
    with pytest.raises(error, match="CrossEntropy"):
        CrossEntropy().predict(raw)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda f, y: 1.0, r"the loss of each row.*float32\[rows\] or.*given: 1.0"),
        (lambda f, y: mean((f - y) * (f - y)), "Leave out the mean over rows"),
        (lambda f, y: cast(f, "int32"), "the loss of each row.*given: <cast int32"),
        (lambda f, y: reshape(f, (None, 2, 1)), "the loss of each row"),
    ],
)
def test_functions_that_are_no_loss(function, message):
    with pytest.raises(SettingError, match=message):
        CustomLoss(function)(placeholder((None, 2)), placeholder((None, 2)))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"kind": "Huber", "delta": -1.0}, "delta"),
        ({"kind": "CustomLoss", "function": "f"}, "unknown kind"),
        ({**HEADS.to_document(), "losses": [{"kind": "Dense"}]}, r"losses\[0\].*unknown kind"),
        ({**HEADS.to_document(), "losses": [HEADS.to_document()]}, r"losses\[0\].*unknown kind"),
        ({**HEADS.to_document(), "losses": 3}, "losses"),
    ],
)
def test_documents(document, message):
    with pytest.raises(ModelFileError, match=message):
        from_document(document, LOSSES, "loss")


@pytest.mark.parametrize(
    ("loss", "target", "weights", "message"),
    [
        (MeanSquaredError(), [[NAN, NAN]] * 3, None, "all of the target is missing"),
        (MeanSquaredError(), [[1.0, NAN]] * 3, [0.0] * 3, "all zero where there is a target"),
        (
            MeanSquaredError(),
            [[1.0, NAN]] * 3,
            [[0.0, 1.0]] * 3,
            "all zero where there is a target",
        ),
        (MeanSquaredError(), [[1.0, 2.0]] * 3, [[1.0] * 3] * 3, r"weights.*\[rows, 2\]"),
        (CrossEntropy(), [NAN] * 3, None, "all of the target is missing"),
        (CrossEntropy(), [0, 1, 1], [[1.0, 2.0]] * 3, r"weights.*\[rows, 1\]"),
    ],
)
def test_fits(loss, target, weights, message):
    network = Network([Dense(2)], 1)
    with pytest.raises((DataError, ShapeError), match=message):
        fit(network, np.ones((3, 1)), target, loss=loss, weights=weights, epochs=1)
