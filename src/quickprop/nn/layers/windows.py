"""What convolutions and poolings have in common: settings for windows."""

from __future__ import annotations

from typing import Any

from quickprop.errors import ShapeError
from quickprop.foundation.settings import Rule, integer
from quickprop.nn.layers.layer import RowShape

_PADDINGS = ("valid", "same")


def per_axis(axes: int, low: int = 1) -> Rule:
    """A whole number, or one for each axis."""
    number = integer(low, 2**16)

    def accept(value: Any) -> int | tuple[int, ...]:
        if isinstance(value, list | tuple):
            if len(value) != axes:
                raise ValueError
            return tuple(number.accept(item) for item in value)
        return int(number.accept(value))

    text = f"a whole number of at least {low}"
    return Rule(text if axes == 1 else f"{text}, or a list of {axes}", accept)


def padding(axes: int) -> Rule:
    """The word "valid" or "same", or what is put round on both sides."""
    numbers = per_axis(axes, 0)

    def accept(value: Any) -> Any:
        if isinstance(value, str):
            if value not in _PADDINGS:
                raise ValueError
            return value
        return numbers.accept(value)

    return Rule(f"valid, same, or {numbers.allowed}", accept)


def image_lengths(input_shape: RowShape, axes: int, where: str) -> RowShape:
    """The lengths that windows slide over, of rows (lengths..., channels)."""
    if len(input_shape) != axes + 1:
        kinds = {1: "(length, channels)", 2: "(height, width, channels)"}
        raise ShapeError(
            f"{where} needs other rows",
            allowed=kinds[axes],
            given=str(input_shape),
            hint=f"put a Reshape({kinds[axes]}) in front",
        )
    return input_shape[:-1]
