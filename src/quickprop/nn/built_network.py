"""A network with its variables, and its function as graph: what is run, trained and looked at."""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from quickprop.config import DType, as_dtype
from quickprop.errors import SettingError, ShapeError
from quickprop.foundation.random_streams import SEED
from quickprop.foundation.settings import component, optional
from quickprop.graph import ROWS, Tensor, placeholder
from quickprop.losses import LOSSES, Loss, links_of
from quickprop.nn.architecture import Architecture
from quickprop.nn.build import build, copied
from quickprop.nn.category_checks import check_codes
from quickprop.nn.input_order import by_name, in_order
from quickprop.nn.layers.activation import Activation
from quickprop.nn.layers.dense import Dense
from quickprop.nn.layers.layer import Context, Lookup, ParameterSpec
from quickprop.ops.elementary import concat

#: A loss, or the name of one that needs no settings.
LOSS = optional(component(LOSSES, Loss))


class BuiltNetwork(ABC):  # noqa: B024
    """An architecture with variables: its function, and what there is to know of it.

    Parameters
    ----------
    architecture : Architecture
    seed : int
        Of the starting weights.
    dtype : {"float32", "float64"}
    weights : mapping of str to array, optional
        Values of all variables by their full names, in place of starting weights.

    Attributes
    ----------
    inputs : tuple of Tensor
        Placeholders.
    layers : tuple of BuiltLayer
    outputs : tuple of str
    features : int
    """

    def __init__(
        self,
        architecture: Architecture,
        seed: int,
        dtype: DType | str,
        weights: Mapping[str, Any] | None,
    ) -> None:
        self.dtype = as_dtype(dtype)
        if not self.dtype.is_float:
            raise SettingError(
                "a network needs floating-point numbers",
                where="Network.dtype",
                allowed="float32, float64",
                given=self.dtype.value,
            )
        self.seed: int = SEED.checked(seed, "Network.seed")
        self.architecture = architecture
        self.outputs = architecture.outputs
        self.features = architecture.features
        self.inputs = tuple(
            placeholder(
                (ROWS, *leaf.row_shape), DType.int32 if leaf.codes else self.dtype, leaf.name
            )
            for leaf in architecture.inputs
        )
        self.layers = build(architecture, self.seed, self.dtype, weights)
        names = architecture.names
        if names.categories is not None or names.levels is not None:
            levels = self.categories
        else:
            levels = ()  # Not counted for nothing: there may be a great many columns.
        shapes = {layer.name: layer.output_shape for layer in self.layers}
        outputs = sum(math.prod(shapes[name]) for name in self.outputs)
        names.check_counts(self.features, levels, outputs)

    def _become_copy(self, other: BuiltNetwork) -> None:
        """Take over all of another network, with variables of one's own.

        Searches copy a network hundreds of times: shapes and names are not found anew.
        """
        self.dtype, self.seed = other.dtype, other.seed
        self.architecture = other.architecture
        self.outputs, self.features, self.inputs = other.outputs, other.features, other.inputs
        self.layers = copied(other.layers)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the numeric inputs."""
        return self.architecture.names.inputs or tuple(f"x{k + 1}" for k in range(self.features))

    @property
    def output_names(self) -> tuple[str, ...] | None:
        """Names of the numbers that come out, such as classes; None when none were given."""
        return self.architecture.names.outputs

    # -- what it computes -------------------------------------------------------------------------

    def tensors(
        self,
        training: bool = False,
        seed: Tensor | None = None,
        step: Tensor | None = None,
        *,
        updates: list[tuple[Tensor, Tensor]] | None = None,
    ) -> dict[str, Tensor]:
        """The result of every layer and every input by its name, as graph of `inputs`.

        Parameters
        ----------
        training : bool
            Switches dropout on.
        seed, step : Tensor, optional
            int32 scalars for random layers; needed in training when there are any.
        updates : list, optional
            Takes the new values of variables that a training step gathers, such as running means.
        """
        gathered = [] if updates is None else updates
        found = {str(leaf.name): leaf for leaf in self.inputs}
        for placed in self.layers:
            context = Context(placed.name, training, seed, step, gathered, self.dtype)
            sources = [found[source] for source in placed.sources]
            found[placed.name] = placed.layer.apply(sources, placed.parameters, context)
        return found

    def results(
        self,
        training: bool = False,
        seed: Tensor | None = None,
        step: Tensor | None = None,
        *,
        links: Sequence[str | None] | None = None,
        updates: list[tuple[Tensor, Tensor]] | None = None,
    ) -> tuple[Tensor, ...]:
        """All outputs (rows, ...) as graph of `inputs`.

        Parameters
        ----------
        training, seed, step, updates
            As `tensors` takes them.
        links : sequence of str or None, optional
            For each output an activation that the loss contains, to be left out at its end.
        """
        found = self.tensors(training, seed, step, updates=updates)
        placed = {layer.name: layer for layer in self.layers}
        picked = []
        for name, link in zip(self.outputs, links or (None,) * len(self.outputs), strict=True):
            last = placed[name]
            left_out = link is not None and last.layer == Activation(link)
            picked.append(found[last.sources[0] if left_out else name])
        return tuple(picked)

    def output(
        self,
        training: bool = False,
        seed: Tensor | None = None,
        step: Tensor | None = None,
        *,
        loss: Loss | str | None = None,
        updates: list[tuple[Tensor, Tensor]] | None = None,
    ) -> Tensor:
        """The output (rows, ...) as graph of `inputs`; several outputs side by side (rows, width).

        Parameters
        ----------
        training, seed, step, updates
            As `tensors` takes them.
        loss : Loss or str, optional
            What comes next: an activation at the end that it contains is left out. Of several
            outputs each is taken for a head of `Heads`.
        """
        wanted = LOSS.checked(loss, "Network.output.loss")
        links = () if wanted is None else links_of(wanted)
        if len(links) != len(self.outputs):
            links = (None,) * len(self.outputs)
        results = self.results(training, seed, step, links=links, updates=updates)
        if len(results) == 1:
            return results[0]
        assert self.widths  # All of them vectors.
        return concat(results)

    # -- what it is given -------------------------------------------------------------------------

    def in_order(self, arrays: Sequence[Any]) -> tuple[Any, ...]:
        """One array for each input: a mapping by their names, a frame by the names of its columns.

        Columns are found by `input_names`, where these were given.

        Raises
        ------
        DataError
            When an input is missing or unknown, or when some columns are there and some are not.
        """
        if len(arrays) == 1 and isinstance(arrays[0], Mapping):
            arrays = by_name(arrays[0], [leaf.name for leaf in self.architecture.inputs])
        numeric = [k for k, leaf in enumerate(self.architecture.inputs) if not leaf.codes]
        if (
            self.architecture.names.inputs is None
            or len(numeric) != 1
            or len(arrays) != len(self.architecture.inputs)
        ):
            return tuple(arrays)
        names = self.architecture.names.inputs
        return tuple(in_order(x, names) if k in numeric else x for k, x in enumerate(arrays))

    @property
    def categories(self) -> tuple[int, ...]:
        """Number of levels of each column of category codes."""
        return tuple(levels for limits in self._limits().values() for levels in limits)

    def _limits(self) -> dict[str, tuple[int, ...]]:
        """The levels of each column by the name of the input of codes."""
        shapes = {leaf.name: leaf.row_shape for leaf in self.architecture.inputs if leaf.codes}
        found: dict[str, tuple[int, ...]] = {}
        for placed in self.layers:
            if isinstance(placed.layer, Lookup):
                name = placed.sources[-1]
                levels = placed.layer.levels_of(math.prod(shapes[name]))
                before = found.get(name, levels)
                found[name] = tuple(map(min, before, levels))
        return found

    def check_categories(self, *arrays: Any) -> None:
        """Raise `DataError` when a category code is outside the levels of its column.

        Parameters
        ----------
        *arrays : array
            One for each input.
        """
        limits = self._limits()
        if not limits or len(arrays) != len(self.inputs):
            return  # The check of shapes and types has the better message, here and below.
        for leaf, given in zip(self.architecture.inputs, arrays, strict=True):
            if leaf.codes and leaf.name in limits:
                check_codes(given, leaf, limits[leaf.name])

    # -- what is learned --------------------------------------------------------------------------

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """All learned variables, in the order of the layers."""
        return self._picked(lambda spec: spec.learned)

    @property
    def variables(self) -> tuple[Tensor, ...]:
        """The parameters, and what is gathered and not learned, such as running means."""
        return self._picked(lambda spec: True)

    def _picked(self, wanted: Callable[[ParameterSpec], bool]) -> tuple[Tensor, ...]:
        return tuple(
            placed.parameters[spec.name]
            for placed in self.layers
            for spec in placed.specs
            if wanted(spec)
        )

    @property
    def penalised(self) -> tuple[Tensor, ...]:
        """The variables that an L2 penalty counts: weights, not biases."""
        return self._picked(lambda spec: spec.learned and spec.penalised)

    @property
    def width(self) -> int:
        """How many numbers all outputs have in a row."""
        return sum(self.widths)

    @property
    def widths(self) -> tuple[int, ...]:
        """How many numbers each output has in a row, which must be a vector."""
        shapes = {placed.name: placed.output_shape for placed in self.layers}
        for name in self.outputs:
            if len(shapes[name]) != 1:
                raise ShapeError(
                    "the rows of an output are not vectors",
                    where=name,
                    allowed="(numbers,)",
                    given=str(shapes[name]),
                    hint="end with a Flatten()",
                )
        return tuple(shapes[name][0] for name in self.outputs)

    @property
    def parameter_count(self) -> int:
        """How many numbers are learned."""
        return sum(placed.parameter_count for placed in self.layers)

    def __repr__(self) -> str:
        if self.architecture.sequential and all(
            len(leaf.row_shape) == 1 for leaf in self.architecture.inputs
        ):
            shape = self._widths_in_a_row()
        else:
            given = ", ".join(
                " x ".join(map(str, leaf.row_shape)) for leaf in self.architecture.inputs
            )
            last = {placed.name: placed.output_shape for placed in self.layers}
            made = ", ".join(" x ".join(map(str, last[name])) for name in self.outputs)
            shape = f"{given} to {made} in {len(self.layers)} layers"
        return f"<Network {shape}, {self.parameter_count:,} parameters, {self.dtype.value}>"

    def _widths_in_a_row(self) -> str:
        widths = [str(sum(leaf.row_shape[0] for leaf in self.architecture.inputs))]
        for placed in self.layers:
            if isinstance(placed.layer, Activation):
                widths[-1] += f" {placed.layer.name}"
            elif isinstance(placed.layer, Dense):
                widths.append(str(placed.layer.width))
        return "-".join(widths)
