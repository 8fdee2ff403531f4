"""A feed-forward network: layers and what they read, parameters, and its function as graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from quickprop import config
from quickprop.config import DType, as_dtype
from quickprop.errors import ModelFileError, SettingError, ShapeError
from quickprop.execution import Function, function
from quickprop.foundation.settings import (
    Component,
    follows_from_settings,
    from_document,
    integer,
    optional,
    sequence_of,
    text,
)
from quickprop.graph import ROWS, Tensor, placeholder, show_shape
from quickprop.losses import Loss, links_of
from quickprop.nn import views
from quickprop.nn.build import LayerSpec, Plan, build, check_sources, copied
from quickprop.nn.category_checks import check_codes
from quickprop.nn.input_order import by_name, in_order
from quickprop.nn.layers import (
    LAYERS,
    Activation,
    Block,
    Context,
    Dense,
    Layer,
    Lookup,
    ParameterSpec,
)
from quickprop.nn.node import Input, Node
from quickprop.nn.sequential import chained, drawn_outputs, layers_in_a_row, row_document
from quickprop.ops.elementary import concat

_NAMES = optional(sequence_of(text()))
#: The fields of a document: of layers in a row, and of a graph of layers.
_ROW = ("features", "categories", "layers", "seed", "dtype")
_GRAPH = ("inputs", "layers", "outputs", "seed", "dtype")


class Network:
    """Layers, what each reads, and their parameters.

    Parameters
    ----------
    layers : sequence of Layer, Node, or sequence of Node
        Layers in a row, such as ``[Dense(16), Activation("relu"), Dense(3)]``; or what was drawn by
        calling layers on nodes, for a network that branches: its output, or its outputs.
    features : int or tuple of int, optional
        For layers in a row: the number of numeric inputs, or the shape of one, such as
        ``(28, 28, 1)``; may be 0 when there are categories.
    categories : sequence of int, optional
        For layers in a row: the number of levels of each categorical input. An `Embedding` of them
        is put in front unless the first layer is one.
    seed : int, optional
        The starting weights depend on it and on their names alone.
    dtype : {"float32", "float64"}, optional
    input_names : sequence of str, optional
        Names of the numeric inputs, for views and messages.

    Attributes
    ----------
    layers : tuple of BuiltLayer
        Each with its name, parameters, neurons and synapses.
    inputs : tuple of Tensor
        Placeholders. Of layers in a row: the numeric matrix if there are features, then the int32
        matrix of category codes if there are categories. Of what was drawn: in the order in which
        they are met on the way back from the outputs, the first source of a layer first.
    outputs : tuple of str
        The layers whose results are the network's outputs.
    parameters : tuple of Tensor
        All learned variables, named such as ``dense1.weight``.

    Examples
    --------
    >>> x = Input(8)
    >>> h = Activation("relu")(Dense(8)(x))
    >>> network = Network(Dense(1)(Add()(x, h)))
    """

    def __init__(
        self,
        layers: Sequence[Component] | Node | Sequence[Node],
        features: int | tuple[int, ...] = 0,
        categories: Sequence[int] = (),
        *,
        seed: int = 0,
        dtype: DType | str = DType.float32,
        input_names: Sequence[str] | None = None,
    ) -> None:
        plan = Plan()
        self._row: dict[str, Any] | None = None
        drawn = [layers] if isinstance(layers, Node) else layers
        if isinstance(drawn, list | tuple) and drawn and isinstance(drawn[0], Node):
            outputs = drawn_outputs(drawn, plan, features, categories)
        else:
            row, inputs = layers_in_a_row(layers, features, categories)  # type: ignore[arg-type]
            # The parts of a block are what is placed, and what a document knows.
            if not any(isinstance(layer, Block) for layer in row):
                self._row = row_document(row, features)
            outputs = (chained(row, inputs, plan),)
        self._set_up(plan.inputs, plan.layers, outputs, seed, dtype, input_names)

    def _set_up(
        self,
        inputs: Sequence[Input],
        specs: Sequence[LayerSpec],
        outputs: Sequence[str],
        seed: int,
        dtype: DType | str,
        input_names: Sequence[str] | None,
    ) -> None:
        self.dtype = as_dtype(dtype)
        if not self.dtype.is_float:
            raise SettingError(
                "a network needs floating-point numbers",
                where="Network.dtype",
                allowed="float32, float64",
                given=self.dtype.value,
            )
        self.seed: int = integer(0).checked(seed, "Network.seed")
        self._inputs = tuple(inputs)
        self.inputs = tuple(
            placeholder(
                (ROWS, *leaf.row_shape), DType.int32 if leaf.codes else self.dtype, leaf.name
            )
            for leaf in inputs
        )
        self.features = sum(math.prod(leaf.row_shape) for leaf in inputs if not leaf.codes)
        names = _NAMES.checked(input_names, "Network.input_names")
        if names is not None and len(names) != self.features:
            raise SettingError(
                "not a name for each input",
                where="Network.input_names",
                allowed=f"{self.features} names",
                given=len(names),
            )
        self.layers = build(inputs, specs, self.seed, self.dtype, names)
        check_sources("Network.outputs", outputs, [placed.name for placed in self.layers])
        self.outputs = tuple(outputs)
        self._input_names: tuple[str, ...] | None = names
        self._predictors: dict[str, Function] = {}

    def copy_with_new_variables(self) -> Network:
        """A network of the same layers, with variables of its own that begin with these values."""
        other: Network = object.__new__(type(self))
        vars(other).update(vars(self), layers=copied(self.layers), _predictors={})
        return other

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the numeric inputs."""
        return self._input_names or tuple(f"x{k + 1}" for k in range(self.features))

    @property
    def structure_key(self) -> Hashable | None:
        """Equal for networks with equal graphs; None where code of users has a say in them."""
        if not all(follows_from_settings(placed.layer) for placed in self.layers):
            return None
        return (
            tuple((leaf.row_shape, leaf.name, leaf.codes) for leaf in self._inputs),
            tuple((placed.layer, placed.name, placed.sources) for placed in self.layers),
            self.outputs,
            self.dtype,
        )

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
            context = Context(placed.name, training, seed, step, gathered)
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
        loss: Loss | None = None,
        updates: list[tuple[Tensor, Tensor]] | None = None,
    ) -> Tensor:
        """The output (rows, ...) as graph of `inputs`; several outputs side by side (rows, width).

        Parameters
        ----------
        training, seed, step, updates
            As `tensors` takes them.
        loss : Loss, optional
            What comes next: an activation at the end that it contains is left out. Of several
            outputs each is taken for a head of `Heads`.
        """
        links = () if loss is None else links_of(loss)
        if len(links) != len(self.outputs):
            links = (None,) * len(self.outputs)
        results = self.results(training, seed, step, links=links, updates=updates)
        if len(results) == 1:
            return results[0]
        assert self.widths  # All of them vectors.
        return concat(results)

    def predict(self, *arrays: Any, backend: str | None = None) -> Any:
        """The outputs (n, ...) for n rows of each input; compiled at the first call.

        They stand in the order of `inputs`, or in one mapping by the names of the inputs. Columns
        of a frame are found by `input_names`, where these were given.

        Returns
        -------
        array, or tuple of array when the network has several outputs

        Raises
        ------
        ShapeError, DTypeError, DataError
            When an array does not fit its input.
        """
        backend = config.backend_of(backend, "predict.backend")
        run = self._predictors.get(backend)
        if run is None:
            results = self.results()
            run = function(
                self.inputs, results if len(results) > 1 else results[0], backend=backend
            )
            self._predictors[backend] = run
        arrays = self.in_order(arrays)
        self.check_categories(*arrays)
        return run(*arrays)

    def in_order(self, arrays: Sequence[Any]) -> tuple[Any, ...]:
        """One array for each input: a mapping by their names, a frame by the names of its columns.

        Columns are found by `input_names`, where these were given.

        Raises
        ------
        DataError
            When an input is missing or unknown, or when some columns are there and some are not.
        """
        if len(arrays) == 1 and isinstance(arrays[0], Mapping):
            arrays = by_name(arrays[0], [leaf.name for leaf in self._inputs])
        numeric = [k for k, leaf in enumerate(self._inputs) if not leaf.codes]
        if self._input_names is None or len(numeric) != 1 or len(arrays) != len(self._inputs):
            return tuple(arrays)
        names = self._input_names
        return tuple(in_order(x, names) if k in numeric else x for k, x in enumerate(arrays))

    @property
    def categories(self) -> tuple[int, ...]:
        """Number of levels of each column of category codes."""
        return tuple(levels for limits in self._limits().values() for levels in limits)

    def _limits(self) -> dict[str, tuple[int, ...]]:
        """The levels of each column by the name of the input of codes."""
        shapes = {leaf.name: leaf.row_shape for leaf in self._inputs if leaf.codes}
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
        for leaf, given in zip(self._inputs, arrays, strict=True):
            if leaf.codes and leaf.name in limits:
                check_codes(given, leaf, limits[leaf.name])

    # -- parameters -------------------------------------------------------------------------------

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

    def weights(self) -> dict[str, np.ndarray]:
        """A copy of every variable by its full name."""
        return {str(p.name): p.value for p in self.variables}

    def set_weights(self, weights: Mapping[str, Any]) -> None:
        """Put values into all variables; nothing is changed unless all of them fit.

        Raises
        ------
        ShapeError, SettingError
            When a name is missing or unknown, or a shape is another one.
        """
        if not isinstance(weights, Mapping):
            raise SettingError(
                "not a mapping of names to arrays", where="weights", given=type(weights).__name__
            )
        own = {str(p.name): p for p in self.variables}
        for name in weights:
            if name not in own:
                raise SettingError("no such parameter", where="weights", given=repr(name)[:80])
        arrays = {}
        for name, parameter in own.items():
            if name not in weights:
                raise SettingError("a parameter is missing", where="weights", allowed=name)
            array = np.asarray(weights[name])
            if array.dtype.kind not in "biuf":
                raise SettingError(
                    "a parameter does not hold numbers", where=name, given=str(array.dtype)
                )
            if array.shape != parameter.shape:
                raise ShapeError(
                    "a parameter has another shape",
                    where=name,
                    allowed=show_shape(parameter.shape),
                    given=show_shape(array.shape),
                )
            arrays[name] = array
        for name, array in arrays.items():
            own[name].assign(array)

    # -- as data ----------------------------------------------------------------------------------

    def to_document(self) -> dict[str, Any]:
        """Everything but the weights, as JSON can hold it."""
        document: dict[str, Any]
        if self._row is not None:
            document = dict(self._row)
        else:
            document = {
                "inputs": [
                    {"shape": list(leaf.row_shape), "name": leaf.name, "codes": leaf.codes}
                    for leaf in self._inputs
                ],
                "layers": [
                    {
                        "name": placed.name,
                        "sources": list(placed.sources),
                        "layer": placed.layer.to_document(),
                    }
                    for placed in self.layers
                ],
                "outputs": list(self.outputs),
            }
        document |= {"seed": self.seed, "dtype": self.dtype.value}
        if self._input_names is not None:
            document["input_names"] = list(self._input_names)
        return document

    @classmethod
    def from_document(cls, document: object) -> Network:
        """The network of a document, with its starting weights.

        Raises
        ------
        ModelFileError
            When a field is missing, unknown or holds what it may not.
        """
        if not isinstance(document, dict):
            raise ModelFileError(
                "not a description of a network", where="network", given=type(document).__name__
            )
        drawn = "inputs" in document
        fields = _GRAPH if drawn else _ROW
        for name in fields:
            if name not in document:
                raise ModelFileError("a field is missing", where=f"network.{name}")
        for name in document:
            if name not in (*fields, "input_names"):
                raise ModelFileError("unknown field", where=f"network.{str(name)[:80]}")
        for name in ("layers", "inputs", "outputs"):
            if name in document and not isinstance(document[name], list):
                raise ModelFileError("not a list", where=f"network.{name}")
        try:
            return cls._of_graph(document) if drawn else cls._of_row(document)
        except (SettingError, ShapeError) as error:
            raise ModelFileError(
                error.what, where=f"network: {error.where}", allowed=error.allowed
            ) from None
        except (TypeError, KeyError):
            raise ModelFileError("a field is missing or not of its kind", where="network") from None

    @classmethod
    def _of_row(cls, document: Mapping[str, Any]) -> Network:
        layers = [
            from_document(part, LAYERS, f"network.layers[{position}]")
            for position, part in enumerate(document["layers"])
        ]
        features = document["features"]
        return cls(
            layers,
            tuple(features) if isinstance(features, list) else features,
            document["categories"],
            seed=document["seed"],
            dtype=document["dtype"],
            input_names=document.get("input_names"),
        )

    @classmethod
    def _of_graph(cls, document: Mapping[str, Any]) -> Network:
        inputs = [
            Input(tuple(leaf["shape"]), leaf["name"], leaf["codes"]) for leaf in document["inputs"]
        ]
        names = {leaf.name for leaf in inputs}
        if len(names) != len(inputs):
            raise SettingError("a name stands twice", where="inputs")
        specs = []
        for position, item in enumerate(document["layers"]):
            where = f"network.layers[{position}]"
            part = from_document(item["layer"], LAYERS, f"{where}.layer")
            name, sources = (
                item["name"],
                sequence_of(text()).checked(item["sources"], f"{where}.sources"),
            )
            text().checked(name, f"{where}.name")
            if not isinstance(part, Layer) or name in names:
                raise SettingError("not a layer of its own", where=where)
            names.add(name)
            specs.append(LayerSpec(part, name, sources))
        outputs = sequence_of(text()).checked(document["outputs"], "network.outputs")
        network = cls.__new__(cls)
        network._row = None
        network._set_up(
            inputs,
            specs,
            outputs,
            document["seed"],
            document["dtype"],
            document.get("input_names"),
        )
        return network

    def __getstate__(self) -> dict[str, Any]:
        return {"document": self.to_document(), "weights": self.weights()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(Network.from_document(state["document"]).__dict__)
        self.set_weights(state["weights"])

    def __repr__(self) -> str:
        if self._row is not None and all(len(leaf.row_shape) == 1 for leaf in self._inputs):
            shape = self._widths_in_a_row()
        else:
            given = ", ".join(" x ".join(map(str, leaf.row_shape)) for leaf in self._inputs)
            last = {placed.name: placed.output_shape for placed in self.layers}
            made = ", ".join(" x ".join(map(str, last[name])) for name in self.outputs)
            shape = f"{given} to {made} in {len(self.layers)} layers"
        return f"<Network {shape}, {self.parameter_count:,} parameters, {self.dtype.value}>"

    def _widths_in_a_row(self) -> str:
        widths = [str(sum(leaf.row_shape[0] for leaf in self._inputs))]
        for placed in self.layers:
            if isinstance(placed.layer, Activation):
                widths[-1] += f" {placed.layer.name}"
            elif isinstance(placed.layer, Dense):
                widths.append(str(placed.layer.width))
        return "-".join(widths)

    # -- seeing inside ----------------------------------------------------------------------------

    def summary(self, rows: int = 32) -> views.Summary:
        """A table of layers, shapes, parameters, and the memory for so many rows."""
        return views.summary(self, rows)

    def trace(
        self,
        x: Any,
        target: Any = None,
        loss: Loss | None = None,
        *,
        backend: str | None = None,
    ) -> views.Trace:
        """Everything that happens in the network for some rows.

        Parameters
        ----------
        x : array
            Rows of the only input, or a list of rows for each input.
        target : array, optional
            With it the trace holds the loss and its derivatives.
        loss : Loss, optional
            By default `MeanSquaredError`.
        backend : {"native", "reference"}, optional
        """
        return views.trace(self, x, target, loss, backend=backend)

    def diagram(self) -> views.Diagram:
        """Neurons and synapses as a picture (SVG), which notebooks show."""
        return views.diagram(self)

    def _repr_svg_(self) -> str:
        return self.diagram().svg
