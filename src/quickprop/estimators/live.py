"""The network of a fitted estimator, ready to run, and what a pickle keeps of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.estimators.engine import StepEngine
from quickprop.estimators.objective import Objective
from quickprop.estimators.weights import WeightWindows
from quickprop.execution import Function, function
from quickprop.graph import Tensor
from quickprop.native.resident import address_of
from quickprop.nn import Network


@dataclass(frozen=True)
class StoredNetwork:
    """A network as data, for pickles and copies: they never share memory with a living one."""

    document: dict[str, Any]
    weights: dict[str, np.ndarray]
    objective: Objective

    def alive(self) -> LiveNetwork:
        """The network again."""
        network = Network.from_document(self.document)
        network.set_weights(self.weights)
        return LiveNetwork(network, self.objective)


class LiveNetwork:
    """A network with its compiled predictions and its step."""

    def __init__(self, network: Network, objective: Objective) -> None:
        self.network, self.objective = network, objective
        # To where native code would move the numbers at its first run: windows on them stay true.
        for leaf in network.variables:
            address_of(leaf)
        self.windows = WeightWindows(network)
        self.dtype = np.dtype(network.dtype.value)
        self.engine: StepEngine | None = None
        self._outputs: Function | None = None
        self._raw: Function | None = None
        #: Other functions of the network, compiled by those who need them.
        self.parts: dict[str, Function] = {}

    @property
    def kind(self) -> str:
        """The name of the number type."""
        return self.network.dtype.value

    def outputs(self, inputs: Sequence[Any]) -> np.ndarray:
        """What the loss makes of the raw outputs: probabilities, means, quantiles."""
        if self._outputs is None:
            self._outputs = self._compiled(self.objective.loss.prediction)
        return self._outputs(*inputs)

    def raw(self, inputs: Sequence[Any]) -> np.ndarray:
        """The raw outputs."""
        if self._raw is None:
            self._raw = self._compiled(lambda output: output)
        return self._raw(*inputs)

    def stored(self) -> StoredNetwork:
        """As data."""
        return StoredNetwork(self.network.to_document(), self.network.weights(), self.objective)

    def _compiled(self, made: Any) -> Function:
        output: Tensor = self.network.output(loss=self.objective.loss)
        return function(self.network.inputs, made(output))
