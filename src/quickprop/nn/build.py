"""From an architecture to its layers with shapes, and variables with their starting values."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from quickprop.config import DType
from quickprop.errors import SettingError, ShapeError
from quickprop.foundation.random_streams import stream
from quickprop.graph import Tensor, show_shape, variable
from quickprop.nn.activations import ACTIVATIONS
from quickprop.nn.architecture import Architecture, LayerSpec
from quickprop.nn.built_layer import BuiltLayer
from quickprop.nn.initializers import GlorotUniform, HeUniform, Initializer
from quickprop.nn.labels import Labelled, columns_of
from quickprop.nn.layers.activation import Activation
from quickprop.nn.layers.layer import Lookup, ParameterSpec, RowShape
from quickprop.nn.layers.parametric_activation import ParametricActivation
from quickprop.nn.layers.prelu import PReLU
from quickprop.nn.weights import checked_weights

#: Most numbers of one parameter, 1 GiB in float32: more is a slip.
LARGEST_PARAMETER = 2**28


def build(
    architecture: Architecture,
    seed: int,
    dtype: DType,
    weights: Mapping[str, Any] | None = None,
) -> tuple[BuiltLayer, ...]:
    """The layers with their variables.

    All shapes are known and compared before a variable takes memory.

    Parameters
    ----------
    architecture : Architecture
    seed : int
    dtype : DType
    weights : mapping of str to array, optional
        The values of all variables by their full names; drawn by the seed unless given.

    Raises
    ------
    ShapeError
        When a layer cannot read what stands before it, or a value has another shape.
    SettingError
        When a parameter would be too large; when there is not a value for each variable.
    """
    shaped = _Shapes(architecture)
    shapes = dict(shaped.variables())
    if weights is None:
        _check_sizes(shapes)
        values: Mapping[str, np.ndarray] | None = None
    else:
        values = checked_weights(weights, shapes)
    names = _output_names(architecture, shaped)
    built: dict[str, BuiltLayer] = {}
    found: dict[str, Labelled] = {**columns_of(architecture.inputs, architecture.names)}
    for spec in architecture.layers:
        variables: dict[str, Tensor] = {}
        for parameter in shaped.parameters[spec.name]:
            full = f"{spec.name}.{parameter.name}"
            if values is None:
                initializer = parameter.initializer or shaped.suited(spec)
                start = initializer.draw(parameter.shape, stream(seed, full))
            else:
                start = values[full]
            variables[parameter.name] = variable(start, dtype, full)
        built[spec.name] = found[spec.name] = BuiltLayer(
            spec.layer,
            spec.name,
            variables,
            tuple(shaped.rows[source] for source in spec.sources),
            shaped.rows[spec.name],
            spec.sources,
            shaped.parameters[spec.name],
            tuple(found[source] for source in spec.sources),
            names.get(spec.name),
        )
    return tuple(built.values())


def copied(layers: Sequence[BuiltLayer]) -> tuple[BuiltLayer, ...]:
    """The layers with variables of their own, which begin with the values of these."""
    made: dict[int, BuiltLayer] = {}
    for layer in layers:
        variables = {
            name: variable(leaf.value, leaf.dtype, leaf.name)
            for name, leaf in layer.parameters.items()
        }
        reads = tuple(made.get(id(source), source) for source in layer.reads)
        made[id(layer)] = replace(layer, parameters=variables, reads=reads)
    return tuple(made.values())


def _check_sizes(shapes: Mapping[str, RowShape]) -> None:
    for name, shape in shapes.items():
        if math.prod(shape) > LARGEST_PARAMETER:
            raise SettingError(
                "a parameter is too large",
                where=name,
                allowed=f"at most {LARGEST_PARAMETER:,} numbers",
                given=show_shape(shape),
                hint="use narrower layers or fewer inputs",
            )


@dataclass(init=False)
class _Shapes:
    """The shape of a row of every input and layer, and what each layer's variables are.

    Attributes
    ----------
    rows : dict of str to tuple of int
    parameters : dict of str to tuple of ParameterSpec
    readers : dict of str to list of LayerSpec
    """

    rows: dict[str, RowShape]
    parameters: dict[str, tuple[ParameterSpec, ...]]
    readers: defaultdict[str, list[LayerSpec]]

    def __init__(self, architecture: Architecture) -> None:
        self.rows = {leaf.name: leaf.row_shape for leaf in architecture.inputs}
        self.parameters = {}
        self.readers = defaultdict(list)
        codes = {leaf.name for leaf in architecture.inputs if leaf.codes}
        for spec in architecture.layers:
            self._add(spec)
            for position, source in enumerate(spec.sources):
                wants = isinstance(spec.layer, Lookup) and position == len(spec.sources) - 1
                if wants != (source in codes):
                    raise SettingError(
                        "reads category codes" if wants else "cannot read category codes",
                        where=spec.name,
                        given=f"{source}, which {'are numbers' if wants else 'are codes'}",
                        hint="Input(..., codes=True)" if wants else "put an Embedding between",
                    )
                self.readers[source].append(spec)

    def _add(self, spec: LayerSpec) -> None:
        given = [self.rows[source] for source in spec.sources]
        try:
            self.parameters[spec.name] = spec.layer.parameter_specs(given)
            self.rows[spec.name] = spec.layer.result_shape(given)
        except ShapeError as error:
            raise ShapeError(
                error.what,
                where=spec.name,
                allowed=error.allowed,
                given=error.given,
                hint=error.hint,
            ) from None

    def variables(self) -> Iterator[tuple[str, RowShape]]:
        """The shape of every variable by its full name."""
        taken: set[str] = set()
        for name, parameters in self.parameters.items():
            for parameter in parameters:
                full = f"{name}.{parameter.name}"
                if full in taken:
                    raise SettingError("two parameters have one name", where=full)
                taken.add(full)
                yield full, parameter.shape

    def suited(self, spec: LayerSpec) -> Initializer:
        """The initializer that suits the next activation, if one is before the next weights."""
        following: Sequence[LayerSpec] = self.readers.get(spec.name, ())
        while following:
            reader = following[0]
            if isinstance(reader.layer, Activation | ParametricActivation):
                return ACTIVATIONS[reader.layer.name].initializer
            if isinstance(reader.layer, PReLU):
                return HeUniform()
            if any(parameter.initializer is None for parameter in self.parameters[reader.name]):
                break
            following = self.readers.get(reader.name, ())
        return GlorotUniform()


def _output_names(architecture: Architecture, shaped: _Shapes) -> dict[str, tuple[str, ...]]:
    """The names of what comes out, by the layers whose numbers bear them.

    An activation at the end gives the numbers of the layer before it, which are so named too.
    """
    names = architecture.names.outputs
    if names is None:
        return {}
    specs = {spec.name: spec for spec in architecture.layers}
    found = {}
    first = 0
    for output in architecture.outputs:
        count = math.prod(shaped.rows[output])
        own = names[first : first + count]
        first += count
        at: str | None = output
        while at is not None:
            found[at] = own
            spec = specs[at]
            before = spec.sources[0] if isinstance(spec.layer, Activation) else None
            alone = before in specs and len(shaped.readers[str(before)]) == 1
            at = before if alone else None
    return found
