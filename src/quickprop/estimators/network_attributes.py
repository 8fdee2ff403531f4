"""The network behind the attributes of an estimator, and what a pickle keeps of both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from quickprop.estimators.architecture import hidden_layers, network_of
from quickprop.estimators.fitted_network import FittedNetwork, StoredNetwork
from quickprop.estimators.objective import ScaledLoss
from quickprop.estimators.rate import LearningRate
from quickprop.nn import Network


class NetworkAttributes(BaseEstimator, ABC):
    """`coefs_` and `intercepts_` are windows onto the network that computes."""

    activation: Any
    _optimizer: LearningRate

    @abstractmethod
    def _objective(self) -> ScaledLoss:
        """What is made small."""

    def _adopt(self, fitted: FittedNetwork) -> None:
        self._fitted = fitted
        self.coefs_: list[np.ndarray] = []
        self.intercepts_: list[np.ndarray] = []
        self._look()

    def _look(self) -> None:
        """Make the lists windows on the network."""
        self.coefs_[:], self.intercepts_[:] = self._fitted.windows.look()

    def _attached(self) -> FittedNetwork:
        """The network that computes with `coefs_` and `intercepts_` as they are now."""
        fitted: FittedNetwork | None = getattr(self, "_fitted", None)
        if fitted is None:
            fitted = self._from_lists()
        elif not fitted.windows.are(self.coefs_, self.intercepts_):
            if fitted.windows.fit(self.coefs_, self.intercepts_):
                fitted.windows.put(self.coefs_, self.intercepts_)
            else:
                fitted = self._from_lists()
        return fitted

    def _from_lists(self) -> FittedNetwork:
        """A network with the weights of the lists, however they came to be there."""
        check_is_fitted(self)
        coefs = [np.asarray(array) for array in self.coefs_]
        hidden = hidden_layers([array.shape[1] for array in coefs[:-1]], self.activation, 0.0)
        objective = self._objective()
        network = network_of(
            hidden,
            None,
            coefs[-1].shape[1],
            objective.loss.output_activation,
            coefs[0].shape[0],
            (),
            coefs[0].dtype.name,
        )
        self._preparation = getattr(self, "_preparation", None)
        fitted = FittedNetwork(network, objective)
        fitted.windows.put(coefs, self.intercepts_)
        self._fitted = fitted
        self._look()
        return fitted

    @property
    def network_(self) -> Network:
        """The network itself, with its neurons, its summary, its diagram and its trace."""
        if not hasattr(self, "coefs_"):
            check_is_fitted(self)
        return self._attached().network

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        fitted: FittedNetwork | None = state.pop("_fitted", None)
        if fitted is None:
            return state
        if not fitted.windows.are(self.coefs_, self.intercepts_):
            fitted = self._attached()
        del state["coefs_"], state["intercepts_"]
        state["_stored"] = fitted.stored()
        if fitted.engine is not None and "_optimizer" in state:
            state["_optimizer"] = self._optimizer.with_state(fitted.engine.state())
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        stored: StoredNetwork | None = state.pop("_stored", None)
        super().__setstate__(state)
        if stored is not None:
            self._adopt(stored.alive())
