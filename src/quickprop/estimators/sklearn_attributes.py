"""What a trained network needs to be carried to scikit-learn's classes and from them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from quickprop.errors import SettingError

#: What was learned, as both name it; what an estimator has not is left out.
_LEARNED = (
    "n_features_in_", "feature_names_in_", "classes_", "_label_binarizer", "n_iter_", "t_",
    "n_layers_", "n_outputs_", "out_activation_", "loss_", "best_loss_", "loss_curve_",
    "validation_scores_", "best_validation_score_", "_no_improvement_count",
)  # fmt: skip
#: Activations that scikit-learn has.
_ACTIVATIONS = ("identity", "logistic", "tanh", "relu")


def copy_learned(source: Any, target: Any) -> None:
    """Give one estimator what another has learned; they share no weights."""
    for name in _LEARNED:
        if hasattr(source, name):
            setattr(target, name, getattr(source, name))
    target.coefs_ = [np.array(array) for array in source.coefs_]
    target.intercepts_ = [np.array(array) for array in source.intercepts_]
    target._random_state = getattr(source, "_random_state", None)


def carried_to(fitted: Any, name: str, losses: Sequence[str]) -> Any:
    """An estimator of scikit-learn with the network of ours.

    Parameters
    ----------
    fitted : MLPClassifier or MLPRegressor
    name : str
        Of scikit-learn's class, whose module takes its time to load and is loaded here.
    losses : sequence of str
        That it has.

    Raises
    ------
    SettingError
        When the network does something that scikit-learn's cannot.
    """
    check_is_fitted(fitted)
    theirs: type[Any] = getattr(importlib.import_module("sklearn.neural_network"), name)
    activation, loss = fitted.activation, fitted.loss
    for setting, value, known in (
        ("activation", activation, isinstance(activation, str) and activation in _ACTIVATIONS),
        ("loss", loss, isinstance(loss, str) and loss in losses),
        ("normalization", fitted.normalization, fitted.normalization is None),
        ("scale", fitted.scale, fitted._preparation is None),
        ("n_ensemble", fitted.n_ensemble, not hasattr(fitted, "estimators_")),
    ):
        if not known:
            raise SettingError(
                f"{theirs.__name__} of scikit-learn has no such network",
                where=setting,
                given=repr(value)[:80],
            )
    made = theirs(**{name: getattr(fitted, name) for name in theirs().get_params()})
    copy_learned(fitted, made)
    return made
