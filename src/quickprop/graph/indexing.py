"""What an index in brackets picks from a shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.errors import ShapeError
from quickprop.graph.shape_rules import ROWS, Dim, Shape


@dataclass(frozen=True)
class Cut:
    """A range of each axis.

    Parameters
    ----------
    shape : Shape
        What is cut.
    start : tuple of int
    stop : tuple of int or None
        None for the rows axis, which is whole.
    kept : Shape
        What is left without the axes that a whole number picked from.
    """

    shape: Shape
    start: tuple[int, ...]
    stop: Shape
    kept: Shape

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return not any(self.start) and self.stop == self.shape


def cut_of(index: Any, shape: Shape, where: str) -> Cut:
    """The ranges that an index means: whole numbers, and ranges of step 1.

    Raises
    ------
    ShapeError
        It is none of these, leaves nothing, cuts the rows or goes beyond an axis.
    """
    picked = index if isinstance(index, tuple) else (index,)
    if len(picked) > len(shape):
        raise ShapeError("too many indices", where=where, given=str(len(picked)))
    start: list[int] = []
    stop: list[Dim] = []
    kept: list[Dim] = []
    for axis, dim in enumerate(shape):
        part = picked[axis] if axis < len(picked) else slice(None)
        if dim is None:
            if not isinstance(part, slice) or part != slice(None):
                raise ShapeError("the rows axis cannot be cut", where=where, given=repr(part))
            start.append(0)
            stop.append(ROWS)
            kept.append(ROWS)
        elif isinstance(part, slice):
            low, high = _range(part, dim, where)
            start.append(low)
            stop.append(high)
            kept.append(high - low)
        else:
            low = _place(part, axis, dim, where)
            start.append(low)
            stop.append(low + 1)
    return Cut(shape, tuple(start), tuple(stop), tuple(kept))


def _range(part: slice, dim: int, where: str) -> tuple[int, int]:
    try:
        low, high, step = part.indices(dim)
    except (TypeError, ValueError):
        low, high, step = 0, 0, 1
    if step != 1 or high <= low:
        raise ShapeError("only non-empty ranges of step 1", where=where, given=str(part))
    return low, high


def _place(part: Any, axis: int, dim: int, where: str) -> int:
    if not isinstance(part, int | np.integer) or isinstance(part, bool):
        raise ShapeError(
            "only whole numbers and ranges index a tensor", where=where, given=repr(part)[:80]
        )
    place = int(part)
    low = place + dim if place < 0 else place
    if not 0 <= low < dim:
        raise ShapeError(
            f"no such index on axis {axis}",
            where=where,
            allowed=f"{-dim} to {dim - 1}",
            given=str(place),
        )
    return low
