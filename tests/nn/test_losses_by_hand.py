"""Losses that PyTorch lacks, worked by hand; and what any of them gives far out."""

import math

import numpy as np
import pytest
from scipy.special import digamma, expit, gammaln
from sklearn.metrics import hinge_loss

from quickprop.autodiff import gradients
from quickprop.execution import function
from quickprop.graph import placeholder
from quickprop.losses import (
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
    LaplaceLikelihood,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MixtureLikelihood,
    NegativeBinomialLikelihood,
    Ordinal,
    PoissonLikelihood,
    Quantile,
    SquaredHinge,
    StudentTLikelihood,
)
from quickprop.ops import one_hot, sum
from quickprop.ops.gamma import log_gamma

BACKENDS = ("reference", "native")
LN2 = math.log(2.0)


def losses(loss, output, target, dtype="float64", backend="reference"):
    """The losses of the columns, and the slopes of their mean."""
    output = np.asarray(output, dtype)
    x = placeholder((None, output.shape[1]), dtype)
    y = loss.target_placeholder(output.shape[1], x.dtype)
    checked = loss.check_target(target, output.shape[1], "target")
    inputs = (output, checked.astype(y.dtype.value))
    outputs = [loss.per_target(x, y), *gradients(loss(x, y), [x])]
    return function((x, y), outputs, backend=backend)(*inputs)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("loss", "output", "target", "expected", "slopes"),
    [
        # Huber with delta 2: 1.5**2 / 2, and 2 (5 - 1).
        (Huber(2.0), [1.5, -5.0], [0.0, 0.0], [1.125, 8.0], [1.5, -2.0]),
        (Huber(2.0), [2.0, 0.0], [0.0, 0.0], [2.0, 0.0], [2.0, 0.0]),
        (LogCosh(), [1.0, -2.0], [0.0, 0.0], np.log(np.cosh([1.0, 2.0])), np.tanh([1.0, -2.0])),
        (LogCosh(), [0.0, 1e4], [0.0, 0.0], [0.0, 1e4 - LN2], [0.0, 1.0]),
        # abs(3 - 4) / 4, abs(-3 + 2) / 2
        (MeanAbsolutePercentageError(), [3.0, -3.0], [4.0, -2.0], [0.25, 0.5], [-0.25, -0.5]),
        (MeanAbsoluteError(), [3.0, -3.0], [4.0, -3.0], [1.0, 0.0], [-1.0, 0.0]),
        # Below the 0.9-quantile by 2: 0.9 times 2. Above by 1: 0.1 times 1.
        (Quantile((0.9,)), [1.0, 1.0], [3.0, 0.0], [1.8, 0.1], [-0.9, 0.1]),
        (Hinge(), [0.5, -0.5, 3.0], [1, 1, 1], [0.5, 1.5, 0.0], [-1.0, -1.0, 0.0]),
        (Hinge(), [0.5, -0.5, 3.0], [0, 0, 1], [1.5, 0.5, 0.0], [1.0, 1.0, 0.0]),
        (SquaredHinge(), [0.5, -2.0], [1, -1], [0.25, 0.0], [-1.0, 0.0]),
        (SquaredHinge((3.0, 2.0)), [0.5, 0.5], [1, -1], [0.5, 6.75], [-2.0, 9.0]),
        # With gamma 0 and no alpha it is binary cross-entropy: ln 2, and slope p - y.
        (Focal(0.0, None), [0.0, 0.0], [1, 0], [LN2, LN2], [-0.5, 0.5]),
        # p = 1/2: 0.25 (1/2)**2 ln 2 and 0.75 (1/2)**2 ln 2.
        (Focal(), [0.0, 0.0], [1, 0], [LN2 / 16, 3 * LN2 / 16], None),
        # ln(1 + 3) with factors: of 0 is 5, of 1 is 2.
        (
            BinaryCrossEntropy(class_weight=(5.0, 2.0)),
            [math.log(3.0), -math.log(3.0)],
            [0.0, 1.0],
            [5 * math.log(4.0), 2 * math.log(4.0)],
            [5 * 0.75, -2 * 0.75],
        ),
        # One cut at 0, ln 3: P(y = 0) is 1/2, 3/4.
        (
            Ordinal(),
            [0.0, math.log(3.0), math.log(3.0)],
            [0, 0, 1],
            [LN2, -math.log(0.75), -math.log(0.25)],
            [-0.5, -0.25, 0.75],
        ),
    ],
)
def test_one_output(loss, output, target, expected, slopes, backend):
    column = np.reshape(output, (-1, 1))
    got, slope = losses(loss, column, target, backend=backend)
    np.testing.assert_allclose(got[:, 0], expected, rtol=1e-12, atol=1e-14)
    if slopes is not None:
        np.testing.assert_allclose(slope[:, 0] * len(column), slopes, rtol=1e-12, atol=1e-14)


