"""Layers in a row: what may stand there, and the inputs that they read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quickprop.errors import SettingError
from quickprop.foundation.settings import Component, integer, sequence_of
from quickprop.nn.activations import ACTIVATIONS
from quickprop.nn.layers.embedding import Embedding
from quickprop.nn.layers.layer import LAYERS, Block, Layer, Lookup
from quickprop.nn.node import Applied, Input, Node


def layers_in_a_row(
    layers: Sequence[Component], features: int | tuple[int, ...], categories: Sequence[int]
) -> tuple[list[Component], list[Input]]:
    """Layers in a row, checked, an embedding of the categories in front; and their inputs."""
    if isinstance(layers, Component):
        raise SettingError(
            "a single layer", where="Network.layers", hint="put it into a list: [layer]"
        )
    try:
        kinds, levels = list(layers), tuple(categories)
    except TypeError:
        wrong = "layers" if not isinstance(layers, Iterable) else "categories"
        raise SettingError(
            "not a list",
            where=f"Network.{wrong}",
            allowed="a list of layers" if wrong == "layers" else "a list of numbers of levels",
            given=repr(layers if wrong == "layers" else categories)[:80],
        ) from None
    for position, layer in enumerate(kinds):
        if not isinstance(layer, Layer | Block):
            raise SettingError(
                "not a layer",
                where=f"Network.layers[{position}]",
                allowed=", ".join(LAYERS),
                given=repr(layer)[:80],
                hint=_layer_meant(layer),
            )
        if position and isinstance(layer, Lookup):
            raise SettingError(
                "an embedding must be the first layer", where=f"Network.layers[{position}]"
            )
    front = kinds[0] if kinds else None
    if levels:
        embedding = Embedding(levels)
        if not isinstance(front, Lookup):
            kinds.insert(0, embedding)
        elif not isinstance(front, Embedding) or front.levels != embedding.levels:
            raise SettingError(
                "other levels than those of the embedding",
                where="Network.categories",
                allowed=str(front.levels if isinstance(front, Embedding) else ()),
                given=str(levels),
            )
    if not kinds:
        raise SettingError("a network needs at least one layer", where="Network.layers")
    if isinstance(features, list | tuple):
        shape = sequence_of(integer(1, 2**24)).checked(features, "Network.features")
    else:
        shape = (integer(0, 2**24).checked(features, "Network.features"),)
    inputs = []
    first = kinds[0]
    if isinstance(first, Embedding):
        inputs = [Input(len(first.levels), "categories", codes=True)]
    elif isinstance(first, Lookup):
        return kinds, [Input(shape, "tokens", codes=True)]
    if shape != (0,):
        inputs.insert(0, Input(shape))
    if not inputs:
        raise SettingError(
            "a network needs at least one input",
            where="Network.features",
            allowed="1 or more, or 0 with categories",
            given=0,
        )
    return kinds, inputs


def _layer_meant(given: object) -> str | None:
    """A hint for a class, or the name of an activation, in place of a layer."""
    if isinstance(given, type) and given.__name__ in LAYERS:
        return f"make one: {given.__name__}(...)"
    known = isinstance(given, str) and given in ACTIVATIONS
    return f"write Activation({given!r})" if known else None


def chained(row: Sequence[Component], inputs: Sequence[Input]) -> Node:
    """Each layer applied to the one before it, the first to the inputs; gives the last."""
    node: Node = Applied(row[0], tuple(inputs))
    for layer in row[1:]:
        node = Applied(layer, (node,))
    return node
