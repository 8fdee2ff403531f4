"""The classifier."""

from __future__ import annotations

import copy
import functools
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    type_of_target,
    unique_labels,
)

from quickprop.errors import DataError, SettingError
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
from quickprop.estimators.losses import CLASS_LOSSES, class_loss
from quickprop.estimators.objective import ScaledLoss
from quickprop.estimators.parameters import estimator, parameter
from quickprop.estimators.preparation import Preparation, TableColumns, check_table
from quickprop.estimators.rows import Rows
from quickprop.estimators.scores import accuracy
from quickprop.estimators.sklearn_attributes import carried_to
from quickprop.estimators.validation import checked_pair, fits_at_once, is_plain_column
from quickprop.foundation.lazy_module import LazyModule
from quickprop.losses import Loss

preprocessing = LazyModule("sklearn.preprocessing", "MLPClassifier")


@estimator
class MLPClassifier(ClassifierMixin, MultilayerPerceptron):
    """A multi-layer perceptron that tells classes apart, in place of scikit-learn's.

    It learns the logarithmic loss. With the same `random_state` it starts from the same weights and
    sees the rows in the same order as scikit-learn's, and so learns the same up to rounding.

    %(parameters)s

    Attributes
    ----------
    classes_ : array or list of array
        The labels.
    loss_ : float
        Of the last epoch.
    best_loss_ : float or None
        The lowest of all epochs; None with early stopping.
    loss_curve_ : list of float
        Of each epoch.
    validation_scores_, best_validation_score_ : list of float, float, or None
        Accuracies of the part put aside by early stopping.
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
    >>> from quickprop import MLPClassifier
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier(random_state=0, solver="lbfgs").fit(X, y)
    >>> model.score(X, y) > 0.95
    True
    """

    loss: Any = parameter(
        "log_loss",
        [StrOptions(set(CLASS_LOSSES)), Loss, callable],
        "str, Loss or callable",
        "What is made small: the logarithmic loss, another by name, a loss of quickprop that gives "
        "probabilities, or a function of the raw outputs and of a column of 0 and 1 for each "
        "class.",
    )
    class_weight: Any = parameter(
        None,
        [StrOptions({"balanced"}), dict, list, None],
        "dict, 'balanced' or None",
        "How much the rows of each class count; 'balanced' lets all classes count alike.",
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
    ) -> MLPClassifier:
        """Learn from rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, frame} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels, or a column of 0 and 1 for each label.
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
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> MLPClassifier:
        """Go once over the rows, from where the last call left.

        Parameters
        ----------
        X : {array-like, sparse matrix, frame} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
        classes : array-like, optional
            All labels there will ever be; needed in the first call.

        Returns
        -------
        self
        """
        if _check_partial_fit_first_call(self, classes):
            multilabel = type_of_target(y).startswith("multilabel")
            self._label_binarizer = preprocessing.LabelBinarizer().fit(y if multilabel else classes)
        self._fit(X, y, sample_weight, incremental=True)
        return self

    def _hidden(self) -> list[HiddenLayer]:
        return plain_hidden(self)

    def _kind(self, X: Any) -> str:
        return plain_kind(self, X)

    def _checked(self, X: Any, y: Any, reset: bool, labels: Labels) -> tuple[Any, np.ndarray]:
        if labels == "known" and not reset and self._is_known(X, y):
            return X, self._coded(y)
        X, y = checked_pair(self, X, y, reset=reset, numeric=False)
        if labels == "new" or not hasattr(self, "classes_"):
            self._label_binarizer = _binarizer_of(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_labels(unique_labels(y), same=labels == "same")
            several = self._label_binarizer.y_type_.startswith("multilabel")
            if several != (y.ndim == 2):
                raise DataError(
                    "another kind of labels than those of the first fit",
                    where="y",
                    allowed="a column of 0 and 1 for each label" if several else "one column",
                    given=f"an array of {y.ndim} dimensions",
                )
        return X, self._coded(y)

    def _is_known(self, X: Any, y: Any) -> bool:
        """Whether rows and labels are plain arrays with nothing new about them.

        scikit-learn's checks take longer than a step on the few rows of a `partial_fit`.
        """
        return (
            self._label_binarizer.y_type_ in ("binary", "multiclass")
            and fits_at_once(self, X)
            and is_plain_column(y, len(X), self.classes_.dtype.kind)
            and y.dtype.kind in "biuU"
            and bool(np.isin(y, self.classes_).all())
        )

    def _coded(self, y: np.ndarray) -> np.ndarray:
        """Numbers of classes when there are more than two, else columns of True and False."""
        kind = self._label_binarizer.y_type_
        if kind == "multiclass":
            return np.searchsorted(self.classes_, y).astype(np.int32)
        if kind == "binary":
            positive = self.classes_[1:]
            return (y == positive if len(positive) else np.zeros(len(y), bool))[:, None]
        return self._label_binarizer.transform(y).astype(bool)

    def _targets(self, y: np.ndarray) -> int:
        return len(self.classes_) if y.ndim == 1 else y.shape[1]

    def _check_labels(self, labels: np.ndarray, same: bool) -> None:
        """Labels of a later fit must be the same as, or some of, those of the first."""
        if same:
            if set(labels) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous "
                    f"call to fit. Previously got {self.classes_}, `y` has {labels}"
                )
        elif len(np.setdiff1d(labels, self.classes_, assume_unique=True)):
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes_}. 'y' has {labels}."
            )

    @property
    def _exclusive(self) -> bool:
        """Whether a row has one of more than two classes."""
        return self._label_binarizer.y_type_ == "multiclass"

    def _output_activation(self, objective: ScaledLoss) -> str:
        return "softmax" if objective.loss.output_activation == "softmax" else "logistic"

    def _objective(self) -> ScaledLoss:
        loss = class_loss(self.loss, self._exclusive)
        # scikit-learn's is the sum over the labels, of which the loss is the mean.
        factor = 1 if self._exclusive or self.loss != "log_loss" else self.n_outputs_
        return ScaledLoss(loss, factor, factor)

    def _target(self, y: np.ndarray, fitted: FittedNetwork) -> np.ndarray:
        loss = fitted.objective.loss
        if y.ndim == 2:
            return y.astype(fitted.kind)
        if loss.target_placeholder(self.n_outputs_, fitted.network.dtype).rank == 1:
            return y
        return np.equal(y[:, None], np.arange(self.n_outputs_)).astype(fitted.kind)

    def _check_read(self, loss: Loss) -> None:
        class_loss(loss, self._exclusive)
        check_table(self._preparation)

    def _prepared(self, X: Any, y: np.ndarray, weights: np.ndarray | None) -> Preparation:
        return TableColumns.of(X)

    def _row_factors(self, y: np.ndarray, sample_weight: Any, incremental: bool) -> Any:
        if self.class_weight is None:
            return sample_weight
        if incremental and self.class_weight == "balanced":
            raise SettingError(
                "the classes of all rows are not known yet",
                where="class_weight",
                given="'balanced' with partial_fit",
                hint="give a dict of classes and weights",
            )
        if y.ndim == 1:
            labels = self.classes_[y]
        else:
            labels = self.classes_[y[:, 0].astype(int)] if y.shape[1] == 1 else y.astype(int)
        factors = compute_sample_weight(self.class_weight, labels)
        # A batch of partial_fit may hold rows alone that do not count.
        some = incremental or factors.any()
        if not (some and np.isfinite(factors).all() and (factors >= 0.0).all()):
            raise SettingError(
                "weights that no class can have",
                where="class_weight",
                allowed="numbers of at least 0, not all of them 0",
                given=repr(self.class_weight)[:80],
            )
        return factors if sample_weight is None else factors * sample_weight

    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        # As scikit-learn: two classes only.
        return y if self._targets(y) == 1 else None

    def _score_of(self, rows: Rows, fitted: FittedNetwork) -> float:
        outputs = fitted.outputs(rows.inputs)
        if self._exclusive:
            target = rows.target if rows.target.ndim == 1 else rows.target.argmax(axis=1)
            return accuracy(outputs.argmax(axis=1) == target, rows.weights)
        return accuracy(((outputs > 0.5) == rows.target).all(axis=1), rows.weights)

    # -- predicting -------------------------------------------------------------------------------

    def predict(self, X: Any) -> np.ndarray:
        """The most probable label of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,) or (n_samples, n_outputs)
        """
        outputs = self._outputs_of(X)
        if self._exclusive:
            return self.classes_.take(outputs.argmax(axis=1))
        if self.n_outputs_ > 1:
            return self._label_binarizer.inverse_transform(outputs)
        # With a single class there is none to say yes to.
        return self.classes_.take(outputs[:, 0] > 0.5, mode="clip")

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each label.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        outputs = self._outputs_of(X)
        if self._exclusive and self.out_activation_ == "logistic":
            # Each class was told from all others.
            return outputs / outputs.sum(axis=1, keepdims=True)
        if self.n_outputs_ > 1:
            return outputs
        if len(self.classes_) == 1:
            return np.ones((len(outputs), 1), outputs.dtype)
        both = np.empty((len(outputs), 2), outputs.dtype)
        both[:, 1] = outputs[:, 0]
        np.subtract(1.0, outputs[:, 0], out=both[:, 0])
        return both

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithm of `predict_proba`."""
        probabilities = self.predict_proba(X)
        return np.log(probabilities, out=probabilities)

    def to_sklearn(self) -> Any:
        """scikit-learn's estimator with the network that was trained here.

        Returns
        -------
        sklearn.neural_network.MLPClassifier
            With the same parameters, attributes and predictions.

        Raises
        ------
        SettingError
            When the network does something that scikit-learn's cannot.
        """
        return carried_to(self, "MLPClassifier", ("log_loss",))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _binarizer_of(y: np.ndarray) -> Any:
    """What `LabelBinarizer().fit(y)` gives.

    Of a column of whole numbers scikit-learn wants to know more than their classes say, and takes
    as long as many a fit of few epochs.
    """
    if y.ndim == 1 and y.dtype.kind in "biu" and y.dtype.isnative:
        classes = np.unique(y)
        binarizer = copy.copy(_binarizer_of_few(min(len(classes), 3)))
        binarizer.classes_ = classes
        return binarizer
    return preprocessing.LabelBinarizer().fit(_without_repeats(y))


def _without_repeats(y: np.ndarray) -> np.ndarray:
    """Labels that are text once each: scikit-learn would sort all of them, twice."""
    if y.ndim != 1 or y.dtype.kind not in "OU":
        return y
    try:
        distinct = set(y.tolist())
    except TypeError:
        return y
    return np.array([*distinct], y.dtype) if all(isinstance(x, str) for x in distinct) else y


@functools.cache
def _binarizer_of_few(classes: int) -> Any:
    return preprocessing.LabelBinarizer().fit(np.arange(classes))
