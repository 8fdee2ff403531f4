"""From layers in a row, or nodes that were drawn, to an architecture."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from quickprop.errors import SettingError
from quickprop.foundation.settings import Component
from quickprop.nn.architecture import Architecture, LayerSpec
from quickprop.nn.layers.activated import ActivatedLayer
from quickprop.nn.layers.embedding import Embedding
from quickprop.nn.layers.layer import Block, Layer
from quickprop.nn.names import Names
from quickprop.nn.node import Applied, Input, Node
from quickprop.nn.sequential import chained, layers_in_a_row


def architecture_of(
    layers: Sequence[Component] | Node | Sequence[Node],
    features: int | tuple[int, ...],
    categories: Sequence[int],
    names: Names,
) -> Architecture:
    """The architecture of what `Network` is given.

    Raises
    ------
    SettingError
        When something is not a layer, not a node, or has a name that another has.
    """
    plan = Plan()
    drawn = [layers] if isinstance(layers, Node) else layers
    if isinstance(drawn, list | tuple) and drawn and isinstance(drawn[0], Node):
        outputs = _drawn_outputs(drawn, plan, features, categories)
        sequential = False
    else:
        row, inputs = layers_in_a_row(layers, features, categories)  # type: ignore[arg-type]
        for leaf in inputs:
            plan.add(leaf)
        outputs = (plan.add(chained(row, inputs)),)
        # A block's layers have its name before theirs, which a list of layers does not tell.
        sequential = not any(isinstance(layer, Block) for layer in row)
    return Architecture(tuple(plan.inputs), tuple(plan.layers), outputs, sequential, names)


def _drawn_outputs(
    drawn: Sequence[Any], plan: Plan, features: object, categories: object
) -> tuple[str, ...]:
    """Put nodes into the plan; gives the names of the outputs."""
    if features or categories:
        raise SettingError(
            "a drawn network knows its inputs itself",
            where="Network.features",
            allowed="none, with nodes",
            given=repr(features or categories)[:80],
        )
    for node in drawn:
        if not isinstance(node, Applied):
            raise SettingError(
                "not the result of a layer", where="Network.layers", given=repr(node)[:80]
            )
    return tuple(plan.add(node) for node in drawn)


@dataclass
class Plan:
    """The layers of a network in an order in which each reads only what stands before it.

    Parameters
    ----------
    inputs : list of Input
    layers : list of LayerSpec
    """

    inputs: list[Input] = field(default_factory=list)
    layers: list[LayerSpec] = field(default_factory=list)
    _names: dict[Node, str] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)
    _counts: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, node: Node, scope: str = "") -> str:
        """Put a node and all that it needs into the plan; gives its name."""
        # A list of our own and not recursion: networks may be deeper than Python's stack.
        waiting = [node]
        while waiting:
            now = waiting[-1]
            missing = []
            if isinstance(now, Applied) and now not in self._names:
                missing = [source for source in now.sources if source not in self._names]
            if missing:
                waiting += reversed(missing)
                continue
            waiting.pop()
            if now not in self._names:
                self._names[now] = self._named(now, scope)
        return self._names[node]

    def _named(self, node: Node, scope: str) -> str:
        if isinstance(node, Input):
            self._claim(node.name)
            self.inputs.append(node)
            return node.name
        assert isinstance(node, Applied)
        name = scope + (node.name or self._usual_name(node.part, scope))
        if isinstance(node.part, Block):
            # Only its inner layers are named; the block's name goes before theirs.
            drawn = node.part.draw(*node.sources)
            if not isinstance(drawn, Node):
                raise SettingError(
                    "a block drew something that is not part of a network",
                    where=name,
                    allowed="what a layer gave",
                    given=repr(drawn)[:80],
                )
            return self.add(drawn, f"{name}.")
        if not isinstance(node.part, Layer):
            raise SettingError("not a layer", where=name, given=repr(node.part)[:80])
        sources = tuple(self._names[source] for source in node.sources)
        layer, activation = node.part, None
        if isinstance(layer, ActivatedLayer):
            layer, activation = layer.split()
        self._append(LayerSpec(layer, name, sources))
        if activation is None:
            return name
        behind = (
            f"{name}_{activation.name}"
            if node.name
            else scope + self._usual_name(activation, scope)
        )
        self._append(LayerSpec(activation, behind, (name,)))
        return behind

    def _append(self, spec: LayerSpec) -> None:
        self._claim(spec.name)
        self.layers.append(spec)

    def _usual_name(self, part: Component, scope: str) -> str:
        kind = type(part).__name__.lower()
        counts = self._counts[scope]
        counts[kind] += 1
        if isinstance(part, Embedding) and counts[kind] == 1:
            return kind
        return f"{kind}{counts[kind]}"

    def _claim(self, name: str) -> None:
        if name in self._taken:
            raise SettingError(
                "two parts of a network have one name", where=name, hint="give one another name"
            )
        self._taken.add(name)
