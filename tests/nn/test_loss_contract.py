"""What holds for every loss, by the registry: a new one needs a row of examples here."""

import dataclasses

import numpy as np
import pytest

from quickprop.autodiff import gradients
from quickprop.distributions import Distribution
from quickprop.errors import DataError
from quickprop.execution import function
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

ROWS = 5
SOFT = [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.6, 0.4, 0.0], [0.1, 0.2, 0.7]]
NUMBERS = [[0.5, -1.0], [2.5, 1.0], [-3.0, 0.25], [1.5, 4.0], [-0.5, 2.0]]
COUNTS = [[0, 3], [1, 12], [40, 2], [7, 0], [2, 5]]
LABELS = [[0, 1, 1], [1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 1, 1]]
CODES = [2, 0, 1, 1, 2]
SIGNS = [1, -1, 1, 1, -1]
BOTH = [[0.5, 2], [1.5, 0], [-0.5, 1], [2.5, 1], [3.5, 2]]


def _squares(output, target):
    return (output - target) * (output - target)


#: The loss, its number of raw outputs, and a target of five rows.
EXAMPLES = {
    "squared": (MeanSquaredError(), 2, NUMBERS),
    "absolute": (MeanAbsoluteError(), 2, NUMBERS),
    "huber": (Huber(0.7), 2, NUMBERS),
    "log-cosh": (LogCosh(), 2, NUMBERS),
    "percentage": (MeanAbsolutePercentageError(), 2, NUMBERS),
    "quantiles": (Quantile(), 6, NUMBERS),
    "quantiles of one column": (Quantile((0.2, 0.8)), 2, [row[:1] for row in NUMBERS]),
    "quantiles that do not cross": (Quantile((0.1, 0.4, 0.9), non_crossing=True), 6, NUMBERS),
    "codes": (CrossEntropy(), 3, CODES),
    "codes, smoothed": (CrossEntropy(label_smoothing=0.2), 3, CODES),
    "codes, weighed": (CrossEntropy(class_weight=(1.0, 0.5, 2.0)), 3, CODES),
    "soft": (CrossEntropy("probabilities"), 3, SOFT),
    "soft, all settings": (CrossEntropy("probabilities", 0.1, (1.0, 0.5, 2.0)), 3, SOFT),
    "labels": (BinaryCrossEntropy(), 3, LABELS),
    "labels, all settings": (BinaryCrossEntropy(0.1, (1.0, 2.0), (1.0, 0.5, 2.0)), 3, LABELS),
    "focal": (Focal(), 3, LABELS),
    "focal, weak": (Focal(0.5, None), 3, LABELS),
    "hinge": (Hinge(), 1, SIGNS),
    "hinge, weighed": (Hinge((1.0, 3.0)), 1, SIGNS),
    "hinge of classes": (Hinge(), 3, CODES),
    "hinge of weighed classes": (SquaredHinge((1.0, 3.0, 0.5)), 3, CODES),
    "squared hinge": (SquaredHinge(), 1, SIGNS),
    "divergence": (KLDivergence(), 3, SOFT),
    "angle": (CosineSimilarity(), 2, NUMBERS),
    "gaussian": (GaussianLikelihood(), 4, NUMBERS),
    "laplace": (LaplaceLikelihood(), 4, NUMBERS),
    "student": (StudentTLikelihood(), 6, NUMBERS),
    "poisson": (PoissonLikelihood(), 2, COUNTS),
    "negative binomial": (NegativeBinomialLikelihood(), 4, COUNTS),
    "mixture": (MixtureLikelihood(3), 9, [row[:1] for row in NUMBERS]),
    "mixtures": (MixtureLikelihood(2), 12, NUMBERS),
    "ordinal": (Ordinal(), 2, CODES),
    "ordinal, weighed": (Ordinal((1.0, 2.0, 0.5)), 2, CODES),
    "ordinal of two classes": (Ordinal(), 1, [0, 1, 1, 0, 1]),
    "heads": (Heads((GaussianLikelihood(), CrossEntropy()), (1, 3), (2.0, 0.5)), 5, BOTH),
    "three heads": (
        Heads((MeanAbsolutePercentageError(), Hinge(), Hinge()), (1, 3, 1)),
        5,
        [[*row, sign] for row, sign in zip(BOTH, SIGNS, strict=True)],
    ),
    "heads of one's own": (Heads((CustomLoss(_squares), Huber()), (2, 1)), 3, SOFT),
    "custom": (CustomLoss(_squares), 2, NUMBERS),
}
BACKENDS = ["reference", "native"]


def example(name):
    loss, width, target = EXAMPLES[name]
    output = np.random.default_rng(7).normal(0.0, 1.5, (ROWS, width))
    return loss, output, loss.check_target(target, width, "target")


def run(loss, output, target, dtype="float64", backend="reference", weights=None):
    """The mean loss, its slopes, and the losses of the columns."""
    width = output.shape[1]
    x = placeholder((None, width), dtype)
    y = loss.target_placeholder(width, x.dtype)
    inputs, arrays = [x, y], [output.astype(dtype), target.astype(y.dtype.value)]
    factors = None
    if weights is not None:
        factors = placeholder((None, *weights.shape[1:]), dtype)
        inputs.append(factors)
        arrays.append(weights.astype(dtype))
    value = loss(x, y, factors)
    results = [value, *gradients(value, [x]), loss.per_target(x, y)]
    return function(inputs, results, backend=backend)(*arrays)


