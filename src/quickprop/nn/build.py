"""From nodes to placed layers: names, shapes, and variables with their starting values."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from quickprop.config import DType
from quickprop.errors import SettingError, ShapeError, did_you_mean
from quickprop.foundation.random_streams import stream
from quickprop.graph import Tensor, show_shape, variable
from quickprop.nn.activations import ACTIVATIONS
from quickprop.nn.built_layer import BuiltLayer
from quickprop.nn.initializers import GlorotUniform, HeUniform, Initializer
from quickprop.nn.labels import Labelled, columns_of
from quickprop.nn.layers import Activation, Block, Embedding, Layer, Lookup, ParameterSpec, PReLU
from quickprop.nn.layers.layer import RowShape
from quickprop.nn.node import Applied, Input, Node

#: Most numbers of one parameter, 1 GiB in float32: more is a slip, or a file made to do harm.
LARGEST_PARAMETER = 2**28


@dataclass(frozen=True)
class LayerSpec:
    """A part with its name and the names of what it reads.

    Parameters
    ----------
    part : Part
    name : str
    sources : tuple of str
    """

    part: Layer
    name: str
    sources: tuple[str, ...]


@dataclass
class Plan:
    """The parts of a network in an order in which each reads only what stands before it.

    Parameters
    ----------
    inputs : list of Input
    layers : list of LayerSpec
    """

    inputs: list[Input] = field(default_factory=list)
    layers: list[LayerSpec] = field(default_factory=list)
    _names: dict[Node, str] = field(default_factory=dict)
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
                self._names[now] = self._place(now, scope)
        return self._names[node]

    def _place(self, node: Node, scope: str) -> str:
        if isinstance(node, Input):
            self._claim(node.name)
            self.inputs.append(node)
            return node.name
        assert isinstance(node, Applied)
        name = scope + (node.name or self._usual_name(node, scope))
        if isinstance(node.part, Block):
            # Only its inner parts are placed; the block's name goes before theirs.
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
        self._claim(name)
        sources = tuple(self._names[source] for source in node.sources)
        self.layers.append(LayerSpec(node.part, name, sources))
        return name

    def _usual_name(self, node: Applied, scope: str) -> str:
        kind = type(node.part).__name__.lower()
        counts = self._counts[scope]
        counts[kind] += 1
        if isinstance(node.part, Embedding) and counts[kind] == 1:
            return kind
        return f"{kind}{counts[kind]}"

    def _claim(self, name: str) -> None:
        taken = {spec.name for spec in self.layers} | {leaf.name for leaf in self.inputs}
        if name in taken:
            raise SettingError(
                "two parts of a network have one name", where=name, hint="give one another name"
            )


def check_sources(where: str, sources: Sequence[str], known: Sequence[str]) -> None:
    """Raise `SettingError` when a name stands for nothing that was placed before."""
    for source in sources:
        if source not in known:
            raise SettingError(
                "a layer reads something that does not stand before it",
                where=where,
                given=repr(source)[:80],
                hint=did_you_mean(source, known),
            )


def build(
    inputs: Sequence[Input],
    layers: Sequence[LayerSpec],
    seed: int,
    dtype: DType,
    input_names: Sequence[str] | None = None,
) -> tuple[BuiltLayer, ...]:
    """The layers with their variables.

    Parameters
    ----------
    inputs : sequence of Input
    layers : sequence of LayerSpec
    seed : int
    dtype : DType
    input_names : sequence of str, optional
        Names of all numeric inputs.

    Raises
    ------
    ShapeError
        When a part cannot read what stands before it.
    SettingError
        When a parameter would be too large.
    """
    shapes: dict[str, RowShape] = {leaf.name: leaf.row_shape for leaf in inputs}
    codes = {leaf.name for leaf in inputs if leaf.codes}
    specs: dict[str, tuple[ParameterSpec, ...]] = {}
    readers: defaultdict[str, list[LayerSpec]] = defaultdict(list)
    for item in layers:
        check_sources(item.name, item.sources, list(shapes))
        try:
            given = [shapes[source] for source in item.sources]
            specs[item.name] = item.part.parameter_specs(given)
            shapes[item.name] = item.part.result_shape(given)
        except ShapeError as error:
            raise ShapeError(
                error.what,
                where=item.name,
                allowed=error.allowed,
                given=error.given,
                hint=error.hint,
            ) from None
        for position, source in enumerate(item.sources):
            wants = isinstance(item.part, Lookup) and position == len(item.sources) - 1
            if wants != (source in codes):
                raise SettingError(
                    "reads category codes" if wants else "cannot read category codes",
                    where=item.name,
                    given=f"{source}, which {'are numbers' if wants else 'are codes'}",
                    hint="Input(..., codes=True)" if wants else "put an Embedding between",
                )
            readers[source].append(item)
    made = []
    taken: set[str] = set()
    found: dict[str, Labelled] = {**columns_of(inputs, input_names)}
    for item in layers:
        variables: dict[str, Tensor] = {}
        for spec in specs[item.name]:
            full = f"{item.name}.{spec.name}"
            if full in taken:
                raise SettingError("two parameters have one name", where=full)
            taken.add(full)
            if math.prod(spec.shape) > LARGEST_PARAMETER:
                raise SettingError(
                    "a parameter is too large",
                    where=full,
                    allowed=f"at most {LARGEST_PARAMETER:,} numbers",
                    given=show_shape(spec.shape),
                    hint="use narrower layers or fewer inputs",
                )
            initializer = spec.initializer or _suited(item, readers, specs)
            start = initializer.draw(spec.shape, stream(seed, full))
            variables[spec.name] = variable(start, dtype, full)
        made.append(
            BuiltLayer(
                item.part,
                item.name,
                variables,
                tuple(shapes[source] for source in item.sources),
                shapes[item.name],
                item.sources,
                specs[item.name],
                tuple(found[source] for source in item.sources),
            )
        )
        found[item.name] = made[-1]
    return tuple(made)


def copied(layers: Sequence[BuiltLayer]) -> tuple[BuiltLayer, ...]:
    """The layers in the same layers, with variables of their own that begin with their values."""
    made: dict[int, BuiltLayer] = {}
    for placed in layers:
        variables = {
            name: variable(leaf.value, leaf.dtype, leaf.name)
            for name, leaf in placed.parameters.items()
        }
        reads = tuple(made.get(id(source), source) for source in placed.reads)
        made[id(placed)] = replace(placed, parameters=variables, reads=reads)
    return tuple(made.values())


def _suited(
    item: LayerSpec,
    readers: Mapping[str, Sequence[LayerSpec]],
    specs: Mapping[str, tuple[ParameterSpec, ...]],
) -> Initializer:
    """The initializer that suits the next activation, if one comes before the next weights."""
    following = readers.get(item.name, ())
    while following:
        reader = following[0]
        if isinstance(reader.part, Activation):
            return ACTIVATIONS[reader.part.name].initializer
        if isinstance(reader.part, PReLU):
            return HeUniform()
        if any(spec.initializer is None for spec in specs[reader.name]):
            break
        following = readers.get(reader.name, ())
    return GlorotUniform()
