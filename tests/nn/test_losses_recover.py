"""Known parameters come back from simulated data, by training a linear head.

The true raw outputs are linear in one input, so that the weights and biases of the head are known
too. Tolerances are about four standard errors at these numbers of rows.
"""

import numpy as np
import pytest

from quickprop.distributions import (
    Categorical,
    Laplace,
    NegativeBinomial,
    Normal,
    NormalMixture,
    Poisson,
    StudentT,
)
from quickprop.losses import (
    GaussianLikelihood,
    Heads,
    LaplaceLikelihood,
    MixtureLikelihood,
    NegativeBinomialLikelihood,
    Ordinal,
    PoissonLikelihood,
    Quantile,
    StudentTLikelihood,
)
from quickprop.nn import Dense, Network
from quickprop.optim import Adam, Cosine
from quickprop.train import fit

ROWS = 4000


def inputs():
    return np.random.default_rng(1).uniform(-1.0, 1.0, (ROWS, 1))


def trained(loss, x, y, width, epochs=60):
    """Bias and slope of each raw output of a linear head (width, 2)."""
    network = Network([Dense(width)], 1, dtype="float64")
    fit(
        network,
        x,
        y,
        loss=loss,
        optimizer=Adam(0.03),
        schedule=Cosine(),
        epochs=epochs,
        batch_size=200,
        patience=None,
    )
    found = network.weights()
    return np.column_stack([found["dense1.bias"], found["dense1.weight"][0]]), network


def softplus(x):
    return np.logaddexp(0.0, x)


def simulated(loss, raw):
    """A target drawn from the distributions that the raw outputs stand for."""
    return loss.distribution(raw).sample(1, seed=3)[0]


@pytest.mark.parametrize(
    ("loss", "true", "tolerance"),
    [
        (GaussianLikelihood(), [[1.0, 2.0], [0.5, 1.0]], 0.12),
        (LaplaceLikelihood(), [[1.0, -2.0], [0.5, 1.0]], 0.15),
        (PoissonLikelihood(), [[1.0, 0.8]], 0.08),
        (NegativeBinomialLikelihood(), [[1.5, 1.0], [1.0, 0.5]], 0.25),
        (Ordinal(), [[-1.0, 2.0], [0.5, 0.0], [1.0, 0.0]], 0.3),
    ],
)
def test_known_parameters_come_back(loss, true, tolerance):
    true = np.array(true)
    x = inputs()
    raw = true[:, 0] + x * true[:, 1]
    found, network = trained(loss, x, simulated(loss, raw), len(true))
    np.testing.assert_allclose(found, true, atol=tolerance)
    # What it predicts is what the simulation had, wherever the input is.
    here = np.array([[-0.8], [0.0], [0.8]])
    truth = loss.distribution(true[:, 0] + here * true[:, 1])
    ours = loss.distribution(network.predict(here))
    np.testing.assert_allclose(ours.mean, truth.mean, rtol=0.1, atol=0.1)
    np.testing.assert_allclose(ours.std, truth.std, rtol=0.15)


def test_the_tails_of_students_t_come_back():
    x = inputs()
    # Location 1 - x, scale softplus(0.5) = 0.974, freedom 2 + softplus(2) = 4.13.
    raw = np.column_stack([1.0 - x[:, 0], np.full(ROWS, 0.5), np.full(ROWS, 2.0)])
    loss = StudentTLikelihood()
    found, network = trained(loss, x, simulated(loss, raw), 3)
    np.testing.assert_allclose(found[0], [1.0, -1.0], atol=0.12)
    predicted = loss.distribution(network.predict(x))
    assert predicted.scale.mean() == pytest.approx(softplus(0.5), rel=0.08)
    assert predicted.freedom.mean() == pytest.approx(2.0 + softplus(2.0), rel=0.2)


