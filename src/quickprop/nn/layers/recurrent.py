"""Recurrent layers over a fixed number of steps: rows (steps, features)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from quickprop.errors import ShapeError
from quickprop.foundation.settings import boolean, integer, number, setting
from quickprop.graph import Tensor, broadcast_to, constant
from quickprop.graph.tensor import matmul, reshape
from quickprop.nn.initializers import GlorotUniform, Orthogonal, Zeros
from quickprop.nn.layers.layer import Context, ParameterSpec, RowShape, UnaryLayer
from quickprop.ops.elementary import concat, sigmoid, tanh

#: What a step makes of its inputs and the last state: the new state.
State = tuple[Tensor, ...]


class _Recurrent(ABC):
    """The walk over the steps that all recurrent layers share."""

    width: int
    sequence: bool

    #: Weighted inputs of that width that a step needs, biases of that width, and vectors that are
    #: handed from step to step, of which the first is the output.
    gates: ClassVar[int]
    biases: ClassVar[int]
    states: ClassVar[int]

    @abstractmethod
    def step(
        self, given: list[Tensor], state: State, recurrent: list[Tensor], bias: list[Tensor]
    ) -> State:
        """The next state.

        Parameters
        ----------
        given : list of Tensor
            For each gate its weighted inputs (rows, width).
        state : tuple of Tensor
        recurrent, bias : list of Tensor
            For each gate the weights (width, width) of the last output, and the biases.
        """

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """The last output, or those of all steps."""
        steps, _ = _sequence(input_shape, type(self).__name__)
        return (steps, self.width) if self.sequence else (self.width,)

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """Weights of the inputs and of the last output, gate beside gate, and biases."""
        _, features = _sequence(input_shape, type(self).__name__)
        width = self.width * self.gates
        return (
            ParameterSpec("weight", (features, width), GlorotUniform()),
            ParameterSpec("recurrent", (self.width, width), Orthogonal()),
            ParameterSpec("bias", (self.biases * self.width,), Zeros(), penalised=False),
        )

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """From a state of zeros through all steps."""
        steps = x.shape[1] or 1
        ends = [(k * self.width, (k + 1) * self.width) for k in range(self.gates)]
        # The inputs of all steps are weighted at once.
        given = [matmul(x, parameters["weight"][:, low:high]) for low, high in ends]
        recurrent = [parameters["recurrent"][:, low:high] for low, high in ends]
        bias = [
            parameters["bias"][k * self.width : (k + 1) * self.width] for k in range(self.biases)
        ]
        zero = broadcast_to(constant([[0.0]], x.dtype), (x.shape[0], self.width))
        state: State = (zero,) * self.states
        outputs = []
        for k in range(steps):
            state = self.step([part[:, k] for part in given], state, recurrent, bias)
            outputs.append(state[0])
        if not self.sequence:
            return outputs[-1]
        return concat([reshape(y, (y.shape[0], 1, self.width)) for y in outputs], 1)


def _sequence(input_shape: RowShape, where: str) -> tuple[int, int]:
    if len(input_shape) != 2:
        raise ShapeError(
            f"{where} needs other rows",
            allowed="(steps, features)",
            given=str(input_shape),
            hint="put a Reshape((steps, features)) in front",
        )
    return input_shape[0], input_shape[1]


@dataclass(frozen=True)
class SimpleRNN(_Recurrent, UnaryLayer):
    """``h = tanh(x weight + h recurrent + bias)`` at each step (Elman 1990).

    Parameters
    ----------
    width : int
    sequence : bool
        Give the outputs of all steps (steps, width) and not only the last (width,).
    """

    gates: ClassVar[int] = 1
    biases: ClassVar[int] = 1
    states: ClassVar[int] = 1
    width: int = setting(integer(1, 2**16))
    sequence: bool = setting(boolean(), False)

    def step(
        self, given: list[Tensor], state: State, recurrent: list[Tensor], bias: list[Tensor]
    ) -> State:
        """One layer deep."""
        return (tanh(given[0] + state[0] @ recurrent[0] + bias[0]),)


@dataclass(frozen=True)
class LSTM(_Recurrent, UnaryLayer):
    """Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate of Gers et al. 2000).

    With gates i, f, o = sigmoid and candidate g = tanh of their weighted inputs:
    ``c = f c + i g``, ``h = o tanh(c)``. The gates lie in the weights in the order i, f, g, o.

    Parameters
    ----------
    width : int
    sequence : bool
        Give the outputs of all steps (steps, width) and not only the last (width,).
    forget_bias : float
        Added to the weighted input of the forget gate, so that it begins open (Jozefowicz et al.
        2015).
    """

    gates: ClassVar[int] = 4
    biases: ClassVar[int] = 4
    states: ClassVar[int] = 2
    width: int = setting(integer(1, 2**16))
    sequence: bool = setting(boolean(), False)
    forget_bias: float = setting(number(0.0), 1.0)

    def step(
        self, given: list[Tensor], state: State, recurrent: list[Tensor], bias: list[Tensor]
    ) -> State:
        """What is kept, what is new, what is shown."""
        h, c = state
        i, f, g, o = (
            x + h @ weight + b for x, weight, b in zip(given, recurrent, bias, strict=True)
        )
        cell = sigmoid(f + self.forget_bias) * c + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(cell), cell


@dataclass(frozen=True)
class GRU(_Recurrent, UnaryLayer):
    """Gated recurrent unit (Cho et al. 2014), the reset gate after the product.

    With gates r, z = sigmoid of their weighted inputs:
    ``n = tanh(x weight_n + bias_n + r (h recurrent_n + bias_h))``, ``h = (1 - z) n + z h``.
    The gates lie in the weights in the order r, z, n; behind their biases lies bias_h.

    Parameters
    ----------
    width : int
    sequence : bool
        Give the outputs of all steps (steps, width) and not only the last (width,).
    """

    gates: ClassVar[int] = 3
    biases: ClassVar[int] = 4
    states: ClassVar[int] = 1
    width: int = setting(integer(1, 2**16))
    sequence: bool = setting(boolean(), False)

    def step(
        self, given: list[Tensor], state: State, recurrent: list[Tensor], bias: list[Tensor]
    ) -> State:
        """What is forgotten, what is new, and how much of it is taken."""
        (h,) = state
        r, z = (
            sigmoid(x + h @ weight + b)
            for x, weight, b in zip(given[:2], recurrent[:2], bias[:2], strict=True)
        )
        n = tanh(given[2] + bias[2] + r * (h @ recurrent[2] + bias[3]))
        return ((1.0 - z) * n + z * h,)
