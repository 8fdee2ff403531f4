"""A feed-forward network: layers in a row, their parameters, and its function as graph."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from quickprop import config
from quickprop.config import DType, as_dtype
from quickprop.errors import DataError, ModelFileError, SettingError, ShapeError
from quickprop.execution import Function, function
from quickprop.graph import ROWS, Tensor, placeholder, show_shape, variable
from quickprop.nn.activations import ACTIVATIONS
from quickprop.nn.component import from_document, whole
from quickprop.nn.initializers import GlorotUniform, Initializer
from quickprop.nn.layers import LAYERS, Activation, Context, Dense, Embedding, Layer
from quickprop.nn.placed import PlacedLayer
from quickprop.nn.streams import stream

#: Most numbers of one parameter, 1 GiB in float32: more is a slip, or a file made to do harm.
LARGEST_PARAMETER = 2**28

_FIELDS = ("features", "categories", "layers", "seed", "dtype")


class Network:
    """Layers in a row, with their parameters.

    Parameters
    ----------
    layers : sequence of Layer
        Such as ``[Dense(16), Activation("relu"), Dense(3)]``.
    features : int
        Number of numeric inputs; may be 0 when there are categories.
    categories : sequence of int, optional
        Number of levels of each categorical input. An `Embedding` of them is put in front unless
        the first layer is one.
    seed : int, optional
        The starting weights depend on it and on their names alone.
    dtype : {"float32", "float64"}, optional

    Attributes
    ----------
    layers : tuple of PlacedLayer
        Each with its name, parameters, neurons and synapses.
    inputs : tuple of Tensor
        Placeholders: the numeric matrix if there are features, then the int32 matrix of category
        codes if there are categories.
    parameters : tuple of Tensor
        All variables, named such as ``dense1.weight``.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        features: int,
        categories: Sequence[int] = (),
        *,
        seed: int = 0,
        dtype: DType | str = DType.float32,
    ) -> None:
        self.dtype = as_dtype(dtype)
        if not self.dtype.is_float:
            raise SettingError(
                "a network needs floating-point numbers",
                where="Network.dtype",
                allowed="float32, float64",
                given=self.dtype.value,
            )
        self.seed: int = whole(0).checked(seed, "Network.seed")
        self.features: int = whole(0, 2**24).checked(features, "Network.features")
        kinds = _with_embedding(layers, categories)
        first = kinds[0]
        self.categories = first.levels if isinstance(first, Embedding) else ()
        if not self.features and not self.categories:
            raise SettingError(
                "a network needs at least one input",
                where="Network.features",
                allowed="1 or more, or 0 with categories",
                given=0,
            )
        numeric = placeholder((ROWS, self.features), self.dtype, "numeric") if features else None
        codes = None
        if self.categories:
            codes = placeholder((ROWS, len(self.categories)), DType.int32, "categories")
        self.inputs = tuple(leaf for leaf in (numeric, codes) if leaf is not None)
        self._codes = codes
        self.layers = self._placed(kinds)
        self._predictors: dict[str, Function] = {}

    def _placed(self, kinds: Sequence[Layer]) -> tuple[PlacedLayer, ...]:
        placed = []
        counts: Counter[str] = Counter()
        shape: tuple[int, ...] = (self.features,)
        for position, layer in enumerate(kinds):
            kind = type(layer).__name__.lower()
            counts[kind] += 1
            name = kind if kind == "embedding" else f"{kind}{counts[kind]}"
            parameters = {}
            for spec in layer.parameters(shape):
                if math.prod(spec.shape) > LARGEST_PARAMETER:
                    raise SettingError(
                        "a parameter is too large",
                        where=f"{name}.{spec.name}",
                        allowed=f"at most {LARGEST_PARAMETER:,} numbers",
                        given=show_shape(spec.shape),
                        mend="use narrower layers or fewer inputs",
                    )
                initializer = spec.initializer or _initializer_for(kinds[position + 1 :])
                full = f"{name}.{spec.name}"
                start = initializer.draw(spec.shape, stream(self.seed, full))
                parameters[spec.name] = variable(start, self.dtype, full)
            output_shape = layer.output_shape(shape)
            placed.append(PlacedLayer(layer, name, parameters, shape, output_shape))
            shape = output_shape
        return tuple(placed)

    # -- what it computes -------------------------------------------------------------------------

    def output(
        self,
        training: bool = False,
        seed: Tensor | None = None,
        step: Tensor | None = None,
        *,
        link: str | None = None,
    ) -> Tensor:
        """The outputs (rows, k) as graph of `inputs`.

        Parameters
        ----------
        training : bool
            Switches dropout on.
        seed, step : Tensor, optional
            int32 scalars for random layers; needed in training when there are any.
        link : str, optional
            Leave a last activation of this name out, because the loss contains it.
        """
        layers = self.layers
        if link is not None and layers[-1].layer == Activation(link):
            layers = layers[:-1]
        tensors = self.tensors(training, seed, step)
        return tensors[layers[-1].name] if layers else self.inputs[0]

    def tensors(
        self, training: bool = False, seed: Tensor | None = None, step: Tensor | None = None
    ) -> dict[str, Tensor]:
        """The result of every layer and every input by its name, as graph of `inputs`."""
        found = {str(leaf.name): leaf for leaf in self.inputs}
        x = self.inputs[0]
        for placed in self.layers:
            context = Context(placed.name, training, seed, step, self._codes)
            x = placed.layer.apply(x, placed.parameters, context)
            found[placed.name] = x
        return found

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the numeric inputs."""
        return tuple(f"x{k + 1}" for k in range(self.features))

    def predict(self, *arrays: Any, backend: str | None = None) -> np.ndarray:
        """The outputs (n, k) for n rows of each input; compiled at the first call.

        Raises
        ------
        ShapeError, DTypeError, DataError
            When an array does not fit its input.
        """
        backend = backend or config.default_backend()
        run = self._predictors.get(backend)
        if run is None:
            run = function(self.inputs, self.output(), backend=backend)
            self._predictors[backend] = run
        if self.categories and len(arrays) == len(self.inputs):
            self.check_categories(arrays[-1])
        return run(*arrays)

    def check_categories(self, codes: Any) -> None:
        """Raise `DataError` when a category code is outside the levels of its column."""
        try:
            array = np.asarray(codes)
        except ValueError:
            return  # The check of shapes and types has the better message, here and below.
        if array.ndim != 2 or array.shape[1] != len(self.categories) or not array.size:
            return
        if array.dtype.kind not in "biu":
            return
        low, high = array.min(axis=0), array.max(axis=0)
        for column, levels in enumerate(self.categories):
            if low[column] < 0 or high[column] >= levels:
                raise DataError(
                    "a category code outside the levels",
                    where=f"categories, column {column}",
                    allowed=f"0 to {levels - 1}",
                    given=f"{low[column]} to {high[column]}",
                )

    # -- parameters -------------------------------------------------------------------------------

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """All variables, in the order of the layers."""
        return tuple(p for placed in self.layers for p in placed.parameters.values())

    @property
    def penalised(self) -> tuple[Tensor, ...]:
        """The variables that an L2 penalty counts: weights, not biases."""
        return tuple(
            placed.parameters[spec.name]
            for placed in self.layers
            for spec in placed.layer.parameters(placed.input_shape)
            if spec.penalised
        )

    @property
    def width(self) -> int:
        """Number of outputs."""
        return self.layers[-1].output_shape[0]

    @property
    def parameter_count(self) -> int:
        """How many numbers are learned."""
        return sum(placed.parameter_count for placed in self.layers)

    def weights(self) -> dict[str, np.ndarray]:
        """A copy of every parameter by its full name."""
        return {str(p.name): p.value for p in self.parameters}

    def set_weights(self, weights: Mapping[str, Any]) -> None:
        """Put values into all parameters; nothing is changed unless all of them fit.

        Raises
        ------
        ShapeError, SettingError
            When a name is missing or unknown, or a shape is another one.
        """
        if not isinstance(weights, Mapping):
            raise SettingError(
                "not a mapping of names to arrays", where="weights", given=type(weights).__name__
            )
        own = {str(p.name): p for p in self.parameters}
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
        return {
            "features": self.features,
            "categories": list(self.categories),
            "layers": [placed.layer.to_document() for placed in self.layers],
            "seed": self.seed,
            "dtype": self.dtype.value,
        }

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
        for name in _FIELDS:
            if name not in document:
                raise ModelFileError("a field is missing", where=f"network.{name}")
        for name in document:
            if name not in _FIELDS:
                raise ModelFileError("unknown field", where=f"network.{str(name)[:80]}")
        if not isinstance(document["layers"], list):
            raise ModelFileError("not a list", where="network.layers")
        layers = []
        for position, part in enumerate(document["layers"]):
            layer = from_document(part, LAYERS, f"network.layers[{position}]")
            assert isinstance(layer, Layer)
            layers.append(layer)
        try:
            network = cls(
                layers,
                document["features"],
                document["categories"],
                seed=document["seed"],
                dtype=document["dtype"],
            )
        except (SettingError, ShapeError) as error:
            raise ModelFileError(
                error.what, where=f"network: {error.where}", allowed=error.allowed
            ) from None
        except TypeError:
            raise ModelFileError("a field is not a list of numbers", where="network") from None
        return network

    def __getstate__(self) -> dict[str, Any]:
        return {"document": self.to_document(), "weights": self.weights()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(Network.from_document(state["document"]).__dict__)
        self.set_weights(state["weights"])

    def __repr__(self) -> str:
        widths = [str(sum(part.shape[1] or 0 for part in self.inputs))]
        for placed in self.layers:
            if isinstance(placed.layer, Activation):
                widths[-1] += f" {placed.layer.name}"
            elif isinstance(placed.layer, Dense):
                widths.append(str(placed.layer.width))
        return (
            f"<Network {'-'.join(widths)}, {self.parameter_count:,} parameters, {self.dtype.value}>"
        )

    def summary(self) -> str:
        """A table of the layers: name, kind, shape of a row of the result, parameters."""
        rows = [("layer", "kind", "output", "parameters")]
        for placed in self.layers:
            settings = ", ".join(
                f"{key}={value}"
                for key, value in placed.layer.to_document().items()
                if key not in ("kind", "initializer") and not isinstance(value, list)
            )
            rows.append(
                (
                    placed.name,
                    f"{type(placed.layer).__name__}({settings})",
                    " x ".join(map(str, placed.output_shape)),
                    f"{placed.parameter_count:,}",
                )
            )
        rows.append(("total", "", "", f"{self.parameter_count:,}"))
        sizes = [max(len(row[k]) for row in rows) for k in range(4)]
        lines = [
            f"{a:<{sizes[0]}}  {b:<{sizes[1]}}  {c:>{sizes[2]}}  {d:>{sizes[3]}}"
            for a, b, c, d in rows
        ]
        return "\n".join(lines)


def _with_embedding(layers: Sequence[Layer], categories: Sequence[int]) -> list[Layer]:
    """The layers, checked, an embedding of the categories in front."""
    if isinstance(layers, Layer):
        raise SettingError(
            "a single layer", where="Network.layers", mend="put it into a list: [layer]"
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
        if not isinstance(layer, Layer):
            raise SettingError(
                "not a layer",
                where=f"Network.layers[{position}]",
                allowed=", ".join(LAYERS),
                given=repr(layer)[:80],
            )
        if position and isinstance(layer, Embedding):
            raise SettingError(
                "an embedding must be the first layer", where=f"Network.layers[{position}]"
            )
    if levels:
        front = kinds[0] if kinds else None
        embedding = Embedding(levels)
        if not isinstance(front, Embedding):
            kinds.insert(0, embedding)
        elif front.levels != embedding.levels:
            raise SettingError(
                "other levels than those of the embedding",
                where="Network.categories",
                allowed=str(front.levels),
                given=str(levels),
            )
    if not kinds:
        raise SettingError("a network needs at least one layer", where="Network.layers")
    return kinds


def _initializer_for(following: Sequence[Layer]) -> Initializer:
    """The initializer that suits the next activation, if one comes before the next weights."""
    for layer in following:
        if isinstance(layer, Activation):
            return ACTIVATIONS[layer.name].initializer
        if layer.parameters((1,)):
            break
    return GlorotUniform()
