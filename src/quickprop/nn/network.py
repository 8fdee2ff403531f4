"""A feed-forward network: made from layers, run, looked at, kept as data."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from quickprop import config
from quickprop.config import DType
from quickprop.errors import ModelFileError, SettingError, ShapeError
from quickprop.execution import Function, function
from quickprop.foundation.lazy_module import LazyModule
from quickprop.foundation.model_file import read_model_file, write_model_file
from quickprop.foundation.settings import Component, check_known
from quickprop.losses import Loss
from quickprop.nn.architecture import Architecture
from quickprop.nn.built_network import BuiltNetwork
from quickprop.nn.documents import architecture_from, check_fields
from quickprop.nn.drawing import architecture_of
from quickprop.nn.layers.layer import LAYERS
from quickprop.nn.names import Names
from quickprop.nn.node import Node
from quickprop.nn.weights import checked_weights

if TYPE_CHECKING:
    from quickprop.nn.diagram import Diagram
    from quickprop.nn.summary import Summary
    from quickprop.nn.trace import Trace

# How a network can be looked at: each way is loaded when it is first taken.
diagrams = LazyModule("quickprop.nn.diagram", "diagrams")
summaries = LazyModule("quickprop.nn.summary", "summaries")
traces = LazyModule("quickprop.nn.trace", "traces")

#: What the file of a network says that it is.
_FILE_KIND = "network"


class Network(BuiltNetwork):
    """Layers, what each reads, and their parameters.

    Parameters
    ----------
    layers : sequence of Layer, Node, sequence of Node, Architecture, or Network
        Layers in a row, such as ``[Dense(16, activation="relu"), Dense(3)]``; or what was drawn by
        calling layers on nodes, for a network that branches: its output, or its outputs; or the
        `architecture` of another network; or another network, which is copied as it is.
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
        Names of the numeric columns. Frames are read by them; they stand in diagrams, traces and
        synapses, as the names below do.
    category_names : sequence of str, optional
        Names of the columns of category codes.
    level_names : sequence of sequence of str, optional
        For each column of category codes the names of its levels, in the order of the codes.
    output_names : sequence of str, optional
        Names of the numbers that come out, of all outputs: classes, or targets with their units.
    weights : mapping of str to array, optional
        Values of all variables by their full names, such as `weights` gives, in place of starting
        weights: nothing is drawn, and every shape is compared before any memory is taken.

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

    Raises
    ------
    SettingError, ShapeError
        When something is not a layer, cannot read what stands before it, or is not named as it
        must be.

    Examples
    --------
    >>> from quickprop import Add, Dense, Input, Network
    >>> Network([Dense(16, activation="relu"), Dense(3)], features=4)
    <Network 4-16 relu-3, 131 parameters, float32>
    >>> x = Input(8)
    >>> network = Network(Dense(1)(Add()(x, Dense(8, activation="relu")(x))))  # one that branches
    >>> network.predict([[0.0] * 8]).shape
    (1, 1)
    >>> network.save("branches.network")
    >>> Network.load("branches.network").parameter_count
    81
    """

    def __init__(
        self,
        layers: Sequence[Component] | Node | Sequence[Node] | Architecture | BuiltNetwork,
        features: int | tuple[int, ...] = 0,
        categories: Sequence[int] = (),
        *,
        seed: int = 0,
        dtype: DType | str = DType.float32,
        input_names: Sequence[str] | None = None,
        category_names: Sequence[str] | None = None,
        level_names: Sequence[Sequence[str]] | None = None,
        output_names: Sequence[str] | None = None,
        weights: Mapping[str, Any] | None = None,
    ) -> None:
        self._predictors: dict[str, Function] = {}
        if isinstance(layers, BuiltNetwork):
            self._become_copy(layers)
            return
        if isinstance(layers, Architecture):
            architecture = layers
        else:
            # What is checked is a tuple afterwards; until then it may be anything.
            names = Names(input_names, category_names, level_names, output_names)  # type: ignore[arg-type]
            architecture = architecture_of(layers, features, categories, names)
        super().__init__(architecture, seed, dtype, weights)

    def copy_with_new_variables(self) -> Network:
        """A network of the same layers, with variables of its own that begin with these values."""
        return Network(self)

    @property
    def structure_key(self) -> Hashable | None:
        """Equal for networks with equal graphs; None where code of users has a say in them."""
        if not self.architecture.follows_from_settings:
            return None
        return (
            tuple((leaf.row_shape, leaf.name, leaf.codes) for leaf in self.architecture.inputs),
            self.architecture.layers,
            self.outputs,
            self.dtype,
        )

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

    # -- values -----------------------------------------------------------------------------------

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
        own = {str(p.name): p for p in self.variables}
        shapes = {name: tuple(dim or 1 for dim in p.shape) for name, p in own.items()}
        for name, array in checked_weights(weights, shapes).items():
            own[name].assign(array)

    # -- as data ----------------------------------------------------------------------------------

    def to_document(self) -> dict[str, Any]:
        """Everything but the weights, as JSON can hold it."""
        return self.architecture.to_document() | {"seed": self.seed, "dtype": self.dtype.value}

    @classmethod
    def from_document(cls, document: object, weights: Mapping[str, Any] | None = None) -> Network:
        """The network of a document.

        Parameters
        ----------
        document : object
            As `to_document` gives it.
        weights : mapping of str to array, optional
            All values by their full names. Without them the starting weights are drawn, and a
            document may ask for more of them than there is memory: give them for documents that
            come from elsewhere.

        Raises
        ------
        ModelFileError
            When a field is missing, unknown or holds what it may not, or when the weights are not
            those of such a network.
        """
        fields = check_fields(document, ("seed", "dtype"))
        try:
            architecture = architecture_from(fields)
            return cls(architecture, seed=fields["seed"], dtype=fields["dtype"], weights=weights)
        except (SettingError, ShapeError) as error:
            raise ModelFileError(
                error.what,
                where=f"network: {error.where}",
                allowed=error.allowed,
                given=error.given,
            ) from None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to a file, whole or not at all: a document and the weights.

        Raises
        ------
        DataFileError
            The file cannot be written.
        SettingError
            A layer or initializer is of a kind that users wrote and did not register, or what is
            given is no path.
        """
        for spec in self.architecture.layers:
            check_known(spec.layer, LAYERS, spec.name)
        document = {"kind": _FILE_KIND, "network": self.to_document()}
        write_model_file(path, document, self.weights())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Network:
        """Read the file of a network. No code in it is run; every field and shape is checked.

        Raises
        ------
        ModelFileError
            The file is missing, truncated, altered, of a later version or not that of a network.
        """
        document, weights = read_model_file(path)
        if document.get("kind") != _FILE_KIND:
            raise ModelFileError(
                "not the file of a network",
                where=str(path)[:160],
                given=f"a file of {', '.join(map(str, document))}"[:160],
                hint="models of tables are read by quickprop.load",
            )
        return cls.from_document(document.get("network"), weights)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "architecture": self.architecture,
            "seed": self.seed,
            "dtype": self.dtype,
            "weights": self.weights(),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        Network.__init__(
            self,
            state["architecture"],
            seed=state["seed"],
            dtype=state["dtype"],
            weights=state["weights"],
        )

    # -- seeing inside ----------------------------------------------------------------------------

    def summary(self, rows: int = 32) -> Summary:
        """A table of layers, shapes, parameters, and the memory for so many rows."""
        made: Summary = summaries.summary(self, rows)
        return made

    def trace(
        self,
        x: Any,
        target: Any = None,
        loss: Loss | str | None = None,
        *,
        backend: str | None = None,
    ) -> Trace:
        """Everything that happens in the network for some rows.

        Parameters
        ----------
        x : array
            Rows of the only input, or a list of rows for each input.
        target : array, optional
            With it the trace holds the loss and its derivatives.
        loss : Loss or str, optional
            By default `MeanSquaredError`.
        backend : {"native", "reference"}, optional
        """
        made: Trace = traces.trace(self, x, target, loss, backend=backend)
        return made

    def diagram(self) -> Diagram:
        """Neurons and synapses as a picture (SVG), which notebooks show."""
        made: Diagram = diagrams.diagram(self)
        return made

    def _repr_svg_(self) -> str:
        return self.diagram().svg
