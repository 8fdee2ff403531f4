"""Category codes must lie within the levels that were learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from quickprop.errors import DataError
from quickprop.nn.node import Input


def check_codes(given: Any, leaf: Input, limits: Sequence[int]) -> None:
    """Raise `DataError` when a code of an input is outside the levels of its column."""
    try:
        array = np.asarray(given)
    except ValueError:
        return
    if array.shape[1:] != leaf.row_shape or not array.size or array.dtype.kind not in "biu":
        return
    flat = array.reshape(len(array), -1)
    low, high = flat.min(axis=0), flat.max(axis=0)
    for column, levels in enumerate(limits):
        if low[column] < 0 or high[column] >= levels:
            raise DataError(
                "a category code outside the levels",
                where=f"{leaf.name}, column {column}",
                allowed=f"0 to {levels - 1}",
                given=f"{low[column]} to {high[column]}",
            )
