"""Every check that scikit-learn has for estimators."""

from __future__ import annotations

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from quickprop.estimators import AutoencoderTransformer, MLPClassifier, MLPRegressor

ESTIMATORS = [
    MLPClassifier(max_iter=100),
    MLPRegressor(max_iter=100),
    AutoencoderTransformer(2, 5, max_iter=100),
    MLPClassifier(max_iter=100, scale="auto"),
    MLPRegressor(max_iter=100, scale="auto"),
]
#: What cannot hold with scale="auto", and why.
WITH_SCALING = {
    "check_sample_weight_equivalence_on_dense_data": "scales are learned from rows without weights",
    "check_dtype_object": "cells that are not numbers are encoded, not refused",
    "check_fit2d_1sample": "the message is that no column differs from row to row",
}


def cannot_hold(estimator) -> dict[str, str]:
    return WITH_SCALING if estimator.scale == "auto" else {}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=cannot_hold)
def test_estimator_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(estimator)
