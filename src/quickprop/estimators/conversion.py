"""Trained networks from scikit-learn's classes."""

from __future__ import annotations

from typing import Any

from sklearn import neural_network
from sklearn.utils.validation import check_is_fitted

from quickprop.errors import SettingError
from quickprop.estimators.base import MultilayerPerceptron
from quickprop.estimators.classifier import MLPClassifier
from quickprop.estimators.regressor import MLPRegressor
from quickprop.estimators.sklearn_attributes import copy_learned

_PAIRS: tuple[tuple[type[Any], type[MultilayerPerceptron]], ...] = (
    (neural_network.MLPClassifier, MLPClassifier),
    (neural_network.MLPRegressor, MLPRegressor),
)


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

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> from quickprop import from_sklearn
    >>> X, y = load_iris(return_X_y=True)
    >>> theirs = MLPClassifier((8,), solver="lbfgs", random_state=0).fit(X, y)
    >>> bool((from_sklearn(theirs).predict(X) == theirs.predict(X)).all())
    True
    """
    for theirs, ours in _PAIRS:
        if isinstance(fitted, theirs):
            check_is_fitted(fitted)
            # A subclass may have parameters of its own.
            known = theirs().get_params()
            made = ours(**{name: getattr(fitted, name) for name in known})
            copy_learned(fitted, made)
            made._preparation = None
            made._attached()
            return made
    raise SettingError(
        "not a multi-layer perceptron of scikit-learn",
        where="from_sklearn",
        allowed="MLPClassifier, MLPRegressor of sklearn.neural_network",
        given=type(fitted).__name__,
    )
