"""The rectifier with a learned slope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quickprop.foundation.settings import LARGEST, boolean, number, setting
from quickprop.graph import Tensor
from quickprop.nn.initializers import Filled
from quickprop.nn.layers.layer import LAYERS, Context, ParameterSpec, RowShape, UnaryLayer
from quickprop.ops.activations import leaky_relu


@LAYERS.register()
@dataclass(frozen=True)
class PReLU(UnaryLayer):
    """X where positive, slope times x elsewhere, the slope learned (He, Zhang, Ren and Sun 2015).

    Parameters
    ----------
    per_channel : bool
        A slope for each place along the last axis, or one for all.
    start : float
        The slope before training.

    Examples
    --------
    >>> from quickprop import Network, PReLU
    >>> Network([PReLU()], features=2).predict([[-4.0, 2.0]]).tolist()
    [[-1.0, 2.0]]
    """

    per_channel: bool = setting(boolean(), True)
    start: float = setting(number(-LARGEST), 0.25)

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """A slope (channels,), or (1,)."""
        channels = input_shape[-1] if self.per_channel and input_shape else 1
        # A penalty would pull the slopes to zero, which is the plain rectifier.
        return (ParameterSpec("slope", (channels,), Filled(self.start), penalised=False),)

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """As it came."""
        return input_shape

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """The leaky rectifier with these slopes."""
        return leaky_relu(x, parameters["slope"])
