"""Recurrent layers over a fixed number of steps: rows (steps, features).

A mask (steps,) may come as second source: where it is 0 the state stays as it is, so that the last
output is that of the last real step.
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from quickprop.errors import ShapeError
from quickprop.foundation.settings import (
    Component,
    boolean,
    choice,
    component,
    integer,
    number,
    setting,
)
from quickprop.graph import Tensor, broadcast_to, constant
from quickprop.graph.tensor import matmul, reshape
from quickprop.nn.initializers import GlorotUniform, Orthogonal, Zeros
from quickprop.nn.layers.layer import LAYERS, Context, Layer, ParameterSpec, RowShape
from quickprop.nn.layers.masks import check_mask, split_mask
from quickprop.ops.elementary import concat, sigmoid, tanh, where

#: What a step makes of its inputs and the last state: the new state.
State = tuple[Tensor, ...]


class _Recurrent(ABC):
    """The walk over the steps that all recurrent layers share."""

    width: int
    sequence: bool

    #: Weighted inputs of that width that a step needs and their names, biases of that width, and
    #: vectors that are handed from step to step, of which the first is the output.
    gates: ClassVar[int]
    gate_names: ClassVar[tuple[str, ...]]
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

    def parameter_specs(self, shapes: Sequence[RowShape]) -> tuple[ParameterSpec, ...]:
        """Weights of the inputs and of the last output, gate beside gate, and biases."""
        _, features = _sequence(shapes, type(self).__name__)
        width = self.width * self.gates
        return (
            ParameterSpec("weight", (features, width), GlorotUniform()),
            ParameterSpec("recurrent", (self.width, width), Orthogonal()),
            ParameterSpec("bias", (self.biases * self.width,), Zeros(), penalised=False),
        )

    def result_shape(self, shapes: Sequence[RowShape]) -> RowShape:
        """The last output, or those of all steps."""
        steps, _ = _sequence(shapes, type(self).__name__)
        return (steps, self.width) if self.sequence else (self.width,)

    def apply(
        self, sources: Sequence[Tensor], parameters: Mapping[str, Tensor], context: Context
    ) -> Tensor:
        """From a state of zeros through all steps."""
        x, mask = split_mask(sources, type(self).__name__)
        outputs = self.outputs(x, mask, parameters)
        return side_by_side(outputs) if self.sequence else outputs[-1]

    def outputs(
        self,
        x: Tensor,
        mask: Tensor | None,
        parameters: Mapping[str, Tensor],
        backward: bool = False,
    ) -> list[Tensor]:
        """The outputs (rows, width) of all steps in the order in which they are gone through.

        Parameters
        ----------
        x : Tensor
            (rows, steps, features).
        mask : Tensor or None
            (rows, steps): where it is 0 the state stays as it is.
        backward : bool
            Begin at the last step.
        """
        steps = range(x.shape[1] or 1)
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
        for k in reversed(steps) if backward else steps:
            following = self.step([part[:, k] for part in given], state, recurrent, bias)
            if mask is not None:
                real = mask[:, k : k + 1]
                following = tuple(
                    where(real, new, old) for new, old in zip(following, state, strict=True)
                )
            state = following
            outputs.append(state[0])
        return outputs


def side_by_side(outputs: Sequence[Tensor]) -> Tensor:
    """Outputs (rows, width) of steps as a sequence (rows, steps, width)."""
    return concat([reshape(y, (y.shape[0], 1, *y.shape[1:])) for y in outputs], 1)


def _sequence(shapes: Sequence[RowShape], where: str) -> tuple[int, int]:
    """Steps and features of the sequence that is read, perhaps with a mask."""
    shape, mask = split_mask(shapes, where)
    if len(shape) != 2:
        raise ShapeError(
            f"{where} needs other rows",
            allowed="(steps, features)",
            given=str(shape),
            hint="put a Reshape((steps, features)) in front",
        )
    check_mask(mask, shape[:1], where)
    return shape[0], shape[1]


@LAYERS.register()
@dataclass(frozen=True)
class SimpleRNN(_Recurrent, Layer):
    """``h = tanh(x weight + h recurrent + bias)`` at each step (Elman 1990).

    Parameters
    ----------
    width : int
    sequence : bool
        Give the outputs of all steps (steps, width) and not only the last (width,).

    Examples
    --------
    >>> from quickprop import Network, SimpleRNN
    >>> network = Network([SimpleRNN(8)], features=(20, 3))
    >>> network.layers[0].output_shape, network.parameter_count
    ((8,), 96)
    """

    gates: ClassVar[int] = 1
    gate_names: ClassVar[tuple[str, ...]] = ("state",)
    biases: ClassVar[int] = 1
    states: ClassVar[int] = 1
    width: int = setting(integer(1, 2**16))
    sequence: bool = setting(boolean(), False)

    def step(
        self, given: list[Tensor], state: State, recurrent: list[Tensor], bias: list[Tensor]
    ) -> State:
        """One layer deep."""
        return (tanh(given[0] + state[0] @ recurrent[0] + bias[0]),)


@LAYERS.register()
@dataclass(frozen=True)
class LSTM(_Recurrent, Layer):
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

    Examples
    --------
    >>> from quickprop import LSTM, Network
    >>> network = Network([LSTM(8, sequence=True)], features=(20, 3))
    >>> network.layers[0].output_shape, network.parameter_count
    ((20, 8), 384)
    """

    gates: ClassVar[int] = 4
    gate_names: ClassVar[tuple[str, ...]] = (
        "input gate",
        "forget gate",
        "candidate",
        "output gate",
    )
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