def test_quantiles_are_averaged_and_laid_out_by_level():
    # Columns a and b; outputs: low a, low b, high a, high b.
    output, target = [[0.0, 1.0, 4.0, 5.0]], [[2.0, 0.0]]
    got, _ = losses(Quantile((0.25, 0.75)), output, target)
    # a: 0.25 * 2 and 0.25 * 2. b: 0.75 * 1 and 0.25 * 5.
    np.testing.assert_allclose(got, [[(0.5 + 0.5) / 2, (0.75 + 1.25) / 2]])


def test_quantiles_that_cannot_cross():
    loss = Quantile((0.1, 0.5, 0.9), non_crossing=True)
    raw = np.random.default_rng(0).normal(0, 5, (50, 6))
    quantiles = loss.predict(raw).reshape(50, 3, 2)
    assert (np.diff(quantiles, axis=1) > 0).all()
    plus = np.logaddexp(0.0, raw[:, 2:])
    np.testing.assert_allclose(quantiles[:, 0], raw[:, :2])
    np.testing.assert_allclose(quantiles[:, 1], raw[:, :2] + plus[:, :2])
    np.testing.assert_allclose(quantiles[:, 2], raw[:, :2] + plus[:, :2] + plus[:, 2:])


def test_hinge_of_classes_is_that_of_crammer_and_singer():
    generator = np.random.default_rng(0)
    scores, codes = generator.normal(0, 2, (40, 4)), generator.integers(0, 4, 40)
    got, slopes = losses(Hinge(), scores, codes)
    assert got.mean() == pytest.approx(hinge_loss(codes, scores, labels=range(4)), rel=1e-12)
    # Scores 2, 1, 0 of true class 1: 1 + 2 - 1, pulled up at 1 and pushed down at 0.
    got, slopes = losses(Hinge(), [[2.0, 1.0, 0.0]], [1])
    assert got.tolist() == [[2.0]]
    assert slopes.tolist() == [[1.0, -1.0, 0.0]]
    got, _ = losses(SquaredHinge((1.0, 10.0, 1.0)), [[2.0, 1.0, 0.0]], [1])
    assert got.tolist() == [[40.0]]


def test_ordinal_is_a_difference_of_sigmoids():
    raw = np.random.default_rng(0).normal(0, 2, (30, 3))
    cuts = np.cumsum(np.column_stack([raw[:, :1], np.logaddexp(0.0, raw[:, 1:])]), axis=1)
    below = np.column_stack([np.zeros(30), expit(cuts), np.ones(30)])
    probabilities = np.diff(below, axis=1)
    np.testing.assert_allclose(Ordinal().predict(raw), probabilities, rtol=1e-9)
    codes = np.arange(30) % 4
    expected = -np.log(probabilities[np.arange(30), codes])
    np.testing.assert_allclose(losses(Ordinal(), raw, codes)[0][:, 0], expected, rtol=1e-9)


def test_divergence_by_hand():
    # p = (1/4, 3/4). t = (1, 0): ln 4. t = (1/2, 1/2): ln(2) / 2 + ln(2/3) / 2. t = p: 0.
    output = [[0.0, math.log(3.0)]] * 3
    got, _ = losses(KLDivergence(), output, [[1.0, 0.0], [0.5, 0.5], [0.25, 0.75]])
    expected = [math.log(4.0), 0.5 * math.log(2.0) + 0.5 * math.log(2 / 3), 0.0]
    np.testing.assert_allclose(got[:, 0], expected, atol=1e-15)


def test_angles_by_hand():
    output = [[3.0, 0.0], [1.0, 1.0], [-2.0, 0.0], [0.0, 0.0]]
    got, slopes = losses(CosineSimilarity(), output, [[5.0, 0.0]] * 4)
    # The same direction, 45 degrees, the opposite one; no direction counts as a right angle.
    np.testing.assert_allclose(got[:, 0], [0.0, 1 - math.sqrt(0.5), 2.0, 1.0], atol=1e-15)
    # A vector along an axis is pulled sideways only; so is one of any length.
    np.testing.assert_allclose(slopes[0], 0.0, atol=1e-15)
    got, slopes = losses(CosineSimilarity(), [[3.0, 0.0]], [[1.0, 1.0]])
    np.testing.assert_allclose(slopes, [[0.0, -math.sqrt(0.5) / 3.0]], atol=1e-15)


def test_soft_targets_that_are_one_hot_are_codes():
    generator = np.random.default_rng(1)
    output, codes = generator.normal(0, 3, (20, 4)), generator.integers(0, 4, 20)
    for settings in ({}, {"label_smoothing": 0.2}, {"class_weight": (1.0, 2.0, 0.0, 0.5)}):
        by_code = losses(CrossEntropy(**settings), output, codes)
        by_row = losses(CrossEntropy("probabilities", **settings), output, np.eye(4)[codes])
        for one, other in zip(by_code, by_row, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-15)


def test_heads_are_the_weighted_sum_of_means():
    heads = Heads((MeanSquaredError(), CrossEntropy()), (2, 2), (3.0, 0.5))
    # Squares 1 and 4: mean 2.5. Equal logits: ln 2.
    x, y = (
        placeholder((None, 4), "float64"),
        heads.target_placeholder(4, placeholder((), "float64").dtype),
    )
    value = function((x, y), heads(x, y))(
        np.array([[1.0, 2.0, 7.0, 7.0]]), np.array([[0.0, 0.0, 1.0]])
    )
    assert value == pytest.approx(3.0 * 2.5 + 0.5 * LN2, rel=1e-14)
    raw = np.array([[1.0, 2.0, 7.0, 7.0]])
    assert heads.predict(raw).tolist() == [[1.0, 2.0, 0.5, 0.5]]
    assert [part.tolist() for part in heads.split(raw)] == [[[1.0, 2.0]], [[7.0, 7.0]]]


