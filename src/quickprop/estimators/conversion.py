"""Trained networks from scikit-learn's classes and to them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.utils.validation import check_is_fitted

from quickprop.errors import SettingError
from quickprop.estimators.base import MultilayerPerceptron
from quickprop.estimators.classifier import MLPClassifier
from quickprop.estimators.regressor import MLPRegressor

_PAIRS: tuple[tuple[type[Any], type[MultilayerPerceptron]], ...] = (
    (neural_network.MLPClassifier, MLPClassifier),
    (neural_network.MLPRegressor, MLPRegressor),
)
#: What was learned, as both name it; those that an estimator has not are left out.
_LEARNED = (
    "n_features_in_", "feature_names_in_", "classes_", "_label_binarizer", "n_iter_", "t_",
    "n_layers_", "n_outputs_", "out_activation_", "loss_", "best_loss_", "loss_curve_",
    "validation_scores_", "best_validation_score_", "_no_improvement_count",
)  # fmt: skip


def from_sklearn(fitted: Any) -> Any:
    """The estimator with the network that scikit-learn has trained.

    Parameters
    ----------
    fitted : sklearn.neural_network.MLPClassifier or MLPRegressor
        After `fit`.

    Returns
    -------
    MLPClassifier or MLPRegressor
        With the same parameters, attributes and predictions. `partial_fit` goes on from its
        weights, with an optimizer that begins anew.

    Raises
    ------
    SettingError
        When it is something else.
    NotFittedError
        Before `fit`.
    """
    for theirs, ours in _PAIRS:
        if isinstance(fitted, theirs):
            check_is_fitted(fitted)
            made = ours(**fitted.get_params())
            _copy_learned(fitted, made)
            made._preparation = None
            made._attached()
            return made
    raise SettingError(
        "not a multi-layer perceptron of scikit-learn",
        where="from_sklearn",
        allowed="MLPClassifier, MLPRegressor of sklearn.neural_network",
        given=type(fitted).__name__,
    )


def to_sklearn(fitted: MultilayerPerceptron) -> Any:
    """The estimator of scikit-learn with the network that was trained here.

    Parameters
    ----------
    fitted : MLPClassifier or MLPRegressor
        After `fit`.

    Returns
    -------
    sklearn.neural_network.MLPClassifier or MLPRegressor
        With the same predictions.

    Raises
    ------
    SettingError
        When the network has something that scikit-learn's have not.
    """
    for theirs, ours in _PAIRS:
        if isinstance(fitted, ours):
            check_is_fitted(fitted)
            _refuse_more(fitted, theirs)
            names = theirs().get_params()
            made = theirs(**{name: getattr(fitted, name) for name in names})
            _copy_learned(fitted, made)
            return made
    raise SettingError(
        "not a fitted MLPClassifier or MLPRegressor",
        where="to_sklearn",
        given=type(fitted).__name__,
    )


def _copy_learned(source: Any, target: Any) -> None:
    for name in _LEARNED:
        if hasattr(source, name):
            setattr(target, name, getattr(source, name))
    target.coefs_ = [np.array(array) for array in source.coefs_]
    target.intercepts_ = [np.array(array) for array in source.intercepts_]
    target._random_state = getattr(source, "_random_state", None)


def _refuse_more(fitted: MultilayerPerceptron, theirs: type[Any]) -> None:
    """Raise when a network does something that scikit-learn's cannot."""
    plain = ("identity", "logistic", "tanh", "relu")
    losses = ("log_loss",) if isinstance(fitted, MLPClassifier) else ("squared_error", "poisson")
    loss = fitted.loss  # type: ignore[attr-defined]
    activation = fitted.activation
    for name, value, known in (
        ("activation", activation, isinstance(activation, str) and activation in plain),
        ("loss", loss, isinstance(loss, str) and loss in losses),
        ("normalization", fitted.normalization, fitted.normalization is None),
        ("scale", fitted.scale, fitted._preparation is None),
        ("n_ensemble", fitted.n_ensemble, not hasattr(fitted, "estimators_")),
    ):
        if not known:
            raise SettingError(
                f"{theirs.__name__} of scikit-learn has no such network",
                where=name,
                given=repr(value)[:80],
            )