def test_every_loss_has_an_example():
    assert {type(loss).__name__ for loss, _, _ in EXAMPLES.values()} == {*LOSSES, "CustomLoss"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_native_is_reference_in_both_types(name):
    loss, output, target = example(name)
    exact = run(loss, output, target)
    for dtype, tolerance in (("float64", 1e-12), ("float32", 1e-5)):
        for backend in BACKENDS:
            for got, expected in zip(run(loss, output, target, dtype, backend), exact, strict=True):
                assert got.dtype == dtype
                np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", EXAMPLES)
def test_slopes_are_finite_differences(name):
    loss, output, target = example(name)
    _, slopes, _ = run(loss, output, target)
    step = 1e-5
    for place in np.ndindex(output.shape):
        up, down = output.copy(), output.copy()
        up[place] += step
        down[place] -= step
        rise = run(loss, up, target)[0] - run(loss, down, target)[0]
        assert slopes[place] == pytest.approx(rise / (2 * step), rel=2e-6, abs=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_huge_outputs_stay_finite(name, dtype):
    loss, output, target = example(name)
    for huge in (1e4, -1e4):
        for mixed in (
            np.full_like(output, huge),
            output * 0 + huge * (-1.0) ** np.arange(ROWS)[:, None],
        ):
            mixed[:, ::2] *= -1.0
            for backend in BACKENDS:
                for got in run(loss, mixed, target, dtype, backend):
                    assert np.isfinite(got).all()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_mean_is_over_rows_and_columns(name):
    loss, output, target = example(name)
    value, _, columns = run(loss, output, target)
    assert value == pytest.approx(columns.mean(), rel=1e-13)
    # A row of weight 5 beside four of weight 0 is that row alone, in either form of weights.
    alone = run(loss, output[1:2], target[1:2])[0]
    picked = np.eye(ROWS)[1] * ROWS
    assert run(loss, output, target, weights=picked)[0] == pytest.approx(alone, rel=1e-13)
    by_column = np.repeat(picked[:, None], columns.shape[1], axis=1)
    assert run(loss, output, target, weights=by_column)[0] == pytest.approx(alone, rel=1e-13)


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_missing_does_not_count(name):
    loss, output, _ = example(name)
    width = output.shape[1]
    _, _, target = EXAMPLES[name]
    whole = np.array(target, float)
    partly = whole.copy()
    partly[0] = np.nan  # All of a row, and a part of another.
    partly.reshape(ROWS, -1)[2, -1] = np.nan
    checked = loss.check_target(partly, width, "target")
    assert np.isnan(checked).any()
    filled, present = loss.without_missing(checked)
    assert not np.isnan(filled).any()
    assert present.dtype == bool
    expected = run(loss, output, loss.check_target(target, width, "target"))[2]
    present = np.broadcast_to(present, expected.shape)
    value, slopes, _ = run(loss, output, filled, weights=present / present.mean())
    assert not present[0].any()
    assert value == pytest.approx(expected[present].mean(), rel=1e-12)
    assert not slopes[0].any()
    for backend in BACKENDS:
        got = run(loss, output, filled, "float32", backend, present / present.mean())
        assert got[0] == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("name", EXAMPLES)
def test_width_and_prediction(name):
    loss, output, target = example(name)
    columns = 1 if target.ndim == 1 else target.shape[1]
    classes = {"codes": 3, "hinge of": 3, "ordinal": 3, "ordinal of": 2}
    count = next((k for key, k in reversed(classes.items()) if name.startswith(key)), columns)
    assert loss.output_width(count) == output.shape[1]
    predicted = loss.predict(output)
    assert predicted.dtype == np.float64
    assert len(predicted) == ROWS
    assert np.isfinite(predicted).all()
    if loss.output_activation == "softmax" or isinstance(loss, Ordinal):
        np.testing.assert_allclose(predicted.sum(axis=1), 1.0)
    if hasattr(type(loss), "distribution"):
        predictions = loss.distribution(output)
        assert isinstance(predictions, Distribution)
        likelihood = predictions.log_likelihood(target)
        unweighed = dataclasses.replace(loss, class_weight=None) if "weighed" in name else loss
        np.testing.assert_allclose(likelihood.reshape(ROWS, -1), -run(unweighed, output, target)[2])


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_loss_survives_its_document(name):
    loss, _, _ = EXAMPLES[name]
    document = loss.to_document()
    if "own" in name or "custom" in name:
        assert "_squares" in str(document)
    else:
        assert from_document(document, LOSSES, "loss") == loss


@pytest.mark.parametrize("name", EXAMPLES)
def test_text_is_no_target(name):
    loss, width, _ = EXAMPLES[name]
    with pytest.raises(DataError, match="the target does not hold numbers"):
        loss.check_target(["a"] * ROWS, width, "target")
