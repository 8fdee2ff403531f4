"""Where in a sequence a step stands, added to what stands there: attention alone cannot tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quickprop.errors import ShapeError
from quickprop.foundation.settings import number, setting
from quickprop.graph import Tensor, variable
from quickprop.nn.initializers import Normal
from quickprop.nn.layers.layer import LAYERS, Context, ParameterSpec, RowShape, UnaryLayer


def _sequence(input_shape: RowShape, where: str) -> RowShape:
    if len(input_shape) != 2:
        raise ShapeError(
            f"{where} needs other rows",
            allowed="(steps, features)",
            given=str(input_shape),
            hint="put a Reshape((steps, features)) in front",
        )
    return input_shape


def sinusoids(steps: int, features: int, longest: float) -> np.ndarray:
    """Sine and cosine in turn, their wavelengths a geometric series from 2 pi to `longest` 2 pi.

    ``P[t, 2i] = sin(t / longest**(2i / features))``, ``P[t, 2i + 1]`` the cosine of the same
    (Vaswani et al. 2017, section 3.5).
    """
    column = np.arange(features)
    angle = np.arange(steps)[:, None] / longest ** (column // 2 * 2 / features)
    return np.where(column % 2 == 0, np.sin(angle), np.cos(angle))


@LAYERS.register()
@dataclass(frozen=True)
class PositionalEncoding(UnaryLayer):
    """Sines and cosines of the position added to rows (steps, features) (Vaswani et al. 2017).

    ``y[t, 2i] = x[t, 2i] + sin(t / longest**(2i / features))``, and the cosine at 2i + 1; t from 0.

    Parameters
    ----------
    longest : float
        The longest wavelength, in steps, divided by 2 pi.

    Examples
    --------
    >>> from quickprop import Network, PositionalEncoding
    >>> network = Network([PositionalEncoding()], features=(2, 2), dtype="float64")
    >>> network.predict([[[0.0, 0.0], [0.0, 0.0]]]).round(2).tolist()
    [[[0.0, 1.0], [0.84, 0.54]]]
    """

    longest: float = setting(number(1.0), 10_000.0)

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """As it came."""
        return _sequence(input_shape, "PositionalEncoding")

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """The sum."""
        table = sinusoids(x.shape[1] or 1, x.shape[2] or 1, self.longest)
        # A variable and not a constant: the numbers of a long table do not belong into code.
        return x + variable(table, x.dtype, f"{context.name}.table")


@LAYERS.register()
@dataclass(frozen=True)
class PositionEmbedding(UnaryLayer):
    """A learned vector for each position, added to rows (steps, features).

    ``y[t] = x[t] + table[t]`` (Gehring et al. 2017; Devlin et al. 2019).

    Examples
    --------
    >>> from quickprop import Network, PositionEmbedding
    >>> Network([PositionEmbedding()], features=(5, 8)).parameter_count
    40
    """

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """A table (steps, features), small at first."""
        shape = _sequence(input_shape, "PositionEmbedding")
        return (ParameterSpec("table", shape, Normal(deviation=0.02), penalised=False),)

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """As it came."""
        return _sequence(input_shape, "PositionEmbedding")

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """The sum."""
        return x + parameters["table"]
