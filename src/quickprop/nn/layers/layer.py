"""What parts of a network are: settings, the parameters they need, and a function as graph.

A `Layer` reads one other part; a `Part` in general reads several; a `Block` is drawn from others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from quickprop.config import DType
from quickprop.errors import ShapeError
from quickprop.foundation.registry import Registry
from quickprop.foundation.settings import Component
from quickprop.graph import Tensor
from quickprop.nn.initializers import Initializer
from quickprop.nn.node import Applied, Node, applied

RowShape = tuple[int, ...]
Source = TypeVar("Source")


@dataclass(frozen=True)
class ParameterSpec:
    """A variable that a part asks for.

    Parameters
    ----------
    name : str
        Its name within the part.
    shape : tuple of int
    initializer : Initializer or None
        None leaves the choice to the network, which looks at the activation that follows.
    penalised : bool
        Whether an L2 penalty counts it: weights yes, biases no.
    learned : bool
        False for what is gathered and not learned, such as running means.
    """

    name: str
    shape: tuple[int, ...]
    initializer: Initializer | None = None
    penalised: bool = True
    learned: bool = True


@dataclass(frozen=True)
class Context:
    """What a part may know beside its inputs.

    Parameters
    ----------
    name : str
        The part's name in the network.
    training : bool
    seed, step : Tensor, optional
        int32 scalars that random layers draw by; given in training.
    updates : list of (Tensor, Tensor)
        Takes the new values of variables that a training step gathers.
    dtype : DType
        The network's number type.
    """

    name: str
    training: bool = False
    seed: Tensor | None = None
    step: Tensor | None = None
    updates: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    dtype: DType = DType.float32


@dataclass(frozen=True)
class Layer(Component, ABC):
    """A part of a network that reads one or more others.

    Shapes are those of one row: ``(20,)`` for 20 numbers.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from quickprop import Input, Layer, Network
    >>> @dataclass(frozen=True)
    ... class Difference(Layer):
    ...     def result_shape(self, shapes):
    ...         return shapes[0]
    ...     def parameter_specs(self, shapes):
    ...         return ()
    ...     def apply(self, sources, parameters, context):
    ...         return sources[0] - sources[1]
    >>> a, b = Input(2, "a"), Input(2, "b")
    >>> Network(Difference()(a, b)).predict([[3.0, 3.0]], [[1.0, 2.0]]).tolist()
    [[2.0, 1.0]]
    """

    def __call__(self, *sources: Node, name: str | None = None) -> Applied:
        """This part applied to nodes of a network that is being drawn."""
        return applied(self, sources, name)

    @abstractmethod
    def parameter_specs(self, shapes: Sequence[RowShape]) -> tuple[ParameterSpec, ...]:
        """The variables needed for sources with rows of these shapes."""

    @abstractmethod
    def result_shape(self, shapes: Sequence[RowShape]) -> RowShape:
        """The shape of a row of the result."""

    @abstractmethod
    def apply(
        self, sources: Sequence[Tensor], parameters: Mapping[str, Tensor], context: Context
    ) -> Tensor:
        """The function of the sources (rows, ...), as graph."""


#: The kinds of layers by name.
LAYERS: Registry[type[Component]] = Registry()


@dataclass(frozen=True)
class UnaryLayer(Layer, ABC):
    """A part that reads one other.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from quickprop import Network, UnaryLayer, square
    >>> @dataclass(frozen=True)
    ... class Squared(UnaryLayer):
    ...     def output_shape(self, input_shape):
    ...         return input_shape
    ...     def parameters(self, input_shape):
    ...         return ()
    ...     def transform(self, x, parameters, context):
    ...         return square(x)
    >>> Network([Squared()], features=2).predict([[2.0, 3.0]]).tolist()
    [[4.0, 9.0]]
    """

    @abstractmethod
    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """The variables needed for rows of that shape."""

    @abstractmethod
    def output_shape(self, input_shape: RowShape) -> RowShape:
        """The shape of a row of the result."""

    @abstractmethod
    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """The layer's function of `x` (rows, ...), as graph."""

    def parameter_specs(self, shapes: Sequence[RowShape]) -> tuple[ParameterSpec, ...]:
        """Those for its only source."""
        return self.parameters(single(shapes, type(self).__name__))

    def result_shape(self, shapes: Sequence[RowShape]) -> RowShape:
        """That for its only source."""
        return self.output_shape(single(shapes, type(self).__name__))

    def apply(
        self, sources: Sequence[Tensor], parameters: Mapping[str, Tensor], context: Context
    ) -> Tensor:
        """The function of its only source."""
        return self.transform(sources[0], parameters, context)


@dataclass(frozen=True)
class Lookup(Layer, ABC):
    """A part whose last source is an input of category codes."""

    @abstractmethod
    def levels_of(self, columns: int) -> tuple[int, ...]:
        """How many levels each column of the codes has; codes count from 0."""


@dataclass(frozen=True)
class Block(Component, ABC):
    """A part drawn from other parts: the network sees those, under the block's name.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from quickprop import Add, Block, Dense, Input, Network
    >>> @dataclass(frozen=True)
    ... class Residual(Block):
    ...     def draw(self, x):
    ...         return Add()(x, Dense(4)(x))
    >>> Network(Residual()(Residual()(Input(4)))).parameter_count
    40
    """

    def __call__(self, *sources: Node, name: str | None = None) -> Applied:
        """This block applied to nodes of a network that is being drawn."""
        return applied(self, sources, name)

    @abstractmethod
    def draw(self, *sources: Node) -> Node:
        """The result, drawn from layers applied to the sources."""


def single(sources: Sequence[Source], where: str) -> Source:
    """The only source of a part that reads one other."""
    if len(sources) != 1:
        raise ShapeError(
            "this layer reads one other",
            where=where,
            allowed="1",
            given=len(sources),
            hint="join them first, with Concatenate() or Add()",
        )
    return sources[0]


def vector(input_shape: RowShape, where: str) -> int:
    """The length of rows that must be vectors."""
    if len(input_shape) != 1:
        raise ShapeError(
            f"{where} needs rows that are vectors",
            allowed="(numbers,)",
            given=str(input_shape),
            hint="put a Flatten() in front",
        )
    return input_shape[0]
