"""A network with a narrow layer in its middle, cut there in two: rows to codes, codes to rows."""

from __future__ import annotations

from quickprop.execution import Function, function
from quickprop.graph import ROWS, placeholder
from quickprop.nn import Dense, Network
from quickprop.nn.layers.layer import Context


def _second_half(network: Network) -> int:
    """The position of the first layer behind the codes; products before it are as many as after."""
    products = [k for k, one in enumerate(network.layers) if isinstance(one.layer, Dense)]
    return products[len(products) // 2]


def encoder(network: Network) -> Function:
    """From the network's rows to their codes."""
    codes = network.layers[_second_half(network)].sources[0]
    return function(network.inputs, network.tensors()[codes])


def decoder(network: Network) -> Function:
    """From codes to the network's outputs."""
    behind = network.layers[_second_half(network) :]
    codes = output = placeholder((ROWS, *behind[0].input_shape), network.dtype, "codes")
    for placed in behind:
        output = placed.layer.apply([output], placed.parameters, Context(placed.name))
    return function([codes], output)
