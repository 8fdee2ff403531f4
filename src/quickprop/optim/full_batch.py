"""Methods that look at all rows before every step: what they work on and what they promise."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from quickprop.errors import SettingError
from quickprop.foundation.registry import Registry
from quickprop.foundation.settings import Component
from quickprop.graph import Op, Tensor, reshape, rewrite, walk
from quickprop.losses import Loss
from quickprop.native import Rows
from quickprop.nn import Network
from quickprop.ops.elementary import concat
from quickprop.optim.optimizer import TRAINING_METHODS

#: Why a descent cannot go on.
HARDLY_CHANGED = "the loss hardly changed any more in an iteration"
NOTHING_LOWER = "no lower loss was found that {kind} can tell from the last"
FLAT_ENOUGH = "the gradient is at most {tolerance:g} everywhere"

#: Stands for "no limit" where the graph needs a number; float32 holds it too.
FAR = 1e30


@dataclass(frozen=True)
class Problem:
    """A loss over all rows of a training part, to be made small.

    Parameters
    ----------
    network : Network
    loss : Loss
    output : Tensor
        The network's raw outputs as the loss takes them.
    target, weights : Tensor
        Placeholders; the weights, if there are any, have a mean of 1.
    data : mapping of Tensor to array
        All rows of the network's inputs, the target and the weights.
    l2 : float
        The penalty ``l2 / 2 * sum(w**2)`` over the weights that the network has penalised.
    backend : {"native", "reference"}, optional
    threads : int, optional
    """

    network: Network
    loss: Loss
    output: Tensor
    target: Tensor
    weights: Tensor | None
    data: Mapping[Tensor, Rows]
    l2: float = 0.0
    backend: str | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        if any(node.op is Op.UNIFORM for node in walk([self.output])):
            raise SettingError(
                "a full-batch method needs a loss that chance does not change",
                where="fit.optimizer",
                allowed="networks without dropout and noise",
                hint="leave these layers out, or train with Adam()",
            )

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(self.data[self.target])

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The placeholders of what has rows."""
        return tuple(self.data)


class FlatParameters:
    """The parameters of a network as one vector, in the order of the network."""

    def __init__(self, network: Network) -> None:
        self.parameters = network.parameters
        self.size = sum(math.prod(p.value.shape) for p in self.parameters)
        penalised = set(network.penalised)
        #: 1 where an L2 penalty counts a number, else 0.
        self.penalised = np.concatenate(
            [np.full(p.value.size, float(p in penalised)) for p in self.parameters]
        )

    def parts(self, vector: Tensor) -> dict[Tensor, Tensor]:
        """The piece of a vector that stands for each parameter, in its shape."""
        pieces = {}
        start = 0
        for parameter in self.parameters:
            stop = start + parameter.value.size
            pieces[parameter] = reshape(vector[start:stop], parameter.shape)
            start = stop
        return pieces

    def joined(self, parts: Sequence[Tensor]) -> Tensor:
        """One vector of a tensor for each parameter."""
        sizes = [parameter.value.size for parameter in self.parameters]
        return concat([reshape(part, (size,)) for part, size in zip(parts, sizes, strict=True)], 0)

    def numbers(self) -> np.ndarray:
        """The values of now as one vector."""
        return np.concatenate([p.value.reshape(-1) for p in self.parameters])

    def named(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        """A vector as arrays by the names of the parameters."""
        arrays = {}
        start = 0
        for parameter in self.parameters:
            shape = parameter.value.shape
            stop = start + math.prod(shape)
            arrays[str(parameter.name)] = vector[start:stop].reshape(shape)
            start = stop
        return arrays


def with_parameters(roots: Sequence[Tensor], parts: Mapping[Tensor, Tensor]) -> list[Tensor]:
    """The roots, computed with other tensors in place of the parameters."""
    return rewrite(roots, lambda node: parts.get(node, node))


class Iterate(NamedTuple):
    """A point that a method came to.

    Parameters
    ----------
    loss : float
        Of the data, without the penalty.
    rate : float
        How long the step to it was, 1 for a whole one.
    """

    loss: float
    rate: float


class Descent(ABC):
    """A method at work on a problem. Every iterate has a lower loss, penalty included."""

    @property
    @abstractmethod
    def finished(self) -> str | None:
        """Why the method cannot go on, as a sentence, or None."""

    @abstractmethod
    def begin(self, halted: Callable[[], bool]) -> float:
        """Look at the starting weights; gives the loss there, NaN when it was halted.

        Parameters
        ----------
        halted : callable
            Asked within long work: True when it shall be dropped.
        """

    @abstractmethod
    def advance(
        self,
        evaluations: int,
        iterations: int,
        until: float,
        halted: Callable[[], bool],
        taken: Callable[[list[Iterate]], bool],
    ) -> None:
        """Go on for a while.

        Parameters
        ----------
        evaluations : int
            The most times that the loss is looked at; at least 1. Work that is begun is gone on
            with at the next call.
        iterations : int
            The most iterates to come to.
        until : float
            Stop at an iterate whose loss is at most this.
        halted : callable
            Asked within long work: True when it shall be dropped.
        taken : callable
            Given the iterates that the method has come to, in order and as soon as they are
            known; `weights` are those of the last. True says to go no further.
        """

    @abstractmethod
    def weights(self) -> dict[str, np.ndarray]:
        """The parameters of the last iterate, or of the start."""


@dataclass(frozen=True)
class FullBatchMethod(Component, ABC):
    """A method that takes all rows at each step and chooses the length of its steps itself.

    Examples
    --------
    >>> from quickprop import LBFGS, FullBatchMethod
    >>> isinstance(LBFGS(), FullBatchMethod)
    True
    """

    @abstractmethod
    def descent(self, problem: Problem) -> Descent:
        """The method at work, compiled.

        Raises
        ------
        SettingError
            When the problem is not of a kind that the method can solve.
        """


#: Methods that take all rows at a step and choose its length themselves, by name.
FULL_BATCH_METHODS: Registry[type[Component]] = Registry(within=TRAINING_METHODS)
