"""Several networks of the same inputs made one, with a layer at the end that joins them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from quickprop.errors import SettingError
from quickprop.nn.architecture import Architecture, LayerSpec
from quickprop.nn.built_network import BuiltNetwork
from quickprop.nn.layers.layer import Layer
from quickprop.nn.network import Network
from quickprop.nn.node import Input


def joined(networks: Sequence[BuiltNetwork], end: Layer) -> Network:
    """One network that holds all, with their weights of now, and joins what they give.

    Parameters
    ----------
    networks : sequence of Network
        With one output each. Inputs of one name are one input, and must have one shape.
    end : Layer
        Reads the output of each, in this order.

    Raises
    ------
    SettingError, ShapeError
        When the networks do not fit together.

    Examples
    --------
    >>> from quickprop import Dense, Network, WeightedMean
    >>> from quickprop.nn import joined
    >>> one, other = (Network([Dense(1)], features=3, seed=seed) for seed in (0, 1))
    >>> both = joined([one, other], WeightedMean((0.5, 0.5)))
    >>> rows = [[1.0, 2.0, 3.0]]
    >>> bool(abs(both.predict(rows) - (one.predict(rows) + other.predict(rows)) / 2) < 1e-6)
    True
    """
    if not networks:
        raise SettingError("no networks to join", where="joined.networks")
    inputs: dict[str, Input] = {}
    layers: list[LayerSpec] = []
    ends: list[str] = []
    weights = {}
    for number, network in enumerate(networks, start=1):
        own = network.architecture
        if len(own.outputs) != 1:
            raise SettingError(
                "only networks of one output are joined", where=f"joined.networks[{number - 1}]",
                given=len(own.outputs),
            )  # fmt: skip
        for leaf in own.inputs:
            known = inputs.setdefault(leaf.name, leaf)
            if (known.row_shape, known.codes) != (leaf.row_shape, leaf.codes):
                raise SettingError(
                    "two inputs of one name and different shapes",
                    where=f"joined.networks[{number - 1}].{leaf.name}",
                    allowed=str(known.row_shape),
                    given=str(leaf.row_shape),
                )
        # Names of layers hold no dot, but those of blocks' layers do.
        prefix = f"member{number}_"
        given = {leaf.name for leaf in own.inputs}
        for spec in own.layers:
            sources = tuple(s if s in given else prefix + s for s in spec.sources)
            layers.append(replace(spec, name=prefix + spec.name, sources=sources))
        ends.append(prefix + own.outputs[0])
        weights.update({prefix + str(leaf.name): leaf.value for leaf in network.variables})
    layers.append(LayerSpec(end, "mean", tuple(ends)))
    first = networks[0]
    architecture = Architecture(
        tuple(inputs.values()), tuple(layers), ("mean",), names=first.architecture.names
    )
    return Network(architecture, seed=first.seed, dtype=first.dtype, weights=weights)
