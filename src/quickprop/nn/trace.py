"""Looking inside a network: what every neuron receives and gives, and how the loss depends on it.

Layers are counted as textbooks do: layer l has the weighted inputs ``a_l = W_l' o_(l-1) + b_l`` and
the outputs ``o_l = h_l(a_l)``, so that a `Dense` and the `Activation` behind it are one layer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.autodiff import gradients
from quickprop.errors import DataError, SettingError, ShapeError
from quickprop.execution.function import function
from quickprop.graph import ROWS, Op, Tensor, placeholder, walk
from quickprop.losses import Loss, MeanSquaredError
from quickprop.nn.built_layer import BuiltLayer
from quickprop.nn.built_network import LOSS, BuiltNetwork
from quickprop.nn.layers.activation import Activation
from quickprop.nn.layers.dense import Dense
from quickprop.nn.layers.layer import Context
from quickprop.nn.trace_page import page
from quickprop.nn.traced import Traced, TracedLayer
from quickprop.ops.elementary import concat, sum


@dataclass(frozen=True, eq=False, repr=False)
class Trace(Traced):
    """A network's inside for some rows. Printed, it is the whole calculation of the first row.

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

    Examples
    --------
    >>> from quickprop import Dense, Network, Trace
    >>> network = Network([Dense(1)], features=1, dtype="float64")
    >>> network.set_weights({"dense1.weight": [[2.0]], "dense1.bias": [1.0]})
    >>> trace = network.trace([3.0], target=[5.0])
    >>> isinstance(trace, Trace), trace.loss_value, trace["dense1"].loss_by_weights.tolist()
    (True, 4.0, [[12.0]])
    """

    def page(self, row: int = 0) -> str:
        """The calculation of one row, written out number by number.

        Sums of many terms and layers of many neurons are cut short.

        Parameters
        ----------
        row : int
            Counted from 0.
        """
        if not isinstance(row, int) or not 0 <= row < self.rows:
            raise SettingError(
                "no such row",
                where="trace.page",
                allowed=f"0 to {self.rows - 1}",
                given=repr(row)[:80],
            )
        return page(self, row)

    def __str__(self) -> str:
        return self.page()

    def __repr__(self) -> str:
        loss = "" if self.loss_value is None else f", loss {self.loss_value:.4g}"
        rows = "1 row" if self.rows == 1 else f"{self.rows} rows"
        return f"<Trace: {rows} through {', '.join(x.name for x in self.layers)}{loss}>"


def trace(
    network: BuiltNetwork,
    x: Any,
    target: Any = None,
    loss: Loss | str | None = None,
    *,
    backend: str | None = None,
) -> Trace:
    """Run a network on some rows and keep everything that happens inside.

    Parameters
    ----------
    network : BuiltNetwork
    x : array, or tuple of arrays
        The rows (n, features), a single row (features,), or one array for each input.
    target : array, optional
        As the loss takes it. With it, the loss is computed and led back through the network.
    loss : Loss or str, optional
        Default `MeanSquaredError`.
    backend : {"native", "reference"}, optional

    Returns
    -------
    Trace

    Raises
    ------
    ShapeError, DTypeError, DataError
        When an array does not fit.
    SettingError
        When a loss comes without a target, or is none.
    """
    loss = LOSS.checked(loss, "trace.loss")
    if loss is not None and target is None:
        raise SettingError(
            "a loss needs a target", where="trace.loss", hint="give the target of the rows too"
        )
    assert loss is None or isinstance(loss, Loss)
    arrays = _rows_of(network, x)
    network.check_categories(*arrays)
    tensors = network.tensors()
    activations = _activations_behind(network)
    wanted = _Wanted()
    for placed in network.layers:
        wanted.add(("result", placed.name), tensors[placed.name])
        if placed.name in activations.values() and _is_elementwise(placed):
            gradient = gradients(sum(tensors[placed.name]), [tensors[placed.sources[0]]])[0]
            wanted.add(("activation_gradient", placed.name), gradient)
    leaves = list(network.inputs)
    expected = None
    if target is not None:
        loss = loss or MeanSquaredError()
        expected = loss.check_target(_target_rows(target, arrays), network.width, "trace target")
        leaf = loss.target_placeholder(network.width, network.dtype)
        leaves.append(leaf)
        weights = None
        if expected.dtype.kind == "f" and np.isnan(expected).any():
            filled, present = loss.without_missing(expected)
            if not present.any():
                raise DataError("all of the target is missing", where="trace target")
            weights = placeholder((ROWS, present.shape[1]), network.dtype, "weights")
            leaves.append(weights)
            arrays += [filled.astype(leaf.dtype.value), present / present.mean()]
        else:
            arrays.append(expected)
        [last] = [placed for placed in network.layers if placed.name == network.outputs[0]]
        alone = len(network.outputs) == 1
        raw = (
            alone
            and loss.output_activation is not None
            and last.layer == Activation(loss.output_activation)
        )
        output = tensors[last.sources[0] if raw else last.name]
        if not alone:
            output = concat([tensors[name] for name in network.outputs])
        value = loss(output, leaf, weights)
        wanted.add(("loss", ""), value)
        names = [placed.name for placed in network.layers if not (raw and placed is last)]
        by = [*(tensors[name] for name in names), *network.parameters]
        keys = [*(("by", name) for name in names)]
        keys += [("gradient", str(parameter.name)) for parameter in network.parameters]
        for key, gradient in zip(keys, gradients(value, by), strict=True):
            wanted.add(key, gradient)
    results = function(leaves, wanted.tensors, backend=backend)(*arrays)
    found = {key: results[k] for key, k in wanted.places.items()}
    for leaf, array in zip(network.inputs, arrays):
        found["result", str(leaf.name)] = np.asarray(array, leaf.dtype.value)
    return Trace(
        {str(leaf.name): found["result", str(leaf.name)] for leaf in network.inputs},
        network.architecture.names,
        tuple(
            _traced(placed, activations.get(placed.name), network, found)
            for placed in network.layers
            if placed.name not in activations.values()
        ),
        network.outputs,
        expected,
        loss,
        None if expected is None else float(found["loss", ""]),
        {name: array for (kind, name), array in found.items() if kind == "gradient"},
    )


class _Wanted:
    """Tensors to compute, each once, and the place of each in the result."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.places: dict[tuple[str, str], int] = {}

    def add(self, key: tuple[str, str], tensor: Tensor) -> None:
        if tensor not in self.tensors:
            self.tensors.append(tensor)
        self.places[key] = self.tensors.index(tensor)