def test_a_custom_loss_may_have_any_shape_of_target():
    # Each row has two points to come near to: the product of the squared distances.
    def nearest(output, target):
        one, other = target[:, 0] - output, target[:, 1] - output
        return sum(one * one, 1) * sum(other * other, 1)

    loss = CustomLoss(nearest, shape=(2, 3))
    target = np.array([[[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]]])
    got, slopes = losses(loss, [[0.0, 0.0, 0.0]], target)
    assert got.tolist() == [[4.0]]  # 1 times 4
    assert slopes.tolist() == [[-8.0, -4.0, 0.0]]


def test_a_custom_loss_of_codes():
    loss = CustomLoss(
        lambda output, target: sum(output * one_hot(target, 3, output.dtype), 1), "codes"
    )
    got, slopes = losses(loss, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [2, 0])
    assert got.tolist() == [[3.0], [4.0]]
    assert slopes.tolist() == [[0.0, 0.0, 0.5], [0.5, 0.0, 0.0]]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("loss", "output", "target", "expected"),
    [
        (LogCosh(), [[1e4]], [-1e4], 2e4 - LN2),
        (Huber(), [[1e30]], [-1e30], 2e30),
        (CrossEntropy(label_smoothing=0.5), [[1e4, -1e4]], [0], 5e3),
        (CrossEntropy("probabilities"), [[1e4, -1e4]], [[0.75, 0.25]], 5e3),
        (CrossEntropy(class_weight=(3.0, 1.0)), [[-1e4, 1e4]], [0], 6e4),
        (BinaryCrossEntropy(positive_weight=(3.0,)), [[-1e4]], [1.0], 3e4),
        (Focal(), [[-1e4]], [1.0], 2500.0),
        (Focal(), [[1e4]], [1.0], 0.0),
        (KLDivergence(), [[1e4, -1e4]], [[0.0, 1.0]], 2e4),
        (Hinge(), [[-1e4, 1e4]], [0], 2e4 + 1),
        (SquaredHinge(), [[-1e4]], [1], (1e4 + 1) ** 2),
        (CosineSimilarity(), [[1e30, 1e30]], [[1e-30, 1e-30]], 0.0),
        (Ordinal(), [[1e4, -1e4]], [2], 1e4),
        (Ordinal(), [[-1e4, -1e4]], [1], 2e4),
        (Ordinal(), [[-1e4, 1e4]], [0], 1e4),
        (GaussianLikelihood(), [[0.0, 1e4]], [1e8], 0.5e8 + math.log(1e4) + 0.9189385332046727),
        (LaplaceLikelihood(), [[0.0, -1e4]], [1e8], 1e14 + math.log(2e-6)),
        (GaussianLikelihood(), [[0.0, -1e4]], [1e8], 0.5e28),
        (StudentTLikelihood(), [[0.0, -1e4, -1e4]], [1e8], None),
        (StudentTLikelihood(), [[1e4, 1e4, 1e4]], [-1e8], None),
        (PoissonLikelihood(), [[-1e4]], [3], 3e4 + math.log(6.0)),
        (PoissonLikelihood(), [[1e4]], [3], math.exp(30) * 9971),
        (PoissonLikelihood(), [[math.log(1e8)]], [10**8], None),
        (NegativeBinomialLikelihood(), [[1e4, 1e4]], [10**8], None),
        (NegativeBinomialLikelihood(), [[-1e4, -1e4]], [10**8], None),
        (MixtureLikelihood(2), [[1e4, -1e4, 0.0, 0.0, 1e4, 1e4]], [1e8], None),
        (MixtureLikelihood(2), [[-1e4, 1e4, 1e4, -1e4, -1e4, -1e4]], [1e8], None),
    ],
)
def test_the_ends_of_the_range(loss, output, target, expected, dtype, backend):
    got, slopes = losses(loss, output, target, dtype, backend)
    assert np.isfinite(slopes).all()
    if expected is None:
        assert np.isfinite(got).all()
    else:
        np.testing.assert_allclose(got[0, 0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-6), ("float64", 5e-15)])
def test_log_gamma_and_its_slope(dtype, tolerance, backend):
    x = placeholder((None,), dtype)
    y = log_gamma(x)
    points = np.concatenate(
        [np.logspace(-30, 30, 300), np.linspace(0.01, 20.0, 2001), np.arange(1.0, 20.0)]
    ).astype(dtype)
    got, slopes = function((x,), [y, *gradients(sum(y), [x])], backend=backend)(points)
    exact = points.astype(np.float64)
    np.testing.assert_allclose(got, gammaln(exact), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(slopes, digamma(exact), rtol=tolerance, atol=tolerance)
