"""Features and scores from data without labels."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from quickprop.errors import ShapeError
from quickprop.estimators import AutoencoderTransformer


@pytest.fixture(scope="module")
def curve():
    """Rows of six columns that depend on two numbers."""
    inner = np.random.default_rng(0).normal(size=(300, 2))
    made = np.c_[inner, np.sin(inner), inner[:, :1] * inner[:, 1:], inner[:, :1] ** 2]
    return made * [1.0, 2.0, 5.0, 1.0, 0.1, 3.0] + 7.0


def model(**settings):
    known = {"hidden_layer_sizes": 24, "max_iter": 300, "random_state": 0, "tol": 0.0}
    return AutoencoderTransformer(2, **known | {"activation": "tanh"} | settings)


def fitted(X, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model(**settings).fit(X)


def test_it_repeats_through_the_narrow_layer(curve):
    net = fitted(curve)
    codes = net.transform(curve)
    assert codes.shape == (300, 2)
    rows = net.inverse_transform(codes)
    # What comes out of both halves is what the whole network says; better than two components.
    whole = net._in_own_unit(net._attached().outputs(net._given(curve)[0]))
    np.testing.assert_allclose(rows, whole, 1e-9, 1e-9)
    scaled = (curve - curve.mean(axis=0)) / curve.std(axis=0)
    pca = PCA(2).fit(scaled)
    left = np.mean((pca.inverse_transform(pca.transform(scaled)) - scaled) ** 2)
    assert -net.score(curve) < 0.5 * left
    error = np.mean(((rows - curve) / curve.std(axis=0)) ** 2, axis=1)
    np.testing.assert_allclose(net.score_samples(curve), -error, 1e-6, 1e-9)


def test_odd_rows_score_low(curve):
    net = fitted(curve)
    odd = curve[:20].copy()
    odd[:, 3] += 12.0
    assert net.score_samples(odd).max() < np.quantile(net.score_samples(curve), 0.05)


def test_features_in_a_pipeline(curve):
    y = curve[:, 4] > 7.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        made = make_pipeline(model(), LogisticRegression()).set_output(transform="pandas")
        made.fit(curve, y)
    assert list(made[0].get_feature_names_out()) == [
        "autoencodertransformer0",
        "autoencodertransformer1",
    ]


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_layer_sizes": []},
        {"hidden_layer_sizes": (10, 6), "code_activation": "tanh", "normalization": "batch"},
        {"scale": False},
        {"early_stopping": True},
        {"solver": "lbfgs", "max_iter": 30},
        {"dtype": "float32"},
    ],
    ids=str,
)
def test_settings(curve, settings):
    net = fitted(curve, **{"max_iter": 20} | settings)
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again.transform(curve), net.transform(curve))
    np.testing.assert_array_equal(again.score_samples(curve), net.score_samples(curve))
    with pytest.raises(ShapeError, match=r"not as many numbers .*allowed: 2; given: 3"):
        net.inverse_transform(np.zeros((1, 3)))


def test_partial_fit_goes_on(curve):
    net = model(batch_size=50)
    scores = []
    for _ in range(30):
        scores.append(net.partial_fit(curve).score(curve))
    assert scores[-1] > scores[0]
