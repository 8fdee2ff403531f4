"""Some of the numbers of a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quickprop.errors import ShapeError
from quickprop.foundation.settings import integer, sequence_of, setting
from quickprop.graph import Tensor
from quickprop.nn.layers.layer import (
    LAYERS,
    Context,
    ParameterSpec,
    RowShape,
    UnaryLayer,
    vector,
)
from quickprop.ops.elementary import concat


@LAYERS.register()
@dataclass(frozen=True)
class Columns(UnaryLayer):
    """Some numbers of each row, in the order given: ``x[:, places]``.

    Parameters
    ----------
    places : sequence of int
        Counted from 0.

    Examples
    --------
    >>> from quickprop import Columns, Network
    >>> Network([Columns((2, 0))], features=3).predict([[1.0, 2.0, 3.0]]).tolist()
    [[3.0, 1.0]]
    """

    places: tuple[int, ...] = setting(sequence_of(integer(0, 2**24)))

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """One number a place."""
        width = vector(input_shape, "Columns")
        if max(self.places) >= width:
            raise ShapeError(
                "a place beyond the last number of a row",
                where="Columns.places",
                allowed=f"0 to {width - 1}",
                given=max(self.places),
            )
        return (len(self.places),)

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """Slices side by side: places that follow each other are one."""
        parts, first = [], 0
        for end in range(1, len(self.places) + 1):
            if end == len(self.places) or self.places[end] != self.places[end - 1] + 1:
                parts.append(x[:, self.places[first] : self.places[end - 1] + 1])
                first = end
        return concat(parts) if len(parts) > 1 else parts[0]
