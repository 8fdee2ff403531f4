"""The regressor."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from quickprop.estimators.base import MultilayerPerceptron, has_steps
from quickprop.estimators.engine import Rows
from quickprop.estimators.losses import HalfPoissonDeviance
from quickprop.estimators.objective import Objective
from quickprop.estimators.parameters import estimator, parameter
from quickprop.estimators.scores import r2
from quickprop.estimators.validation import FLOATS, FORMATS, fits_at_once, is_plain_column
from quickprop.nn import MeanSquaredError


@estimator
class MLPRegressor(RegressorMixin, MultilayerPerceptron):
    """A multi-layer perceptron that predicts numbers, in place of scikit-learn's.

    It learns the squared error or the Poisson deviance. With the same `random_state` it starts from
    the same weights and sees the rows in the same order as scikit-learn's, and so learns the same
    up to rounding.

    %(parameters)s

    Attributes
    ----------
    loss_ : float
        Of the last epoch.
    best_loss_ : float or None
        The lowest of all epochs; None with early stopping.
    loss_curve_ : list of float
        Of each epoch.
    validation_scores_, best_validation_score_ : list of float, float, or None
        R2 of the part put aside by early stopping.
    t_ : int
        Rows seen by the solver.
    coefs_, intercepts_ : list of array
        Weights and biases of each layer. Writing into them changes the predictions.
    n_features_in_, n_iter_, n_layers_, n_outputs_ : int
    feature_names_in_ : array of str
        When the rows had names.
    out_activation_ : str
    network_ : Network
        The network itself.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> X, y = make_regression(n_samples=200, n_features=4, random_state=0)
    >>> model = MLPRegressor(random_state=0, solver="lbfgs", max_iter=2000).fit(X, y)
    >>> model.score(X, y) > 0.99
    True
    """

    loss: Literal["squared_error", "poisson"] = parameter(
        "squared_error",
        [StrOptions({"squared_error", "poisson"})],
        "{'squared_error', 'poisson'}",
        "Half the squared error, or half the Poisson deviance with the exponential as activation "
        "of the output, for targets of at least 0.",
        position=0,
    )

    # -- fitting ----------------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Learn from rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
            How much each row counts; not negative.

        Returns
        -------
        self
        """
        self._fit(X, y, sample_weight, incremental=False)
        return self

    @available_if(has_steps)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Go once over the rows, from where the last call left.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self
        """
        self._fit(X, y, sample_weight, incremental=True)
        return self

    def _checked(self, X: Any, y: Any, reset: bool, incremental: bool) -> tuple[Any, np.ndarray]:
        if (
            not reset
            and fits_at_once(self, X)
            and is_plain_column(y, len(X), "iuf")
            and np.isfinite(y).all()
        ):
            return X, y[:, None]
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=FORMATS,
            multi_output=True,
            y_numeric=True,
            dtype=FLOATS,
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y.reshape(len(y), -1)

    def _width(self, y: np.ndarray) -> int:
        return y.shape[1]

    def _output_activation(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _objective(self) -> Objective:
        if self.loss == "poisson":
            return Objective(HalfPoissonDeviance(), self.n_outputs_, self.n_outputs_)
        # Of the sum over the outputs, of which the loss is the mean.
        return Objective(MeanSquaredError(), 0.5 * self.n_outputs_, 0.5)

    def _target(self, y: np.ndarray, kind: str) -> np.ndarray:
        return np.ascontiguousarray(y, kind)

    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        return None

    def _score_of(self, rows: Rows) -> float:
        outputs = self._linked(self._attached().outputs(rows.inputs))
        if not np.isfinite(outputs).all():
            return float("nan")
        return r2(rows.target, outputs, rows.weights)

    # -- predicting -------------------------------------------------------------------------------

    def _linked(self, outputs: np.ndarray) -> np.ndarray:
        return np.exp(outputs) if self.out_activation_ == "exp" else outputs

    def predict(self, X: Any) -> np.ndarray:
        """The numbers of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,) or (n_samples, n_outputs)
        """
        outputs = self._linked(self._outputs_of(X))
        return outputs.ravel() if outputs.shape[1] == 1 else outputs