@LAYERS.register()
@dataclass(frozen=True)
class GRU(_Recurrent, Layer):
    """Gated recurrent unit (Cho et al. 2014), the reset gate after the product.

    With gates r, z = sigmoid of their weighted inputs:
    ``n = tanh(x weight_n + bias_n + r (h recurrent_n + bias_h))``, ``h = (1 - z) n + z h``.
    The gates lie in the weights in the order r, z, n; behind their biases lies bias_h.

    Parameters
    ----------
    width : int
    sequence : bool
        Give the outputs of all steps (steps, width) and not only the last (width,).

    Examples
    --------
    >>> from quickprop import GRU, Network
    >>> network = Network([GRU(8)], features=(20, 3))
    >>> network.layers[0].output_shape, network.parameter_count
    ((8,), 296)
    """

    gates: ClassVar[int] = 3
    gate_names: ClassVar[tuple[str, ...]] = ("reset gate", "update gate", "candidate")
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


RECURRENT: dict[str, type[Component]] = {kind.__name__: kind for kind in (SimpleRNN, LSTM, GRU)}
JOINED: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "concatenate": lambda a, b: concat([a, b]),
    "sum": operator.add,
}


@LAYERS.register()
@dataclass(frozen=True)
class Bidirectional(Layer):
    """A recurrent layer gone through from both ends (Schuster and Paliwal 1997).

    The second one has parameters of its own and begins at the last step. With ``sequence=True``
    in the layer the results at step t are what the two give at step t, else what each gives in the
    end: the second one after it has come to the first step. A mask (steps,) may come as second
    source.

    Parameters
    ----------
    layer : SimpleRNN, LSTM or GRU
    join : {"concatenate", "sum"}
        How the two results become one: side by side, twice as wide, or added.

    Examples
    --------
    >>> from quickprop import Bidirectional, LSTM, Network
    >>> network = Network([Bidirectional(LSTM(8))], features=(20, 3))
    >>> network.layers[-1].output_shape, network.parameter_count
    ((16,), 768)
    """

    layer: SimpleRNN | LSTM | GRU = setting(component(RECURRENT))
    join: str = setting(choice(JOINED), "concatenate")

    def parameter_specs(self, shapes: Sequence[RowShape]) -> tuple[ParameterSpec, ...]:
        """Those of the layer twice: ``forward.weight``, ``backward.weight`` and so on."""
        return tuple(
            replace(spec, name=f"{way}.{spec.name}")
            for way in ("forward", "backward")
            for spec in self.layer.parameter_specs(shapes)
        )

    def result_shape(self, shapes: Sequence[RowShape]) -> RowShape:
        """That of the layer, twice as wide when the results come side by side."""
        *steps, width = self.layer.result_shape(shapes)
        return (*steps, 2 * width if self.join == "concatenate" else width)

    def apply(
        self, sources: Sequence[Tensor], parameters: Mapping[str, Tensor], context: Context
    ) -> Tensor:
        """Both ways, and their join."""
        x, mask = split_mask(sources, "Bidirectional")
        ways = []
        for way in ("forward", "backward"):
            own = {
                name.removeprefix(f"{way}."): value
                for name, value in parameters.items()
                if name.startswith(f"{way}.")
            }
            outputs = self.layer.outputs(x, mask, own, backward=way == "backward")
            if self.layer.sequence:
                in_time = outputs if way == "forward" else outputs[::-1]
                ways.append(side_by_side(in_time))
            else:
                ways.append(outputs[-1])
        return JOINED[self.join](*ways)
