"""What every kind of layer is: settings, the parameters it needs, and its function as graph."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from quickprop.graph import Tensor
from quickprop.nn.component import Component
from quickprop.nn.initializers import Initializer

RowShape = tuple[int, ...]


@dataclass(frozen=True)
class ParameterSpec:
    """A parameter that a layer asks for.

    Parameters
    ----------
    name : str
        Its name within the layer.
    shape : tuple of int
    initializer : Initializer or None
        None leaves the choice to the network, which looks at the activation that follows.
    penalised : bool
        Whether an L2 penalty counts it: weights yes, biases no.
    """

    name: str
    shape: tuple[int, ...]
    initializer: Initializer | None = None
    penalised: bool = True


@dataclass(frozen=True)
class Context:
    """What a layer may know beside its input.

    Parameters
    ----------
    name : str
        The layer's name in the network.
    training : bool
    seed, step : Tensor, optional
        int32 scalars that random layers draw by; given in training.
    categories : Tensor, optional
        The network's int32 (rows, columns) input of category codes.
    """

    name: str
    training: bool = False
    seed: Tensor | None = None
    step: Tensor | None = None
    categories: Tensor | None = None


@dataclass(frozen=True)
class Layer(Component, ABC):
    """A part of a network. Shapes are those of one row: ``(20,)`` for 20 numbers."""

    @abstractmethod
    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """The parameters needed for rows of that shape."""

    @abstractmethod
    def output_shape(self, input_shape: RowShape) -> RowShape:
        """The shape of a row of the result."""

    @abstractmethod
    def apply(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """The layer's function of `x` (rows, ...), as graph."""