def test_both_branches_of_a_mixture_come_back():
    generator = np.random.default_rng(5)
    x = inputs()
    # 30 % near 2 + x with deviation 0.3, 70 % near -1 - x with deviation 0.6.
    first = generator.random((ROWS, 1)) < 0.3
    y = np.where(first, generator.normal(2.0 + x, 0.3), generator.normal(-1.0 - x, 0.6))
    loss = MixtureLikelihood(2)
    _, network = trained(loss, x, y, 6)
    here = np.array([[-0.5], [0.5]])
    predicted = loss.distribution(network.predict(here))
    order = np.argsort(-predicted.locations, axis=-1)
    weights, locations, scales = (
        np.take_along_axis(part, order, -1)[:, 0]
        for part in (predicted.weights, predicted.locations, predicted.scales)
    )
    np.testing.assert_allclose(weights, [[0.3, 0.7]] * 2, atol=0.05)
    np.testing.assert_allclose(locations, [[1.5, -0.5], [2.5, -1.5]], atol=0.1)
    np.testing.assert_allclose(scales, [[0.3, 0.6]] * 2, atol=0.07)
    np.testing.assert_allclose(
        predicted.mean[:, 0], 0.3 * (2.0 + here[:, 0]) - 0.7 * (1 + here[:, 0]), atol=0.1
    )


@pytest.mark.parametrize("non_crossing", [False, True])
def test_quantiles_come_back(non_crossing):
    x = inputs()
    y = np.random.default_rng(2).normal(1.0 + 2.0 * x, 0.5)
    loss = Quantile((0.1, 0.5, 0.9), non_crossing)
    _, network = trained(loss, x, y, 3)
    here = np.array([[-0.5], [0.5]])
    # The 0.9-quantile of the standard normal distribution is 1.2816.
    truth = 1.0 + 2.0 * here + 0.5 * np.array([-1.2816, 0.0, 1.2816])
    np.testing.assert_allclose(loss.predict(network.predict(here)), truth, atol=0.1)


def test_a_number_and_a_class_of_one_network_with_gaps():
    x = inputs()
    generator = np.random.default_rng(4)
    number = GaussianLikelihood()
    heads = Heads((number, Ordinal()), targets=(1, 3))
    y = generator.normal(1.0 + 2.0 * x[:, 0], 0.5)
    codes = simulated(Ordinal(), np.column_stack([-1.0 + 2.0 * x[:, 0], np.full(ROWS, 0.5)]))
    target = np.column_stack([y, codes])
    # A third of each column is missing; what stands there would have pulled the means up.
    target[generator.random(ROWS) < 1 / 3, 0] = np.nan
    target[generator.random(ROWS) < 1 / 3, 1] = np.nan
    found, _ = trained(heads, x, target, heads.width)
    expected = [[1.0, 2.0], [np.log(np.expm1(0.5)), 0.0], [-1.0, 2.0], [0.5, 0.0]]
    np.testing.assert_allclose(found, expected, atol=0.3)


@pytest.mark.parametrize(
    ("loss", "raw", "family"),
    [
        (GaussianLikelihood(), [[1.0, 0.5]], Normal),
        (LaplaceLikelihood(), [[1.0, 0.5]], Laplace),
        (StudentTLikelihood(), [[1.0, 0.5, 2.0]], StudentT),
        (PoissonLikelihood(), [[1.0]], Poisson),
        (NegativeBinomialLikelihood(), [[1.0, 0.5]], NegativeBinomial),
        (MixtureLikelihood(2), [[0.5, 0.0, 1.0, 2.0, 0.1, 0.2]], NormalMixture),
        (Ordinal(), [[0.5, 1.0]], Categorical),
    ],
)
def test_each_head_predicts_its_distribution(loss, raw, family):
    predicted = loss.distribution(raw)
    assert isinstance(predicted, family)
    if family is not Categorical:
        np.testing.assert_allclose(loss.predict(raw), predicted.mean, rtol=1e-12)
