"""Reading the document of a network: every field checked, nothing drawn."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from quickprop.errors import ModelFileError
from quickprop.foundation.documents import Fields
from quickprop.foundation.settings import from_document, sequence_of, text
from quickprop.nn.architecture import Architecture, LayerSpec
from quickprop.nn.drawing import architecture_of
from quickprop.nn.layers.layer import LAYERS, Layer
from quickprop.nn.names import KEYWORDS, Names
from quickprop.nn.node import Input

#: The fields of a document: of layers in a row, and of a graph of layers.
SEQUENTIAL = ("features", "categories", "layers")
GRAPH = ("inputs", "layers", "outputs")
_TEXTS = sequence_of(text())


def check_fields(document: object, others: Collection[str]) -> Mapping[str, Any]:
    """The document, if it has all fields that it needs and no other.

    Parameters
    ----------
    document : object
        What JSON gave.
    others : collection of str
        The fields that are needed beside those of the architecture.

    Raises
    ------
    ModelFileError
    """
    fields = Fields(document, "network")
    architecture = GRAPH if "inputs" in fields else SEQUENTIAL
    fields.check_names((*architecture, *others), tuple(KEYWORDS.values()))
    assert isinstance(document, dict)
    for name in ("layers", "inputs", "outputs"):
        if name in document and not isinstance(document[name], list):
            raise ModelFileError("not a list", where=f"network.{name}")
    return document


def architecture_from(document: Mapping[str, Any]) -> Architecture:
    """The architecture of a document whose fields are all there.

    Raises
    ------
    ModelFileError, SettingError
        When a field holds what it may not.
    """
    names = Names(**{name: document.get(keyword) for name, keyword in KEYWORDS.items()})
    if "inputs" in document:
        return _graph_of(document, names)
    layers = [
        from_document(layer, LAYERS, f"network.layers[{position}]")
        for position, layer in enumerate(document["layers"])
    ]
    features = document["features"]
    shape = tuple(features) if isinstance(features, list) else features
    return architecture_of(layers, shape, document["categories"], names)


def _graph_of(document: Mapping[str, Any], names: Names) -> Architecture:
    """A graph of layers."""
    read = Fields(document, "network")
    inputs = []
    for leaf in read.objects("inputs"):
        inputs.append(Input(tuple(leaf.items("shape")), leaf.text("name"), leaf.flag("codes")))
    layers = []
    for item in read.objects("layers"):
        layer = from_document(item.value("layer"), LAYERS, f"{item.where}.layer")
        name = text().checked(item.value("name"), f"{item.where}.name")
        sources = _TEXTS.checked(item.value("sources"), f"{item.where}.sources")
        assert isinstance(layer, Layer)
        layers.append(LayerSpec(layer, name, sources))
    outputs = _TEXTS.checked(read.value("outputs"), "network.outputs")
    return Architecture(tuple(inputs), tuple(layers), outputs, names=names)
