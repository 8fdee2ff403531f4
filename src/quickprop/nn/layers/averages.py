"""The predictions of several networks made one: what stands at the end of an ensemble."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quickprop.errors import SettingError, ShapeError
from quickprop.foundation.settings import number, sequence_of, setting
from quickprop.graph import Tensor, variable
from quickprop.nn.layers.layer import LAYERS, Context, Layer, ParameterSpec, RowShape
from quickprop.ops.activations import softmax
from quickprop.ops.elementary import log, maximum, minimum

_WEIGHTS = sequence_of(number(0.0))
#: What float32 holds, with room.
_FINITE = number(-1e30, 1e30)


def _checked_shape(shapes: Sequence[RowShape], weights: tuple[float, ...], where: str) -> RowShape:
    if len(shapes) != len(weights):
        raise ShapeError(
            "not a weight for each network", where=where, allowed=len(shapes), given=len(weights)
        )
    if any(shape != shapes[0] for shape in shapes):
        raise ShapeError(
            "networks with outputs of different shapes",
            where=where,
            allowed=str(shapes[0]),
            given=", ".join(map(str, shapes)),
        )
    return shapes[0]


def _check_sum(weights: tuple[float, ...], where: str) -> None:
    if not 0.999 < sum(weights) < 1.001:
        raise SettingError(
            "weights that do not add up to 1", where=f"{where}.weights", given=f"{sum(weights):g}"
        )


@LAYERS.register()
@dataclass(frozen=True)
class WeightedMean(Layer):
    """The weighted mean of several outputs, held between bounds: an ensemble for numbers.

    Parameters
    ----------
    weights : tuple of float
        One for each source; they add up to 1.
    low, high : float
        Means beyond are brought back to these: nothing is predicted that was never seen.

    Examples
    --------
    >>> from quickprop import Input, Network, WeightedMean
    >>> mean = WeightedMean((0.25, 0.75), low=-1.0, high=2.0)
    >>> a, b = Input(1, "a"), Input(1, "b")
    >>> Network(mean(a, b)).predict([[0.0], [4.0]], [[1.0], [4.0]]).tolist()
    [[0.75], [2.0]]
    """

    weights: tuple[float, ...] = setting(_WEIGHTS)
    low: float = setting(_FINITE, -1e30)
    high: float = setting(_FINITE, 1e30)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_sum(self.weights, "WeightedMean")

    def parameter_specs(self, shapes: Sequence[RowShape]) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def result_shape(self, shapes: Sequence[RowShape]) -> RowShape:
        """That of each."""
        return _checked_shape(shapes, self.weights, "WeightedMean")

    def apply(
        self, sources: Sequence[Tensor], parameters: Mapping[str, Tensor], context: Context
    ) -> Tensor:
        """The mean."""
        mean = _weighted(sources, self.weights, context)
        low = variable(self.low, context.dtype, f"{context.name}.low")
        high = variable(self.high, context.dtype, f"{context.name}.high")
        return minimum(maximum(mean, low), high)


@LAYERS.register()
@dataclass(frozen=True)
class MeanProbability(Layer):
    """The weighted mean of the probabilities that several logits stand for, as logits again.

    ``p = sum_k w_k softmax(z_k)``, then ``temperature * ln((1 - e) p + e / classes)``, whose
    softmax is the calibrated mean: mixed with even shares (Laplace) by a small part e, so that
    nothing is impossible, and sharpened or softened (Guo et al. 2017; here ``1 / T``).

    Parameters
    ----------
    weights : tuple of float
        One for each source; they add up to 1.
    temperature : float
        A factor of the logits: 1 leaves them as they are, more makes them surer.
    mixed : float
        The part e.

    Examples
    --------
    >>> from quickprop import Activation, Input, MeanProbability, Network
    >>> mean = MeanProbability((0.5, 0.5))
    >>> a, b = Input(2, "a"), Input(2, "b")
    >>> network = Network(Activation("softmax")(mean(a, b)))
    >>> network.predict([[0.0, 0.0]], [[0.0, 100.0]]).round(3).tolist()
    [[0.25, 0.75]]
    """

    weights: tuple[float, ...] = setting(_WEIGHTS)
    temperature: float = setting(number(0.0, low_open=True), 1.0)
    mixed: float = setting(number(0.0, 1.0), 1e-6)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_sum(self.weights, "MeanProbability")

    def parameter_specs(self, shapes: Sequence[RowShape]) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def result_shape(self, shapes: Sequence[RowShape]) -> RowShape:
        """That of each."""
        return _checked_shape(shapes, self.weights, "MeanProbability")

    def apply(
        self, sources: Sequence[Tensor], parameters: Mapping[str, Tensor], context: Context
    ) -> Tensor:
        """The logits of the mean."""
        mean = _weighted([softmax(one) for one in sources], self.weights, context)
        classes = mean.shape[-1] or 1
        kept = variable(1.0 - self.mixed, context.dtype, f"{context.name}.kept")
        even = variable(self.mixed / classes, context.dtype, f"{context.name}.even")
        factor = variable(self.temperature, context.dtype, f"{context.name}.temperature")
        return log(mean * kept + even) * factor


def _weighted(sources: Sequence[Tensor], weights: tuple[float, ...], context: Context) -> Tensor:
    """The weighted sum; variables, so that other weights run the same code."""
    parts = [
        one * variable(weight, context.dtype, f"{context.name}.weight{place}")
        for place, (one, weight) in enumerate(zip(sources, weights, strict=True), start=1)
    ]
    return functools.reduce(operator.add, parts)
