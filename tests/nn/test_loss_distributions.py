"""Predicted distributions are those of SciPy; the mixture is worked out by hand."""

import math

import numpy as np
import pytest
import scipy.stats

from quickprop.distributions import (
    Categorical,
    Laplace,
    NegativeBinomial,
    Normal,
    NormalMixture,
    Poisson,
    StudentT,
)
from quickprop.errors import DTypeError, SettingError, ShapeError

LOCATION = np.array([[0.0, -1.0], [2.5, 10.0], [100.0, 0.3]])
SCALE = np.array([[1.0, 0.2], [3.0, 0.5], [20.0, 0.01]])
FREEDOM = np.array([[2.5, 3.0], [5.0, 30.0], [4.0, 7.0]])
RATE = np.array([[0.1, 1.0], [3.7, 40.0], [0.0, 2e6]])
SIZE = np.array([[0.5, 1.0], [3.0, 10.0], [1.0, 1e3]])
LEVELS = [0.001, 0.1, 0.5, 0.77, 0.999]

CASES = {
    "normal": (Normal(LOCATION, SCALE), scipy.stats.norm(LOCATION, SCALE)),
    "laplace": (Laplace(LOCATION, SCALE), scipy.stats.laplace(LOCATION, SCALE)),
    "student": (StudentT(LOCATION, SCALE, FREEDOM), scipy.stats.t(FREEDOM, LOCATION, SCALE)),
    "poisson": (Poisson(RATE), scipy.stats.poisson(RATE)),
    "negative binomial": (
        NegativeBinomial(RATE + 0.5, SIZE),
        scipy.stats.nbinom(SIZE, SIZE / (SIZE + RATE + 0.5)),
    ),
}
MIXTURE = NormalMixture(
    np.array([[[0.3, 0.7]], [[1.0, 0.0]]]),
    np.array([[[-2.0, 3.0]], [[5.0, 0.0]]]),
    np.array([[[0.5, 1.5]], [[2.0, 1.0]]]),
)


