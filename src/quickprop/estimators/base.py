"""What classifier and regressor have in common: fit, partial_fit, the way to the outputs."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from quickprop import train
from quickprop.errors import DataError, SettingError
from quickprop.estimators.architecture import (
    HiddenLayer,
    draw_weights,
    hidden_layers,
    network_of,
)
from quickprop.estimators.callback_support import CallbackSupport
from quickprop.estimators.callbacks import (
    Attributes,
    ContextCallback,
    callbacks_of,
    membership_of,
    on_terminal,
    say,
)
from quickprop.estimators.ensemble import fit_members
from quickprop.estimators.epochs import (
    batch_rows,
    full_batch_trouble,
    run_epochs,
    update_rule,
    warn_of_end,
)
from quickprop.estimators.estimator_file import EstimatorFile
from quickprop.estimators.fitted_network import FittedNetwork
from quickprop.estimators.gradient_engine import GradientEngine
from quickprop.estimators.holdout import share_split, splitter_split
from quickprop.estimators.html_repr import EstimatorHtml
from quickprop.estimators.objective import ScaledLoss
from quickprop.estimators.optimizer_names import schedule_of
from quickprop.estimators.preparation import Preparation
from quickprop.estimators.rate import LearningRate
from quickprop.estimators.rows import Rows
from quickprop.estimators.scipy_lbfgs import ScipyLBFGS
from quickprop.estimators.setting_checks import check_together, checked_widths
from quickprop.estimators.settings import PerceptronSettings
from quickprop.estimators.sklearn_rule import NOT_FINITE, Learned, RuleSettings, SklearnRule
from quickprop.estimators.step_engine import StepEngine
from quickprop.estimators.validation import checked_inputs, height, network_rows
from quickprop.foundation.deadline import Deadline
from quickprop.foundation.interrupts import held_interrupts
from quickprop.foundation.user_warnings import warn_user
from quickprop.native import compiling_within
from quickprop.train import Callback, StopReason
from quickprop.train.full_batch import FullBatchLoop
from quickprop.train.loss_rule import Limits

Labels = Literal["new", "same", "known"]

_STOCHASTIC = ("sgd", "adam")


def has_steps(estimator: Any) -> bool:
    """Whether the solver learns from mini-batches, or the error that says that it does not."""
    if estimator.solver not in _STOCHASTIC:
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{estimator.solver} is not stochastic."
        )
    if estimator.n_ensemble > 1:
        raise AttributeError("an ensemble has no partial_fit")
    return True


class MultilayerPerceptron(EstimatorHtml, CallbackSupport, PerceptronSettings, EstimatorFile):
    """A multi-layer perceptron with scikit-learn's face."""

    best_loss_: float | None
    best_validation_score_: float | None
    loss_curve_: list[float]
    validation_scores_: list[float] | None

    # -- what the classifier and the regressor say of themselves ----------------------------------

    @abstractmethod
    def _checked(self, X: Any, y: Any, reset: bool, labels: Labels) -> tuple[Any, np.ndarray]:
        """Rows and target, checked.

        Parameters
        ----------
        reset : bool
            Whether the columns are learned anew.
        labels : {"new", "same", "known"}
            Whether labels are learned anew, must be all that are known, or some of them.
        """

    @abstractmethod
    def _targets(self, y: np.ndarray) -> int:
        """How many target columns or classes a checked target has."""

    @abstractmethod
    def _output_activation(self, objective: ScaledLoss) -> str:
        """`out_activation_`."""

    @abstractmethod
    def _target(self, y: np.ndarray, fitted: FittedNetwork) -> np.ndarray:
        """The checked target as the loss takes it."""

    @abstractmethod
    def _prepared(self, X: Any, y: np.ndarray, weights: np.ndarray | None) -> Preparation:
        """What scaling learns from the rows of the fit."""

    @abstractmethod
    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        """What a split into parts keeps the proportions of."""

    @abstractmethod
    def _score_of(self, rows: Rows, fitted: FittedNetwork) -> float:
        """The score of a validation part with the weights of now."""

    @abstractmethod
    def _row_factors(self, y: np.ndarray, sample_weight: Any, incremental: bool) -> Any:
        """Factors of the rows to learn from, those of their classes included."""

    @abstractmethod
    def _kind(self, X: Any) -> str:
        """The number type of a new network."""

    @abstractmethod
    def _hidden(self) -> list[HiddenLayer]:
        """The hidden layers that the parameters describe."""

    # -- fitting ----------------------------------------------------------------------------------

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        incremental: bool = False,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        groups: Any = None,
    ) -> None:
        deadline = Deadline(self.max_time)
        hidden = self._hidden()
        check_together(self, incremental, X_val, y_val, sample_weight_val, groups)
        if self.n_ensemble > 1:
            given = {
                "X_val": X_val,
                "y_val": y_val,
                "sample_weight_val": sample_weight_val,
                "groups": groups,
            }
            self._take_members(fit_members(self, X, y, sample_weight, given))
            return
        first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        callbacks = [] if incremental else self._all_callbacks(X, y, sample_weight)
        again: Labels = "same" if self.warm_start else "known" if incremental else "new"
        X, y = self._checked(X, y, first, again)
        if sample_weight is not None:
            sample_weight = _checked_weights(sample_weight, X)
        # Those of an ensemble that was fitted before would have their say in every prediction.
        self.__dict__.pop("estimators_", None)
        self._random_state = check_random_state(self.random_state)
        parts: tuple[np.ndarray, np.ndarray] | None = None
        if first:
            self._preparation: Preparation | None = None
            if self.scale:
                # What is looked at must not be known to the scales.
                parts = self._parts(y, groups)
                some = slice(None) if parts is None else parts[0]
                factors = None if sample_weight is None else sample_weight[some]
                self._preparation = self._prepared(X[some], y[some], factors)
            self._begin(X, y, hidden)
        fitted = self._attached()
        if parts is None:
            parts = self._parts(y, groups)
        factors = self._row_factors(y, sample_weight, incremental)
        rows = self._rows(X, y, factors, None if parts is None else parts[0], fitted)
        held_out = None
        if parts is not None:
            held_out = self._rows(X, y, sample_weight, parts[1], fitted)
        elif X_val is not None:
            held_out = self._given_rows(X_val, y_val, sample_weight_val, fitted)
        if self.solver == "lbfgs" and self.optimizer is None:
            self._fit_full_batch(fitted, rows, deadline, callbacks)
        else:
            self._fit_epochs(fitted, rows, held_out, incremental, first, deadline, callbacks)
        self._look()
        if not all(np.isfinite(array).all() for array in (*self.coefs_, *self.intercepts_)):
            raise ValueError(f"{NOT_FINITE} They were not finite after epoch {self.n_iter_}.")

    def _take_members(self, members: list[Any]) -> None:
        """Take on what the first network of an ensemble has learned."""
        own = set(self.get_params(deep=False))
        for name, value in vars(members[0]).items():
            if name not in own:
                setattr(self, name, value)
        self.estimators_ = members

    def _all_callbacks(self, X: Any, y: Any, sample_weight: Any) -> list[Callback]:
        """Those of the user, of the ensemble, of the terminal and of scikit-learn."""
        callbacks = callbacks_of(self.callbacks, self, self._last_score)
        member = membership_of(self)
        if member is not None:
            callbacks += member.callbacks
        elif self.verbose and on_terminal():
            callbacks.append(train.EpochBar(self._last_score))
        context = self._context_of_fit(self.max_iter)
        if context is not None:
            callbacks.append(ContextCallback(context, self, self._look, X, y, sample_weight))
        return callbacks

    def _last_score(self) -> float | None:
        """The last score of a validation part, if there is one."""
        scores = vars(self).get("validation_scores_")
        return scores[-1] if scores else None

    def _begin(self, X: Any, y: np.ndarray, hidden: list[HiddenLayer]) -> None:
        """A new network."""
        self.n_iter_ = 0
        self.t_ = 0
        self.n_layers_ = len(hidden) + 2
        self.n_outputs_ = self._targets(y)
        objective = self._objective()
        self.out_activation_ = self._output_activation(objective)
        prepared = self._preparation
        features, levels = (
            (X.shape[1], ())
            if prepared is None
            else (
                prepared.features,
                prepared.levels,
            )
        )
        outputs = objective.loss.output_width(self.n_outputs_)
        network = network_of(
            hidden,
            self.normalization,
            outputs,
            objective.loss.output_activation,
            features,
            levels,
            self._kind(X),
        )
        draw_weights(network, hidden, self._random_state, self.activation)
        self._adopt(FittedNetwork(network, objective))

    def _fit_full_batch(
        self, fitted: FittedNetwork, rows: Rows, deadline: Deadline, callbacks: list[Callback]
    ) -> None:
        """SciPy's L-BFGS on all rows at once."""
        engine = GradientEngine(fitted.network, fitted.objective, rows, self.alpha)
        descent = ScipyLBFGS(engine, self.tol, self.max_fun, self.max_iter)

        def take() -> None:
            self.n_iter_, self.loss_ = descent.iterations, descent.loss

        stop = StopReason.INTERRUPTED
        try:
            with held_interrupts() as interrupts:
                loop = FullBatchLoop(
                    fitted.network,
                    descent,
                    None,
                    Limits(self.max_iter, None, None),
                    [Attributes(take), *callbacks] if callbacks else (),
                    deadline,
                    interrupts,
                )
                with compiling_within(deadline.left, lambda: interrupts.raised):
                    stop = loop.run().reason or stop
        finally:
            take()
        if stop is StopReason.NOT_FINITE:
            raise ValueError(NOT_FINITE)
        if self.verbose and not on_terminal():
            say(self, f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")
        if stop is StopReason.INTERRUPTED:
            warn_user("Training interrupted by user.")
        reason = full_batch_trouble(stop, descent.trouble, self)
        if reason is not None:
            warn_user(
                f"lbfgs failed to converge after {self.n_iter_} iteration(s) ({reason}).",
                ConvergenceWarning,
            )

    def _fit_epochs(
        self,
        fitted: FittedNetwork,
        rows: Rows,
        held_out: Rows | None,
        incremental: bool,
        first: bool,
        deadline: Deadline,
        callbacks: list[Callback],
    ) -> None:
        """Epochs of mini-batches, or one for `partial_fit`."""
        learned = self._learned_so_far(first, held_out is not None)
        score: Callable[[], float] | None = None
        if held_out is not None:
            looked_at = held_out
            score = lambda: self._score_of(looked_at, fitted)  # noqa: E731
        batch_size = batch_rows(self.batch_size, len(rows))
        # Drawn only where something is random, so that all else draws as scikit-learn does.
        seed = int(self._random_state.randint(2**31 - 1)) if np.any(self.dropout) else 0
        # On a terminal a bar takes the place of lines.
        prints = self.verbose and (incremental or not on_terminal())
        settings = RuleSettings(
            self.tol, self.n_iter_no_change, self.shuffle, self.alpha, self.weight_decay, seed
        )

        def rule() -> SklearnRule:
            # The step is written here, for which there may be no time.
            engine = self._engine(fitted, rows.weights is not None, incremental)
            return SklearnRule(
                settings,
                learned,
                engine,
                len(rows),
                self._optimizer,
                self._random_state,
                score,
                functools.partial(say, self) if prints else None,
                deadline,
            )

        try:
            if incremental:
                rule().run_once(rows, batch_size)
                return
            if callbacks:
                callbacks = [Attributes(lambda: self._take(learned)), *callbacks]
            reason, message = run_epochs(rule, rows, batch_size, self.max_iter, callbacks, deadline)
        finally:
            self._take(learned)
        warn_of_end(reason, message, self)

    def _learned_so_far(self, first: bool, watched: bool) -> Learned:
        """What the attributes say of progress; afresh where they are of another kind of fit."""
        fresh = first or not hasattr(self, "loss_curve_")
        if fresh or watched == (self.best_loss_ is None):
            kept = not fresh
        else:
            kept = False
        return Learned(
            [] if fresh else self.loss_curve_,
            (self.validation_scores_ if kept else []) if watched else None,
            None if watched else self.best_loss_ if kept else np.inf,
            (self.best_validation_score_ if kept else -np.inf) if watched else None,
            0 if fresh else self._no_improvement_count,
            self.t_,
        )

    def _take(self, learned: Learned) -> None:
        """Write down what was learned so far."""
        self.n_iter_, self.t_, self.loss_ = learned.epochs, learned.rows_seen, learned.loss
        self.loss_curve_ = learned.loss_curve
        self.validation_scores_ = learned.validation_scores
        self.best_loss_, self.best_validation_score_ = learned.best_loss, learned.best_score
        self._no_improvement_count = learned.without_progress

    def _engine(self, fitted: FittedNetwork, weighted: bool, incremental: bool) -> StepEngine:
        """The step, with what its optimizer remembers of the calls of `partial_fit` before."""
        rule, schedule = update_rule(self), schedule_of(self.schedule)
        if incremental and schedule is not None and schedule.needs_total:
            raise SettingError(
                "a schedule of the whole fit, of which partial_fit does not know the end",
                where="schedule",
                given=repr(self.schedule)[:80],
                hint="give it a length of its own, such as Cosine(steps=1000)",
            )
        fresh = not incremental or not hasattr(self, "_optimizer")
        if fresh:
            alone = schedule is None and self.optimizer is None and self.solver == "sgd"
            scheme = self.learning_rate if alone else "constant"
            start = self.learning_rate_init if self.optimizer is None else rule.learning_rate
            self._optimizer = LearningRate(scheme, start, self.power_t)
        engine = fitted.engine
        if engine is None or fresh or engine.weighted != weighted:
            state = self._optimizer.state if engine is None or fresh else engine.state()
            network, objective, decay = fitted.network, fitted.objective, self.weight_decay > 0.0
            engine = StepEngine(network, objective, rule, weighted, schedule, decay)
            engine.set_state(state)
            fitted.engine = engine
        return engine

    # -- rows -------------------------------------------------------------------------------------

    def _rows(
        self, X: Any, y: np.ndarray, weights: Any, index: np.ndarray | None, fitted: FittedNetwork
    ) -> Rows:
        if index is not None:
            X, y = X[index], y[index]
            weights = None if weights is None else weights[index]
        if weights is not None:
            weights = np.ascontiguousarray(weights, fitted.kind)
        return Rows(self._inputs(X, fitted), self._target(y, fitted), weights)

    def _given_rows(
        self, X_val: Any, y_val: Any, sample_weight_val: Any, fitted: FittedNetwork
    ) -> Rows:
        """A validation part as users give it."""
        X, y = self._checked(X_val, y_val, False, "known")
        if self._targets(y) != self.n_outputs_:
            raise DataError(
                "another number of target columns than the rows of the fit",
                where="y_val",
                allowed=self.n_outputs_,
                given=self._targets(y),
            )
        if sample_weight_val is not None:
            sample_weight_val = _checked_weights(sample_weight_val, X)
        return self._rows(X, y, sample_weight_val, None, fitted)

    def _inputs(self, X: Any, fitted: FittedNetwork) -> tuple[np.ndarray, ...]:
        """Checked rows as the inputs of the network."""
        if self._preparation is None:
            return (network_rows(X, fitted.kind),)
        return self._preparation.matrices(X, fitted.kind)

    def _parts(self, y: np.ndarray, groups: Any) -> tuple[np.ndarray, np.ndarray] | None:
        """Row numbers to learn from and to look at, or None."""
        if self.validation is not None:
            return splitter_split(self.validation, len(y), y, groups)
        if self.early_stopping and (self.solver in _STOCHASTIC or self.optimizer is not None):
            return share_split(
                len(y), self.validation_fraction, self._strata(y), self._random_state
            )
        return None

    # -- predicting -------------------------------------------------------------------------------

    def _outputs_of(self, X: Any) -> np.ndarray:
        """What the network says of rows as users give them, the mean over an ensemble."""
        if not hasattr(self, "coefs_"):
            check_is_fitted(self)
        X = checked_inputs(self, X)
        outputs = self._outputs(X)
        members = vars(self).get("estimators_")
        if members is None:
            return outputs
        return np.mean([outputs, *(member._outputs(X) for member in members[1:])], axis=0)

    def _outputs(self, X: Any) -> np.ndarray:
        """What the network says of rows that were checked."""
        fitted = self._attached()
        if self._preparation is None and type(X) is np.ndarray and X.dtype == fitted.dtype:
            # On one row every microsecond is a tenth of the time.
            return fitted.outputs((X,))
        outputs = fitted.outputs(self._inputs(X, fitted))
        if self._preparation is not None:
            return self._in_own_unit(outputs)
        # As the type of a product of the rows with weights of the network's type.
        wanted = np.result_type(X.dtype, fitted.kind)
        return outputs if outputs.dtype == wanted else outputs.astype(wanted)

    def _in_own_unit(self, outputs: np.ndarray) -> np.ndarray:
        """Predictions in the unit of the target, when that was scaled."""
        target = None if self._preparation is None else self._preparation.target
        return outputs if target is None else target.decode(outputs)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = not self.scale
        tags.input_tags.allow_nan = bool(self.scale)
        return tags


def _checked_weights(weights: Any, X: Any) -> np.ndarray:
    """Factors of rows: not negative, not all zero."""
    rows = np.empty((height(X), 1))
    return _check_sample_weight(weights, rows, ensure_non_negative=True)


def plain_hidden(estimator: Any) -> list[HiddenLayer]:
    """A hidden layer for each of `hidden_layer_sizes`."""
    widths = checked_widths(estimator.hidden_layer_sizes)
    return hidden_layers(widths, estimator.activation, estimator.dropout)


def plain_kind(estimator: Any, X: Any) -> str:
    """The number type of a new network: that of the rows, single where they are encoded."""
    return estimator.dtype or ("float32" if estimator.scale else X.dtype.name)
