"""Features from data without labels: the narrow layer of a network that repeats its input."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted

from quickprop.data.standardizer import Standardizer
from quickprop.errors import SettingError, ShapeError
from quickprop.estimators.architecture import HiddenLayer, hidden_layers
from quickprop.estimators.base import Labels, MultilayerPerceptron, has_steps
from quickprop.estimators.callback_support import with_callbacks
from quickprop.estimators.fitted_network import FittedNetwork
from quickprop.estimators.objective import ScaledLoss
from quickprop.estimators.parameters import estimator, parameter
from quickprop.estimators.preparation import Preparation, StandardColumns
from quickprop.estimators.rows import Rows
from quickprop.estimators.scores import r2
from quickprop.estimators.setting_checks import checked_widths
from quickprop.estimators.settings import COUNT
from quickprop.estimators.validation import FLOATS, FORMATS, dense, validated
from quickprop.losses import Loss, MeanSquaredError
from quickprop.models.encoder_decoder import EncoderDecoder, mirrored, repetition_errors
from quickprop.nn.activations import ACTIVATIONS


@estimator
class AutoencoderTransformer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, MultilayerPerceptron
):
    """A network that learns to repeat its input through a narrow layer.

    `transform` gives the numbers of the narrow layer as features, `inverse_transform` what the rest
    of the network makes of them, and `score_samples` how well a row is repeated: rows unlike those
    of the fit are repeated badly (Rumelhart, Hinton and Williams 1986; Hinton and Salakhutdinov
    2006).

    %(parameters)s

    Attributes
    ----------
    loss_, loss_curve_, best_loss_, n_iter_, t_, coefs_, intercepts_, n_features_in_
        As those of `MLPRegressor`, with the rows themselves as target.
    network_ : Network
        The network itself.

    Examples
    --------
    >>> from quickprop import AutoencoderTransformer
    >>> from sklearn.datasets import load_digits
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = AutoencoderTransformer(8, random_state=0, max_iter=20, tol=0).fit(X)
    >>> model.transform(X).shape
    (1797, 8)
    """

    n_components: int = parameter(
        8, [COUNT], "int", "Neurons of the narrow layer, the features.", position=0
    )
    hidden_layer_sizes: Any = parameter(
        (64,),
        ["array-like", COUNT],
        "array-like of int or int",
        "Neurons of each layer in front of the narrow one; those behind it mirror them. An empty "
        "list gives the span of the first principal components.",
        position=1,
    )
    code_activation: str = parameter(
        "identity",
        [StrOptions({"logistic", *ACTIVATIONS})],
        "str",
        "Activation function of the narrow layer.",
    )
    early_stopping: bool = parameter(
        False,
        ["boolean"],
        "bool",
        "Whether part of the rows is put aside, scored by R2 after every epoch, and the epoch with "
        "the best score kept.",
    )
    learning_rate_init: float = parameter(
        0.003,
        [Interval(Real, 0, None, closed="neither")],
        "float",
        "The rate at the start, of 'sgd' and 'adam'.",
    )
    scale: Any = parameter(
        True,
        ["boolean"],
        "bool",
        "Whether every column is brought to mean 0 and deviation 1 in front of the network.",
    )

    # -- fitting ----------------------------------------------------------------------------------

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> AutoencoderTransformer:
        """Learn from rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional
            How much each row counts; not negative.

        Returns
        -------
        self
        """
        if self.n_ensemble > 1:
            raise SettingError(
                "the narrow layers of several networks have no mean",
                where="n_ensemble",
                allowed=1,
                given=self.n_ensemble,
            )
        self._fit(X, None, sample_weight)
        return self

    @available_if(has_steps)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any = None, sample_weight: Any = None
    ) -> AutoencoderTransformer:
        """Go once over the rows, from where the last call left; the first call learns the scales.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self
        """
        self._fit(X, None, sample_weight, incremental=True)
        return self

    def _hidden(self) -> list[HiddenLayer]:
        sizes = checked_widths(self.hidden_layer_sizes)
        front = hidden_layers(sizes, self.activation, self.dropout)
        code = hidden_layers([self.n_components], self.code_activation, 0.0)
        return mirrored(front, code)

    def _checked(self, X: Any, y: Any, reset: bool, labels: Labels) -> tuple[Any, np.ndarray]:
        X = validated(self, X, accept_sparse=FORMATS, dtype=FLOATS, reset=reset)
        X = dense(X, X.dtype.name)
        return X, X

    def _targets(self, y: np.ndarray) -> int:
        return y.shape[1]

    def _output_activation(self, objective: ScaledLoss) -> str:
        return "identity"

    def _objective(self) -> ScaledLoss:
        return ScaledLoss(MeanSquaredError(), 0.5 * self.n_outputs_, 0.5)

    def _target(self, y: np.ndarray, fitted: FittedNetwork) -> np.ndarray:
        return self._inputs(y, fitted)[0]

    def _check_read(self, loss: Loss) -> None:
        scale = self._preparation
        if (
            not isinstance(loss, MeanSquaredError)
            or self.n_outputs_ != self.n_features_in_
            or self.n_layers_ % 2 == 0
            or not (scale is None or (isinstance(scale, StandardColumns) and scale.target))
        ):
            raise SettingError("not what an autoencoder has learned", where="learned")

    def _prepared(self, X: Any, y: np.ndarray, weights: np.ndarray | None) -> Preparation:
        scale = Standardizer.fit(X, weights)
        return StandardColumns(scale, scale)

    def _kind(self, X: np.ndarray) -> str:
        return self.dtype or X.dtype.name

    def _row_factors(self, y: np.ndarray, sample_weight: Any, incremental: bool) -> Any:
        return sample_weight

    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        return None

    def _score_of(self, rows: Rows, fitted: FittedNetwork) -> float:
        outputs = fitted.outputs(rows.inputs)
        return r2(rows.target, outputs, rows.weights) if np.isfinite(outputs).all() else np.nan

    # -- using it ---------------------------------------------------------------------------------

    def transform(self, X: Any) -> np.ndarray:
        """The numbers of the narrow layer.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_components)
        """
        inputs, kind = self._given(X)
        fitted = self._attached()
        codes = EncoderDecoder(fitted.network, fitted.parts).encode(*inputs)
        return codes.astype(np.result_type(kind, fitted.kind), copy=False)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Rows from numbers of the narrow layer.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)

        Returns
        -------
        array of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        codes = check_array(X, dtype=FLOATS, input_name="X")
        if codes.shape[1] != self.n_components_:
            raise ShapeError(
                "not as many numbers as the narrow layer has",
                where="inverse_transform.X",
                allowed=self.n_components_,
                given=codes.shape[1],
            )
        fitted = self._attached()
        rows = EncoderDecoder(fitted.network, fitted.parts).decode(dense(codes, fitted.kind))
        return self._in_own_unit(rows)

    def score_samples(self, X: Any) -> np.ndarray:
        """Minus the mean squared error of each row's repetition, in units of the network's input.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,)
            Near 0 for rows like those of the fit, far below for others.
        """
        inputs, _ = self._given(X)
        return -repetition_errors(inputs[0], self._attached().outputs(inputs))

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of `score_samples`."""
        return float(np.mean(self.score_samples(X)))

    @property
    def n_components_(self) -> int:
        """Neurons of the narrow layer that was trained."""
        return self.coefs_[len(self.coefs_) // 2 - 1].shape[1]

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def _given(self, X: Any) -> tuple[tuple[np.ndarray, ...], np.dtype]:
        """The inputs of the network for rows as users give them, and the type of these."""
        check_is_fitted(self)
        X = validated(self, X, accept_sparse=FORMATS, dtype=FLOATS, reset=False)
        return self._inputs(dense(X, X.dtype.name), self._attached()), X.dtype

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = False
        tags.target_tags.required = False
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