def _rows_of(network: BuiltNetwork, x: Any) -> list[Any]:
    """One array for each input; a single row becomes a matrix of one row."""
    if isinstance(x, Mapping):
        x = network.in_order([x])
    if len(network.inputs) > 1:
        if not isinstance(x, tuple) or len(x) != len(network.inputs):
            names = ", ".join(str(leaf.name) for leaf in network.inputs)
            raise ShapeError(
                "not one array for each input of the network",
                where="trace.x",
                allowed=f"a tuple of {len(network.inputs)} ({names})",
                given=f"{len(x)} arrays" if isinstance(x, tuple) else type(x).__name__,
            )
        return list(network.in_order(x))
    if isinstance(x, tuple) and len(x) == 1:
        return list(x)
    try:
        array = np.asarray(network.in_order([x])[0])
    except ValueError:
        return [x]  # The check of shapes has the better message.
    return [array[np.newaxis] if array.ndim == network.inputs[0].rank - 1 else array]


def _target_rows(target: Any, arrays: list[Any]) -> Any:
    """A single number, or the vector of a single row, as the target of one row."""
    try:
        array, rows = np.asarray(target), np.shape(arrays[0])[:1]
    except ValueError:
        return target  # The check of shapes has the better message.
    one_row = rows == (1,)
    if array.ndim == 0 or (one_row and array.ndim == 1 and len(array) != 1):
        return array[np.newaxis]
    return target


def _activations_behind(network: BuiltNetwork) -> dict[str, str]:
    """The activation that alone reads a dense layer, by the name of that layer."""
    readers = Counter(source for placed in network.layers for source in placed.sources)
    dense = {p.name for p in network.layers if isinstance(p.layer, Dense) and readers[p.name] == 1}
    return {
        placed.sources[0]: placed.name
        for placed in network.layers
        if isinstance(placed.layer, Activation) and placed.sources[0] in dense
    }


def _is_elementwise(placed: BuiltLayer) -> bool:
    """Whether an activation takes each number on its own: softmax, for one, does not."""
    x = placeholder((ROWS, *placed.input_shape))
    y = placed.layer.apply([x], placed.parameters, Context(placed.name))
    return all(node.op not in (Op.SUM, Op.MAX) for node in walk([y]))


def _traced(
    placed: BuiltLayer,
    behind: str | None,
    network: BuiltNetwork,
    found: Mapping[tuple[str, str], np.ndarray],
) -> TracedLayer:
    dense = isinstance(placed.layer, Dense)
    own = {name: str(parameter.name) for name, parameter in placed.parameters.items()}
    activation = None
    if behind is not None:
        [layer] = [p.layer for p in network.layers if p.name == behind]
        assert isinstance(layer, Activation)
        activation = layer.name
    return TracedLayer(
        placed.name,
        behind or placed.name,
        type(placed.layer).__name__,
        activation,
        placed.sources,
        found["result", placed.sources[0]],
        found["result", placed.name] if dense else None,
        found["result", behind or placed.name],
        placed.parameters["weight"].value if dense else None,
        placed.parameters["bias"].value if dense and "bias" in placed.parameters else None,
        found.get(("activation_gradient", str(behind))),
        found.get(("by", behind or placed.name)),
        found.get(("by", placed.name)) if dense else None,
        found.get(("gradient", own["weight"])) if dense else None,
        found.get(("gradient", own["bias"])) if dense and "bias" in own else None,
        placed.names,
    )
