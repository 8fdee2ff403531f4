"""Each number as waves of learned frequencies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from quickprop.foundation.settings import boolean, integer, number, optional, setting
from quickprop.graph import Tensor
from quickprop.nn.initializers import Normal, Uniform
from quickprop.nn.layers.layer import (
    LAYERS,
    Context,
    ParameterSpec,
    RowShape,
    UnaryLayer,
    vector,
)
from quickprop.ops.activations import relu
from quickprop.ops.elementary import concat, cos, sum
from quickprop.ops.reshaping import reshape


@LAYERS.register()
@dataclass(frozen=True)
class PeriodicEmbedding(UnaryLayer):
    """Each input as several numbers: itself, and mixtures of waves over it.

    With the defaults it is the PBLD embedding (periodic, with bias, linear, densely connected) of
    Holzmüller, Grinsztajn and Steinwart 2024: ``(x, cos(2 pi x f + p) W + b)``, with frequencies
    f, phases p, W and b of every input its own. Without `keeps_input` it is their PBL; with
    `relu` in its place the PLR kind of Gorishniy, Rubachev and Babenko 2022 (who have a sine
    beside every cosine where this has phases); without `width` the waves themselves.

    Parameters
    ----------
    frequencies : int
        Waves for each input.
    width : int, optional
        How many mixtures of its waves come out for each input; None for the waves themselves.
    deviation : float
        Standard deviation of the frequencies before training, in waves for each unit of x.
    keeps_input : bool
        Whether each input comes out too, first of all.
    relu : bool
        Whether the mixtures go through a rectifier.

    Examples
    --------
    >>> from quickprop import Dense, Network, PeriodicEmbedding
    >>> network = Network([PeriodicEmbedding(), Dense(1)], features=5)
    >>> network.layers[0].output_shape, network.layers[0].parameter_count
    ((20,), 415)

    Notes
    -----
    The result has the inputs first, then the first mixture of every input, then the second, ...
    """

    frequencies: int = setting(integer(1, 2**12), 16)
    width: int | None = setting(optional(integer(1, 2**12)), 3)
    deviation: float = setting(number(0.0), 0.1)
    keeps_input: bool = setting(boolean(), True)
    relu: bool = setting(boolean(), False)

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """Frequencies and phases (waves, inputs); a weight (width, waves, inputs) and a bias."""
        inputs = vector(input_shape, "PeriodicEmbedding")
        shape = (self.frequencies, inputs)
        waves = (
            ParameterSpec("frequency", shape, Normal(0.0, self.deviation)),
            ParameterSpec("phase", shape, Uniform(-math.pi, math.pi), penalised=False),
        )
        if self.width is None:
            return waves
        # As PyTorch begins linear layers: each mixture reads as many numbers as there are waves.
        start = Uniform(-1.0 / math.sqrt(self.frequencies), 1.0 / math.sqrt(self.frequencies))
        return (
            *waves,
            ParameterSpec("weight", (self.width, *shape), start),
            ParameterSpec("bias", (self.width, inputs), start, penalised=False),
        )

    @property
    def outputs_per_input(self) -> int:
        """How many numbers come out for each that goes in."""
        made = self.frequencies if self.width is None else self.width
        return made + self.keeps_input

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """So many numbers for each input."""
        return (self.outputs_per_input * vector(input_shape, "PeriodicEmbedding"),)

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """The inputs, and the waves or their mixtures."""
        rows, inputs = x.shape
        assert inputs is not None
        # Inputs on the last axis: all that is done number by number runs along it.
        turned = parameters["frequency"] * (2.0 * math.pi)
        waves = cos(reshape(x, (rows, 1, inputs)) * turned + parameters["phase"])
        made = waves
        if self.width is not None:
            each = reshape(waves, (rows, 1, self.frequencies, inputs)) * parameters["weight"]
            made = sum(each, 2) + parameters["bias"]
        if self.relu:
            made = relu(made)
        outputs = self.outputs_per_input - self.keeps_input
        flat = reshape(made, (rows, outputs * inputs))
        return concat((x, flat)) if self.keeps_input else flat
