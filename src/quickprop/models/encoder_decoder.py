"""The core of autoencoders: a network whose layers mirror each other around a narrow one.

It is cut there in two, rows to codes and codes to rows. What is learned with it, and on what scale,
is for `Autoencoder` and `AutoencoderTransformer` to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from quickprop.execution import Function, function
from quickprop.graph import ROWS, placeholder
from quickprop.nn import Dense, Network
from quickprop.nn.layers.layer import Context

Item = TypeVar("Item")


def mirrored(front: Sequence[Item], code: Sequence[Item]) -> list[Item]:
    """What stands in front of the code, the code, and the front again in the other order."""
    return [*front, *code, *reversed(front)]


class EncoderDecoder:
    """The two halves of a network, and the whole; each compiled when it is first needed.

    Parameters
    ----------
    network : Network
    compiled : dict of str to Function, optional
        Where what was compiled is kept.
    """

    def __init__(self, network: Network, compiled: dict[str, Function] | None = None) -> None:
        self._network = network
        self._compiled = {} if compiled is None else compiled

    def encode(self, *rows: Any) -> np.ndarray:
        """The codes (n, width of the code) of a network's inputs."""
        return self._run("encoder", _encoder, rows)

    def decode(self, codes: Any) -> np.ndarray:
        """The network's outputs (n, columns) for codes."""
        return self._run("decoder", _decoder, (codes,))

    def repeat(self, *rows: Any) -> np.ndarray:
        """The network's outputs (n, columns) for its inputs."""
        return self._run("repeat", lambda one: function(one.inputs, one.output()), rows)

    def _run(
        self, name: str, make: Callable[[Network], Function], arrays: Sequence[Any]
    ) -> np.ndarray:
        if name not in self._compiled:
            self._compiled[name] = make(self._network)
        return np.asarray(self._compiled[name](*arrays))


def repetition_errors(rows: np.ndarray, repeated: np.ndarray) -> np.ndarray:
    """The mean over the columns of the squared difference, shape (n,), float64."""
    with np.errstate(over="ignore"):
        away = repeated - rows
        return np.asarray(np.mean(away * away, axis=1, dtype=np.float64))


def _second_half(network: Network) -> int:
    """The position of the first layer behind the codes; products before it are as many as after."""
    products = [k for k, one in enumerate(network.layers) if isinstance(one.layer, Dense)]
    return products[len(products) // 2]


def _encoder(network: Network) -> Function:
    codes = network.layers[_second_half(network)].sources[0]
    return function(network.inputs, network.tensors()[codes])


def _decoder(network: Network) -> Function:
    behind = network.layers[_second_half(network) :]
    codes = output = placeholder((ROWS, *behind[0].input_shape), network.dtype, "codes")
    for placed in behind:
        output = placed.layer.apply([output], placed.parameters, Context(placed.name))
    return function([codes], output)
