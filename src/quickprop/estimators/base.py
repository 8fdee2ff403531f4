"""What classifier and regressor have in common: fit, partial_fit, the way to the outputs."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from quickprop.estimators.engine import Rows, SlopeEngine, StepEngine
from quickprop.estimators.objective import Objective
from quickprop.estimators.quasi_newton import minimise
from quickprop.estimators.rate import LearningRate
from quickprop.estimators.settings import PerceptronSettings
from quickprop.estimators.stochastic import NOT_FINITE, Epochs
from quickprop.estimators.updates import AdamSteps, MomentumSteps
from quickprop.estimators.validation import checked_inputs, dense, result_type
from quickprop.estimators.weights import WeightWindows
from quickprop.execution import Function, function
from quickprop.nn import Activation, Dense, Layer, Network
from quickprop.optim import Optimizer

#: scikit-learn's names of activations, and those of quickprop.
ACTIVATION_NAMES = {"identity": None, "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
#: Activations of the outputs that are layers of the network.
OUTPUT_LAYERS = {"softmax": "softmax", "logistic": "sigmoid"}

_STOCHASTIC = ("sgd", "adam")


@dataclass
class Live:
    """What an estimator holds that is not data: a pickle leaves it out, and it is made anew."""

    network: Network
    windows: WeightWindows
    engine: StepEngine | None = None
    run: Function | None = None

    def outputs(self, rows: np.ndarray) -> np.ndarray:
        """The outputs for rows of the right type, without the checks of `Network.predict`."""
        if self.run is None:
            self.run = function(self.network.inputs, self.network.output())
        return self.run(rows)


def has_steps(estimator: Any) -> bool:
    """Whether the solver learns from mini-batches, or the error that says that it does not."""
    if estimator.solver not in _STOCHASTIC:
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{estimator.solver} is not stochastic."
        )
    return True


class MultilayerPerceptron(PerceptronSettings, BaseEstimator, ABC):
    """A multi-layer perceptron with scikit-learn's face."""

    # -- what the classifier and the regressor say of themselves ----------------------------------

    @abstractmethod
    def _checked(self, X: Any, y: Any, reset: bool, incremental: bool) -> tuple[Any, np.ndarray]:
        """Rows and target, checked."""

    @abstractmethod
    def _width(self, y: np.ndarray) -> int:
        """The outputs that a checked target needs."""

    @abstractmethod
    def _objective(self) -> Objective:
        """What is made small."""

    @abstractmethod
    def _output_activation(self) -> str:
        """`out_activation_` of the target of now."""

    @abstractmethod
    def _target(self, y: np.ndarray, kind: str) -> np.ndarray:
        """The target as the loss takes it."""

    @abstractmethod
    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        """What a split into parts keeps the proportions of."""

    @abstractmethod
    def _score_of(self, rows: Rows) -> float:
        """The score of a validation part with the weights of now."""

    # -- fitting ----------------------------------------------------------------------------------

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool) -> MultilayerPerceptron:
        sizes = self._hidden_sizes()
        first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y = self._checked(X, y, first, incremental)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        self._random_state = check_random_state(self.random_state)
        self.n_outputs_ = self._width(y)
        if first:
            self._begin([X.shape[1], *sizes, self.n_outputs_], X.dtype.name)
        live = self._attached()
        kind = live.network.dtype.value
        weights = None
        if sample_weight is not None:
            weights = np.ascontiguousarray(sample_weight, kind)
        if self.solver == "lbfgs":
            rows = Rows(dense(X, kind), self._target(y, kind), weights)
            minimise(self, SlopeEngine(live.network, self._objective(), rows, self.alpha))
        else:
            self._fit_epochs(live, X, y, weights, incremental)
        self._look(live)
        if not all(np.isfinite(array).all() for array in (*self.coefs_, *self.intercepts_)):
            raise ValueError(NOT_FINITE)
        return self

    def _hidden_sizes(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if any(size <= 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        return [int(size) for size in sizes]

    def _begin(self, units: list[int], kind: str) -> None:
        """New weights, and the attributes that count what was done."""
        self.n_iter_ = 0
        self.t_ = 0
        self.n_layers_ = len(units)
        self.out_activation_ = self._output_activation()
        # The rule of Glorot and Bengio (2010), drawn in scikit-learn's order.
        factor = 2.0 if self.activation == "logistic" else 6.0
        coefs, intercepts = [], []
        for before, width in pairwise(units):
            bound = np.sqrt(factor / (before + width))
            coefs.append(self._random_state.uniform(-bound, bound, (before, width)))
            intercepts.append(self._random_state.uniform(-bound, bound, width))
        self._live: Live | None = None
        self.coefs_ = [array.astype(kind) for array in coefs]
        self.intercepts_ = [array.astype(kind) for array in intercepts]
        if self.solver in _STOCHASTIC:
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            self.validation_scores_: list[float] | None = [] if self.early_stopping else None
            self.best_validation_score_ = -np.inf if self.early_stopping else None
            self.best_loss_ = None if self.early_stopping else np.inf

    def _fit_epochs(
        self, live: Live, X: Any, y: np.ndarray, weights: np.ndarray | None, incremental: bool
    ) -> None:
        kind = live.network.dtype.value
        fresh = not incremental or not hasattr(self, "_optimizer")
        if fresh:
            scheme = self.learning_rate if self.solver == "sgd" else "constant"
            self._optimizer = LearningRate(scheme, self.learning_rate_init, self.power_t)
        engine = live.engine
        if engine is None or fresh or engine.weighted != (weights is not None):
            state = self._optimizer.state if engine is None or fresh else engine.state()
            engine = StepEngine(
                live.network, self._objective(), self._update_rule(), weights is not None
            )
            engine.set_state(state)
            live.engine = engine
        score: Callable[[], float] | None = None
        rows = np.arange(X.shape[0])
        if self.early_stopping:
            rows, held_out = self._split(y)
            looked_at = self._rows(X, y, weights, held_out, kind)
            score = lambda: self._score_of(looked_at)  # noqa: E731
        learned = self._rows(X, y, weights, rows, kind)
        epochs = Epochs(
            self,
            engine,
            learned,
            self._optimizer,
            self._random_state,
            score,
            self._batch_rows(len(learned)),
        )
        if incremental:
            self.n_iter_ = 0
            epochs.run_once()
        else:
            self.n_iter_ = 0
            epochs.run()

    def _rows(
        self, X: Any, y: np.ndarray, weights: np.ndarray | None, index: np.ndarray, kind: str
    ) -> Rows:
        if len(index) == X.shape[0]:
            return Rows(dense(X, kind), self._target(y, kind), weights)
        part = None if weights is None else weights[index]
        return Rows(dense(X[index], kind), self._target(y[index], kind), part)

    def _split(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers to learn from and to look at."""
        learned, held_out = train_test_split(
            np.arange(len(y)),
            random_state=self._random_state,
            test_size=self.validation_fraction,
            stratify=self._strata(y),
        )
        if len(held_out) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                "your dataset."
            )
        return learned, held_out

    def _batch_rows(self, rows: int) -> int:
        if isinstance(self.batch_size, str):
            return min(200, rows)
        if self.batch_size > rows:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped",
                stacklevel=2,
            )
        return int(min(self.batch_size, rows))

    def _update_rule(self) -> Optimizer:
        if self.solver == "sgd":
            return MomentumSteps(
                momentum=self.momentum, nesterov=self.nesterovs_momentum and self.momentum > 0
            )
        return AdamSteps(beta1=self.beta_1, beta2=self.beta_2, epsilon=self.epsilon)

    # -- the network behind the attributes --------------------------------------------------------

    def _layers(self, widths: list[int]) -> list[Layer]:
        hidden = ACTIVATION_NAMES[self.activation]
        layers: list[Layer] = []
        for width in widths[:-1]:
            layers.append(Dense(width))
            if hidden is not None:
                layers.append(Activation(hidden))
        layers.append(Dense(widths[-1]))
        last = OUTPUT_LAYERS.get(self.out_activation_)
        return layers if last is None else [*layers, Activation(last)]

    def _attached(self) -> Live:
        """The network that computes with `coefs_` and `intercepts_` as they are now."""
        live = getattr(self, "_live", None)
        if live is not None:
            if live.windows.are(self.coefs_, self.intercepts_):
                return live
            if live.windows.fit(self.coefs_, self.intercepts_):
                live.windows.put(self.coefs_, self.intercepts_)
                self._look(live)
                return live
        check_is_fitted(self)
        coefs = [np.asarray(array) for array in self.coefs_]
        network = Network(
            self._layers([array.shape[1] for array in coefs]),
            coefs[0].shape[0],
            dtype=coefs[0].dtype.name,
        )
        windows = WeightWindows(network)
        windows.put(coefs, self.intercepts_)
        self._live = Live(network, windows)
        # Native code moves the numbers into memory of its own when it first runs.
        self._live.outputs(np.zeros((1, coefs[0].shape[0]), network.dtype.value))
        self._look(self._live)
        return self._live

    def _look(self, live: Live) -> None:
        """Make the lists windows on the network."""
        self.coefs_[:], self.intercepts_[:] = live.windows.look()

    @property
    def network_(self) -> Network:
        """The network itself, with its neurons, its summary and its document."""
        return self._attached().network

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        live = state.pop("_live", None)
        if live is not None:
            for name in ("coefs_", "intercepts_"):
                # Copies in plain memory: a window would bring its padding along.
                state[name] = [np.array(array) for array in state[name]]
            if live.engine is not None and "_optimizer" in state:
                rate = state["_optimizer"]
                state["_optimizer"] = LearningRate(
                    rate.kind, rate.start, rate.power, rate.learning_rate, live.engine.state()
                )
        return state

    # -- predicting -------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> np.ndarray:
        """The outputs of the network (rows, outputs) for rows that were checked."""
        live = self._attached()
        kind = live.network.dtype.value
        wanted = result_type(X, kind)
        outputs = live.outputs(dense(X, kind))
        return outputs if outputs.dtype == wanted else outputs.astype(wanted)

    def _outputs_of(self, X: Any) -> np.ndarray:
        """The outputs for rows as users give them."""
        if not hasattr(self, "coefs_"):
            check_is_fitted(self)
        return self._outputs(checked_inputs(self, X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