@pytest.mark.parametrize("name", CASES)
def test_as_scipy_has_it(name):
    ours, theirs = CASES[name]
    assert ours.shape == (3, 2)
    np.testing.assert_allclose(ours.mean, theirs.mean())
    np.testing.assert_allclose(ours.variance, theirs.var())
    np.testing.assert_allclose(ours.std, theirs.std())
    quantiles = ours.quantile(LEVELS)
    assert quantiles.shape == (5, 3, 2)
    for level, got in zip(LEVELS, quantiles, strict=True):
        np.testing.assert_allclose(got, theirs.ppf(level), rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(ours.quantile(level), got)
    low, high = ours.interval(0.8)
    np.testing.assert_allclose(low, theirs.ppf(0.1), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(high, theirs.ppf(0.9), rtol=1e-9, atol=1e-9)
    y = np.array([[0.0, 1.0], [2.0, 7.0], [0.0, 3.0]])
    log_density = theirs.logpmf if hasattr(theirs.dist, "logpmf") else theirs.logpdf
    np.testing.assert_allclose(ours.log_likelihood(y), log_density(y), rtol=1e-8)
    np.testing.assert_allclose(ours.cdf(y), theirs.cdf(y), rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("name", [*CASES, "mixture"])
def test_samples_have_the_mean_and_the_spread(name):
    ours = CASES[name][0] if name in CASES else MIXTURE
    draws = ours.sample(20000, seed=1)
    assert draws.shape == (20000, *ours.shape)
    error = ours.std / math.sqrt(20000)
    assert (np.abs(draws.mean(axis=0) - ours.mean) <= 5 * error + 1e-12).all()
    # A tenth of the draws lies below the 0.1-quantile, as far as counts allow it.
    low, high = ours.interval(0.8)
    inside = ((draws >= low) & (draws <= high)).mean(axis=0)
    assert (inside > 0.78).all()
    np.testing.assert_array_equal(draws, ours.sample(20000, seed=1))
    assert (draws != ours.sample(20000, seed=2)).any()


def test_a_mixture_by_hand():
    # 0.3 N(-2, 0.5) + 0.7 N(3, 1.5): mean -0.6 + 2.1, second moment 0.3 (4.25) + 0.7 (11.25).
    np.testing.assert_allclose(MIXTURE.mean, [[1.5], [5.0]])
    np.testing.assert_allclose(MIXTURE.variance, [[1.275 + 7.875 - 2.25], [4.0]])
    one, two = scipy.stats.norm(-2.0, 0.5), scipy.stats.norm(3.0, 1.5)
    y = np.array([[0.5], [6.0]])
    expected = [
        [np.log(0.3 * one.pdf(0.5) + 0.7 * two.pdf(0.5))],
        [scipy.stats.norm(5.0, 2.0).logpdf(6.0)],
    ]
    np.testing.assert_allclose(MIXTURE.log_likelihood(y), expected)
    np.testing.assert_allclose(MIXTURE.log_likelihood(y[:, 0]), expected)
    quantiles = MIXTURE.quantile(LEVELS)
    assert quantiles.shape == (5, 2, 1)
    reached = 0.3 * one.cdf(quantiles[:, 0, 0]) + 0.7 * two.cdf(quantiles[:, 0, 0])
    np.testing.assert_allclose(reached, LEVELS, rtol=1e-12)
    np.testing.assert_allclose(quantiles[:, 1, 0], scipy.stats.norm(5.0, 2.0).ppf(LEVELS))


def test_classes_by_hand():
    ours = Categorical(np.array([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]]))
    assert ours.shape == (2,)
    np.testing.assert_allclose(ours.mean, [1.3, 1.0])
    # 0.3 * 1 + 0.5 * 4 - 1.3**2
    np.testing.assert_allclose(ours.variance, [0.61, 0.0], atol=1e-15)
    assert ours.quantile([0.1, 0.4, 0.6]).tolist() == [[0, 1], [1, 1], [2, 1]]
    np.testing.assert_allclose(ours.log_likelihood([2, 0]), [math.log(0.5), -math.inf])
    draws = ours.sample(5000)
    np.testing.assert_allclose((draws[:, 0] == 2).mean(), 0.5, atol=0.03)
    assert set(draws[:, 1].tolist()) == {1}


def test_what_cannot_be_counted_has_no_likelihood():
    ours = Poisson(np.array([[1.0], [1.0], [1.0]]))
    assert ours.log_likelihood([-1, 0.5, math.inf]).tolist() == [[-math.inf]] * 3


@pytest.mark.parametrize("name", CASES)
def test_what_is_missing_stays_missing(name):
    ours = CASES[name][0]
    y = np.where(np.arange(ours.mean.size).reshape(ours.shape) % 2, 1.0, np.nan)
    for found in (ours.log_likelihood(y), ours.cdf(y)):
        assert (np.isnan(found) == np.isnan(y)).all()


def test_one_number_is_asked_of_all():
    normal, theirs = CASES["normal"]
    np.testing.assert_allclose(normal.cdf(2.5), theirs.cdf(2.5), rtol=1e-12)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda d: d.quantile(1.0), SettingError, "quantile.q.*above 0 and below 1.*given: 1.0"),
        (lambda d: d.quantile([0.5, math.nan]), SettingError, "quantile.q"),
        (lambda d: d.quantile("a half"), SettingError, "quantile.q: not a number"),
        (lambda d: d.interval(90), SettingError, "interval.level.*below 1"),
        (lambda d: d.sample(0), SettingError, "sample.n.*at least 1"),
        (lambda d: d.sample(1, -1), SettingError, "sample.seed"),
        (lambda d: d.log_likelihood([1.0]), ShapeError, r"allowed: \[3, 2\]; given: \[1\]"),
        (lambda d: d.log_likelihood("y"), DTypeError, "log_likelihood.y: not numbers"),
        (lambda d: d.cdf("y"), DTypeError, "cdf.y: not numbers"),
        (lambda d: d.cdf([[1.0], [1.0, 2.0]]), ShapeError, "cdf.y: not an array"),
        (lambda d: d.cdf([1.0]), ShapeError, r"allowed: \[3, 2\]; given: \[1\]"),
        (lambda d: d.quantile("0.5"), SettingError, "not a number.*given: '0.5'"),
        (lambda d: d.quantile(10**400), SettingError, "quantile.q: not a number"),
    ],
)
def test_wrong_questions(ask, error, message):
    with pytest.raises(error, match=message):
        ask(CASES["normal"][0])


def test_distributions_of_plain_lists():
    from_lists = [
        Normal([0.0, 1.0], [1.0, 2]),
        Laplace([[0]], [[1]]),
        StudentT([0.0], [1.0], [4]),
        Poisson([1, 2]),
        NegativeBinomial([2], [3]),
        Categorical([[0.25, 0.75]]),
        NormalMixture([[[0.5, 0.5]]], [[[0, 1]]], [[[1, 1]]]),
        Normal(0, 1),
    ]
    for one in from_lists:
        assert one.quantile(0.5).shape == one.shape
        assert one.sample(3).shape == (3, *one.shape)
        assert np.isfinite(one.log_likelihood(np.zeros(one.shape))).all()
        assert np.isfinite(one.std).all()
        low, high = one.interval(0.8)
        assert (low <= high).all()
    assert Normal(np.zeros(2, np.float32), [1.0, 2.0]).location.dtype == np.float32
    with pytest.raises(DTypeError, match=r"Normal\.scale"):
        Normal([0.0], ["wide"])
