"""What a network is made of, as frozen data: inputs, layers and what each reads, outputs, names."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from quickprop.errors import SettingError, did_you_mean
from quickprop.foundation.settings import follows_from_settings
from quickprop.nn.layers.activated import ActivatedLayer
from quickprop.nn.layers.embedding import Embedding
from quickprop.nn.layers.layer import Layer
from quickprop.nn.names import NAMELESS, Names
from quickprop.nn.node import Input


@dataclass(frozen=True)
class LayerSpec:
    """A layer with its name and the names of what it reads.

    Parameters
    ----------
    layer : Layer
    name : str
    sources : tuple of str
    """

    layer: Layer
    name: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Architecture:
    """Inputs, layers in an order in which each reads only what stands before it, and outputs.

    Parameters
    ----------
    inputs : tuple of Input
    layers : tuple of LayerSpec
    outputs : tuple of str
        The layers whose results come out.
    sequential : bool
        Whether each layer reads the one before it and goes by its usual name, so that a document
        lists the layers alone.
    names : Names

    Raises
    ------
    SettingError
        When a name stands twice, or a layer reads what does not stand before it.
    """

    inputs: tuple[Input, ...]
    layers: tuple[LayerSpec, ...]
    outputs: tuple[str, ...]
    sequential: bool = False
    names: Names = NAMELESS

    def __post_init__(self) -> None:
        known = dict.fromkeys(leaf.name for leaf in self.inputs)
        if len(known) < len(self.inputs):
            raise SettingError("a name stands twice", where="Network.inputs")
        for spec in self.layers:
            check_sources(spec.name, spec.sources, known)
            if spec.name in known:
                raise SettingError("a name stands twice", where=spec.name)
            known[spec.name] = None
            if isinstance(spec.layer, ActivatedLayer) and spec.layer.activation is not None:
                raise SettingError(
                    "a layer with its activation inside",
                    where=spec.name,
                    given=spec.layer.activation,
                    hint="give the activation a LayerSpec of its own",
                )
        check_sources("Network.outputs", self.outputs, {spec.name for spec in self.layers})

    @property
    def features(self) -> int:
        """How many numbers all numeric inputs have in a row."""
        return sum(math.prod(leaf.row_shape) for leaf in self.inputs if not leaf.codes)

    @property
    def follows_from_settings(self) -> bool:
        """Whether no code of users has a say in what is computed."""
        return all(follows_from_settings(spec.layer) for spec in self.layers)

    # -- as data ----------------------------------------------------------------------------------

    def to_document(self) -> dict[str, Any]:
        """As JSON can hold it."""
        if self.sequential:
            document = self._sequential_document()
        else:
            document = {
                "inputs": [
                    {"shape": list(leaf.row_shape), "name": leaf.name, "codes": leaf.codes}
                    for leaf in self.inputs
                ],
                "layers": [
                    {
                        "name": spec.name,
                        "sources": list(spec.sources),
                        "layer": spec.layer.to_document(),
                    }
                    for spec in self.layers
                ],
                "outputs": list(self.outputs),
            }
        return document | self.names.to_document()

    def _sequential_document(self) -> dict[str, Any]:
        first = self.layers[0].layer
        columns = [leaf for leaf in self.inputs if not leaf.codes or leaf.name != "categories"]
        shape = columns[0].row_shape if columns else (0,)
        return {
            "features": list(shape) if len(shape) > 1 else shape[0],
            "categories": list(first.levels) if isinstance(first, Embedding) else [],
            "layers": [spec.layer.to_document() for spec in self.layers],
        }


def check_sources(where: str, sources: Sequence[str], known: Collection[str]) -> None:
    """Raise `SettingError` when a name stands for nothing that was there before."""
    for source in sources:
        if source not in known:
            raise SettingError(
                "a layer reads something that does not stand before it",
                where=where,
                given=repr(source)[:80],
                hint=did_you_mean(source, known),
            )
