"""The layers that an estimator's parameters describe, and the starting weights."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.errors import SettingError, did_you_mean
from quickprop.estimators.setting_checks import is_many
from quickprop.foundation.lru_cache import LruCache
from quickprop.nn import Activation, BatchNorm, Dense, Dropout, LayerNorm, Network
from quickprop.nn.activations import ACTIVATIONS
from quickprop.nn.layers.layer import UnaryLayer
from quickprop.train.graph_template import KEPT

#: What scikit-learn calls the sigmoid.
LOGISTIC = "logistic"
#: Layers between a product and its activation, by name.
NORMALIZATIONS: dict[str, type[UnaryLayer]] = {"batch": BatchNorm, "layer": LayerNorm}


@dataclass(frozen=True)
class HiddenLayer:
    """A hidden layer.

    Parameters
    ----------
    width : int
    activation : str
        By quickprop's name.
    dropout : float
    """

    width: int
    activation: str
    dropout: float


def _one_each(value: Any, count: int, name: str) -> list[Any]:
    """A setting for each hidden layer, from one for all or a list of them."""
    if isinstance(value, str) or not is_many(value):
        return [value] * count
    values = list(value)
    if len(values) != count:
        raise SettingError(
            f"not one for each hidden layer of hidden_layer_sizes ({count})",
            where=name,
            allowed=f"{count} of them, or one for all",
            given=len(values),
        )
    return values


def hidden_layers(sizes: Sequence[int], activation: Any, dropout: Any) -> list[HiddenLayer]:
    """The hidden layers, their settings checked one by one."""
    layers = []
    names = _one_each(activation, len(sizes), "activation")
    rates = _one_each(dropout, len(sizes), "dropout")
    for width, name, rate in zip(sizes, names, rates, strict=True):
        known = "sigmoid" if name == LOGISTIC else name
        if not isinstance(known, str) or known not in ACTIVATIONS:
            raise SettingError(
                "no such activation",
                where="activation",
                allowed=", ".join(ACTIVATIONS),
                given=repr(name)[:80],
                hint=did_you_mean(name, ACTIVATIONS) if isinstance(name, str) else None,
            )
        # Made here, so that a wrong rate is named before any work is done.
        layers.append(HiddenLayer(width, known, Dropout(rate).rate if rate else 0.0))
    return layers


#: Networks that were never trained, by what they are made from.
_NETWORKS: LruCache[Hashable, Network] = LruCache(KEPT)
#: Those with more numbers are not remembered: to make them is quick beside their fits, and all that
#: are remembered take 16 MiB at most.
MOST_REMEMBERED = 2**14


def network_of(
    hidden: Sequence[HiddenLayer],
    normalization: str | None,
    outputs: int,
    link: str | None,
    features: int,
    levels: tuple[int, ...],
    kind: str,
) -> Network:
    """A network of all layers in a row; its starting weights are still to be drawn.

    Searches make one of a kind hundreds of times: then all but its variables is there.
    """
    key = (tuple(hidden), normalization, outputs, link, features, levels, kind)
    known = _NETWORKS.get(key)
    if known is not None:
        return known.copy_with_new_variables()
    network = Network(
        _layers_of(hidden, normalization, outputs, link), features, levels, dtype=kind
    )
    if network.parameter_count <= MOST_REMEMBERED:
        _NETWORKS.put(key, network.copy_with_new_variables())
    return network


def _layers_of(
    hidden: Sequence[HiddenLayer], normalization: str | None, outputs: int, link: str | None
) -> list[UnaryLayer]:
    """All layers in a row."""
    layers: list[UnaryLayer] = []
    for part in hidden:
        layers.append(Dense(part.width))
        if normalization is not None:
            layers.append(NORMALIZATIONS[normalization]())
        if part.activation != "identity":
            layers.append(Activation(part.activation))
        if part.dropout:
            layers.append(Dropout(part.dropout))
    layers.append(Dense(outputs))
    return layers if link is None else [*layers, Activation(link)]


def draw_weights(
    network: Network,
    hidden: Sequence[HiddenLayer],
    random: np.random.RandomState,
    activation: Any = "identity",
) -> None:
    """Starting weights by the rule of Glorot and Bengio (2010), in scikit-learn's order.

    The bound is sqrt(6 / (inputs + outputs)), with 2 in place of 6 before a sigmoid; the last layer
    takes that of the layer in front of it, and that of `activation` when it is the only one. Biases
    are drawn too.
    """
    activations = [part.activation for part in hidden]
    alone = "sigmoid" if isinstance(activation, str) and activation == LOGISTIC else "identity"
    dense = [placed for placed in network.layers if isinstance(placed.layer, Dense)]
    for placed, name in zip(dense, [*activations, *activations[-1:]] or [alone], strict=True):
        weight, bias = placed.parameters["weight"], placed.parameters["bias"]
        before, width = weight.value.shape
        bound = np.sqrt((2.0 if name == "sigmoid" else 6.0) / (before + width))
        weight.assign(random.uniform(-bound, bound, (before, width)))
        bias.assign(random.uniform(-bound, bound, width))
