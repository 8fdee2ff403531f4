"""What a trace holds: every layer's numbers for some rows."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quickprop.errors import SettingError
from quickprop.losses import Loss
from quickprop.nn.names import Names


@dataclass(frozen=True, eq=False, repr=False)
class TracedLayer:
    """What went through one layer.

    Parameters
    ----------
    name : str
        That of the layer in the network.
    result_name : str
        That of its activation, or of the layer itself when there is none behind it.
    kind : str
        Such as "Dense".
    activation : str or None
        The activation behind it, which is part of this layer here.
    sources : tuple of str
        The layers and inputs that it reads.
    inputs : array
        What it reads (rows, ...), the outputs of the layer before it; of several, the first.
    weighted_inputs : array or None
        a_l (rows, neurons): what a dense layer gives before its activation.
    outputs : array
        o_l (rows, ...), after the activation.
    weights, biases : array or None
        Those of a dense layer, (inputs, neurons) and (neurons,).
    activation_gradients : array or None
        h'(a_l) (rows, neurons), where an activation takes each number on its own.
    loss_by_outputs, loss_by_weighted_inputs : array or None
        Derivatives of the loss; None without a target. That by the outputs is also None where the
        loss contains the activation.
    loss_by_weights, loss_by_biases : array or None
        Of their shapes, summed over the rows.
    neuron_names : tuple of str or None
        What its outputs mean, where they are those of the network and were given names.
    """

    name: str
    result_name: str
    kind: str
    activation: str | None
    sources: tuple[str, ...]
    inputs: np.ndarray
    weighted_inputs: np.ndarray | None
    outputs: np.ndarray
    weights: np.ndarray | None
    biases: np.ndarray | None
    activation_gradients: np.ndarray | None = None
    loss_by_outputs: np.ndarray | None = None
    loss_by_weighted_inputs: np.ndarray | None = None
    loss_by_weights: np.ndarray | None = None
    loss_by_biases: np.ndarray | None = None
    neuron_names: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        behind = f" {self.activation}" if self.activation else ""
        shape = " x ".join(map(str, self.outputs.shape))
        return f"<traced {self.name}{behind}: outputs {shape}>"


@dataclass(frozen=True, eq=False, repr=False)
class Traced(ABC):
    """A network's inside for some rows, as data.

    Parameters
    ----------
    inputs : mapping of str to array
        What was given, by the names of the inputs.
    names : Names
        What columns, levels and outputs are called.
    layers : tuple of TracedLayer
    output_names : tuple of str
        The layers whose outputs are those of the network.
    target : array or None
    loss : Loss or None
    loss_value : float or None
        The loss of all rows, of which the derivatives are taken.
    gradients : mapping of str to array
        The derivative of the loss by every parameter, by full name; empty without a target.
    """

    inputs: Mapping[str, np.ndarray]
    names: Names
    layers: tuple[TracedLayer, ...]
    output_names: tuple[str, ...]
    target: np.ndarray | None
    loss: Loss | None
    loss_value: float | None
    gradients: Mapping[str, np.ndarray]

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the numeric columns; x1, x2, ... unless names were given."""
        count = np.sum([x[0].size for x in self.inputs.values() if x.dtype.kind == "f"], dtype=int)
        return self.names.inputs or tuple(f"x{k + 1}" for k in range(count))

    @property
    def rows(self) -> int:
        """How many rows went through."""
        return len(next(iter(self.inputs.values())))

    @property
    def outputs(self) -> np.ndarray:
        """What the network gave; of several outputs all of them side by side."""
        found = [self[name].outputs for name in self.output_names]
        return found[0] if len(found) == 1 else np.concatenate(found, axis=1)

    def __getitem__(self, name: str) -> TracedLayer:
        for layer in self.layers:
            if isinstance(name, str) and name in (layer.name, layer.result_name):
                return layer
        raise SettingError(
            "no such layer",
            where="trace",
            allowed=", ".join(layer.name for layer in self.layers),
            given=repr(name)[:80],
        )
