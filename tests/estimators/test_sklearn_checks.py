"""Every check that scikit-learn has for estimators."""

from __future__ import annotations

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from quickprop.estimators import AutoencoderTransformer, MLPClassifier, MLPRegressor


@parametrize_with_checks(
    [MLPClassifier(max_iter=100), MLPRegressor(max_iter=100), AutoencoderTransformer(2, 5, max_iter=100)]
)
def test_estimator_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(estimator)
