"""The regressor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from quickprop.data.standardizer import Standardizer
from quickprop.distributions import Distribution, Laplace, Normal, NormalMixture, StudentT
from quickprop.errors import SettingError
from quickprop.estimators.architecture import HiddenLayer
from quickprop.estimators.base import (
    Labels,
    MultilayerPerceptron,
    has_steps,
    plain_hidden,
    plain_kind,
)
from quickprop.estimators.callback_support import with_callbacks
from quickprop.estimators.fitted_network import FittedNetwork
from quickprop.estimators.losses import (
    NUMBER_LOSSES,
    SCALABLE,
    HalfPoissonDeviance,
    number_loss,
)
from quickprop.estimators.objective import ScaledLoss
from quickprop.estimators.parameters import estimator, parameter
from quickprop.estimators.preparation import Preparation, TableColumns, check_table
from quickprop.estimators.rows import Rows
from quickprop.estimators.scores import r2
from quickprop.estimators.sklearn_attributes import carried_to
from quickprop.estimators.validation import (
    checked_inputs,
    checked_pair,
    fits_at_once,
    is_plain_column,
)
from quickprop.losses import Likelihood, Loss, Quantile

_Factor = Callable[[int], float]
_PLAIN: tuple[_Factor, _Factor] = (lambda outputs: 1.0, lambda outputs: 1.0)
#: Factors of what is learned and of what is shown, for scikit-learn's own losses.
_FACTORS: dict[str, tuple[_Factor, _Factor]] = {
    "squared_error": (lambda outputs: 0.5 * outputs, lambda outputs: 0.5),
    "poisson": (lambda outputs: outputs, lambda outputs: outputs),
}


def _has_distributions(estimator: Any) -> bool:
    """Whether the loss is a likelihood, or the error that says that it is not."""
    if not isinstance(number_loss(estimator.loss), Likelihood):
        raise AttributeError(
            f"predict_dist needs a likelihood as loss, such as 'gaussian'; it is {estimator.loss!r}"
        )
    return True


def _levels(quantiles: Any) -> np.ndarray:
    """Levels of quantiles as a vector."""
    try:
        levels = np.atleast_1d(np.asarray(quantiles, np.float64))
    except (TypeError, ValueError):
        levels = np.empty(0)
    if levels.ndim != 1 or not len(levels) or not ((levels > 0.0) & (levels < 1.0)).all():
        raise SettingError(
            "not levels of quantiles",
            where="predict.quantiles",
            allowed="a number above 0 and below 1, or a list of them",
            given=repr(quantiles)[:80],
        )
    return levels


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
    >>> from quickprop import MLPRegressor
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = MLPRegressor(loss="quantile", scale="auto", max_iter=50, random_state=0).fit(X, y)
    >>> low, high = model.predict(X, quantiles=[0.1, 0.9]).T
    >>> bool((low < high).mean() > 0.99)
    True
    """

    loss: Any = parameter(
        "squared_error",
        [StrOptions(set(NUMBER_LOSSES)), Loss, callable],
        "{'squared_error', 'poisson'}, another name, Loss or callable",
        "What is made small: half the squared error; half the Poisson deviance, with the "
        "exponential as activation of the output, for targets of at least 0; another loss by name; "
        "a loss of quickprop, such as Quantile or GaussianLikelihood; or a function of output and "
        "target that gives the loss of each row.",
        position=0,
    )

    # -- fitting ----------------------------------------------------------------------------------

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        groups: Any = None,
    ) -> MLPRegressor:
        """Learn from rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, frame} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
            How much each row counts; not negative.
        X_val, y_val, sample_weight_val : optional
            Rows that are only looked at: the epoch with the best score on them is kept, and the fit
            ends when it gets no better for `n_iter_no_change` epochs.
        groups : array-like of shape (n_samples,), optional
            For the splitter given as `validation`.

        Returns
        -------
        self
        """
        self._fit(
            X,
            y,
            sample_weight,
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=sample_weight_val,
            groups=groups,
        )
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

    def _hidden(self) -> list[HiddenLayer]:
        return plain_hidden(self)

    def _kind(self, X: Any) -> str:
        return plain_kind(self, X)

    def _checked(self, X: Any, y: Any, reset: bool, labels: Labels) -> tuple[Any, np.ndarray]:
        if (
            not reset
            and fits_at_once(self, X)
            and is_plain_column(y, len(X), "iuf")
            and np.isfinite(y).all()
        ):
            return X, y[:, None]
        X, y = checked_pair(self, X, y, reset=reset, numeric=True)
        return X, y.reshape(len(y), -1)

    def _targets(self, y: np.ndarray) -> int:
        return y.shape[1]

    def _output_activation(self, objective: ScaledLoss) -> str:
        return "exp" if isinstance(objective.loss, HalfPoissonDeviance) else "identity"

    def _objective(self) -> ScaledLoss:
        # scikit-learn learns sums over the outputs, of which the losses are means.
        outputs = self.n_outputs_
        learned, reported = _FACTORS.get(self.loss if isinstance(self.loss, str) else "", _PLAIN)
        return ScaledLoss(number_loss(self.loss), learned(outputs), reported(outputs))

    def _target(self, y: np.ndarray, fitted: FittedNetwork) -> np.ndarray:
        if self._preparation is not None and self._preparation.target is not None:
            y = self._preparation.target.encode(y)
        loss = fitted.objective.loss
        checked = loss.check_target(y, loss.output_width(self.n_outputs_), "y")
        return np.ascontiguousarray(checked, fitted.kind)

    def _check_read(self, loss: Loss) -> None:
        number_loss(loss)
        check_table(self._preparation)

    def _prepared(self, X: Any, y: np.ndarray, weights: np.ndarray | None) -> Preparation:
        scaled = isinstance(number_loss(self.loss), SCALABLE)
        return TableColumns.of(X, Standardizer.fit(y, weights) if scaled else None)

    def _row_factors(self, y: np.ndarray, sample_weight: Any, incremental: bool) -> Any:
        return sample_weight

    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        return None

    def _score_of(self, rows: Rows, fitted: FittedNetwork) -> float:
        outputs = self._middle(fitted.outputs(rows.inputs))
        if not np.isfinite(outputs).all():
            return float("nan")
        return r2(rows.target, outputs, rows.weights)

    # -- predicting -------------------------------------------------------------------------------

    def predict(self, X: Any, quantiles: Any = None) -> np.ndarray:
        """The numbers of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, frame} of shape (n_samples, n_features)
        quantiles : float or array-like of float, optional
            Levels between 0 and 1, for a loss that has quantiles: `Quantile`, whose own levels
            alone it knows, or a likelihood.

        Returns
        -------
        array of shape (n_samples,) or (n_samples, n_outputs)
            The mean; the quantile nearest to the median with the loss `Quantile`. With a list as
            `quantiles` they are one more axis at the end.
        """
        if quantiles is not None:
            return self._quantiles(X, quantiles)
        outputs = self._middle(self._outputs_of(X))
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    @available_if(_has_distributions)
    def predict_dist(self, X: Any) -> Distribution:
        """The distribution of the target of each row, for a loss that is a likelihood.

        Parameters
        ----------
        X : {array-like, sparse matrix, frame} of shape (n_samples, n_features)

        Returns
        -------
        Distribution
            With `mean`, `std`, `quantile`, `interval`, `cdf`, `sample` and `log_likelihood`, of
            shape (n_samples, n_outputs). An ensemble with normal distributions gives their mixture
            (Lakshminarayanan, Pritzel and Blundell 2017).

        Raises
        ------
        SettingError
            For an ensemble with other distributions.
        """
        check_is_fitted(self)
        if not isinstance(self._attached().objective.loss, Likelihood):
            raise SettingError(
                "the loss was another one when the network was trained",
                where="predict_dist",
                given=repr(self.loss)[:80],
                hint="fit again",
            )
        X = checked_inputs(self, X)
        members = vars(self).get("estimators_", [self])
        made = [member._distribution(X) for member in members]
        if len(made) == 1:
            return made[0]
        if not all(isinstance(one, Normal) for one in made):
            raise SettingError(
                "an ensemble has a distribution of its own for normal ones only",
                where="predict_dist",
                given=type(made[0]).__name__,
                hint="ask each of estimators_",
            )
        locations = np.stack([one.location for one in made], axis=-1)
        scales = np.stack([one.scale for one in made], axis=-1)
        return NormalMixture(np.full_like(scales, 1.0 / len(made)), locations, scales)

    def _distribution(self, X: Any) -> Distribution:
        fitted = self._attached()
        loss = fitted.objective.loss
        assert isinstance(loss, Likelihood)
        made = loss.distribution(fitted.raw(self._inputs(X, fitted)))
        scale = None if self._preparation is None else self._preparation.target
        if scale is None:
            return made
        assert isinstance(made, Normal | Laplace | StudentT)
        return replace(made, location=scale.decode(made.location), scale=made.scale * scale.scale)

    def _middle(self, outputs: np.ndarray) -> np.ndarray:
        """One number for each target column, of quantiles the one nearest to the median."""
        loss = self._attached().objective.loss
        if not isinstance(loss, Quantile):
            return outputs
        nearest = int(np.argmin(np.abs(np.asarray(loss.levels) - 0.5)))
        return outputs.reshape(len(outputs), len(loss.levels), -1)[:, nearest]

    def _quantiles(self, X: Any, quantiles: Any) -> np.ndarray:
        levels = _levels(quantiles)
        if not hasattr(self, "coefs_"):
            check_is_fitted(self)
        loss = self._attached().objective.loss
        if isinstance(loss, Likelihood):
            made = self.predict_dist(X)
            found = np.stack([made.quantile(float(q)) for q in levels], axis=-1)
        else:
            known = loss.levels if isinstance(loss, Quantile) else ()
            missing = [float(q) for q in levels if not np.isclose(q, known).any()]
            if missing:
                raise SettingError(
                    "the loss has no such quantile",
                    where="predict.quantiles",
                    allowed=", ".join(map(str, known)) or "none",
                    given=", ".join(map(str, missing)),
                    hint="use loss=Quantile(levels=...) with these levels, or loss='gaussian'",
                )
            outputs = self._outputs_of(X)
            places = [int(np.argmin(np.abs(np.asarray(known) - q))) for q in levels]
            blocks = outputs.reshape(len(outputs), len(known), -1)
            found = np.moveaxis(blocks[:, places], 1, -1)
        if np.ndim(quantiles) == 0:
            found = found[..., 0]
        return found[:, 0] if self.n_outputs_ == 1 else found

    def to_sklearn(self) -> Any:
        """scikit-learn's estimator with the network that was trained here.

        Returns
        -------
        sklearn.neural_network.MLPRegressor
            With the same parameters, attributes and predictions.

        Raises
        ------
        SettingError
            When the network does something that scikit-learn's cannot.
        """
        return carried_to(self, "MLPRegressor", ("squared_error", "poisson"))
