"""The network of a fitted estimator, ready to run, and what a pickle keeps of it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.estimators.objective import ScaledLoss
from quickprop.estimators.step_engine import StepEngine
from quickprop.estimators.weight_windows import WeightWindows
from quickprop.execution import Function
from quickprop.foundation.lru_cache import LruCache
from quickprop.graph import Graph
from quickprop.native.variable_storage import addresses_of
from quickprop.nn import Network
from quickprop.passes import optimise
from quickprop.train.graph_template import KEPT, NetworkTemplate, structure_key_with

_TEMPLATES: LruCache[Hashable, NetworkTemplate] = LruCache(KEPT)


@dataclass(frozen=True)
class StoredNetwork:
    """A network as data, for pickles and copies: they never share memory with a living one."""

    document: dict[str, Any]
    weights: dict[str, np.ndarray]
    objective: ScaledLoss

    def alive(self) -> FittedNetwork:
        """The network again."""
        network = Network.from_document(self.document)
        network.set_weights(self.weights)
        return FittedNetwork(network, self.objective)


class FittedNetwork:
    """A network with its compiled predictions and its step."""

    def __init__(self, network: Network, objective: ScaledLoss) -> None:
        self.network, self.objective = network, objective
        # To where native code would move the numbers at its first run: windows on them stay true.
        addresses_of(network.variables)
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
            self._outputs = self._compiled(raw=False)
        return self._outputs(*inputs)

    def raw(self, inputs: Sequence[Any]) -> np.ndarray:
        """The raw outputs."""
        if self._raw is None:
            self._raw = self._compiled(raw=True)
        return self._raw(*inputs)

    def stored(self) -> StoredNetwork:
        """As data."""
        return StoredNetwork(self.network.to_document(), self.network.weights(), self.objective)

    def _compiled(self, raw: bool) -> Function:
        network, loss = self.network, self.objective.loss
        key = structure_key_with(network, loss)
        known = None if key is None else _TEMPLATES.get((key, raw))
        if known is not None:
            graph, _ = known.instantiate(network)
        else:
            output = network.output(loss=loss)
            made = output if raw else loss.prediction(output)
            graph = optimise(Graph(network.inputs, (made,)))
            if key is not None:
                _TEMPLATES.put((key, raw), NetworkTemplate(graph, network))
        return Function(graph, single=True)
