"""Some rows of a table, before anything is made of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np

from quickprop.data.reading import Reading
from quickprop.data.tables import Table


def row_count(data: Any) -> tuple[int, int] | None:
    """Rows and columns of a table in memory; None for a file, or what is no table."""
    frame = _frame(data)
    return None if frame is None else frame.shape


def some_rows(data: Any, rows: np.ndarray) -> Any:
    """Those rows of a table that `row_count` counts, as a table of the same kind.

    Parameters
    ----------
    data : table or Reading
    rows : int array
        Climbing.
    """
    frame = _frame(data)
    assert frame is not None
    part = frame[rows.tolist(), :]
    return replace(data, frame=part) if isinstance(data, Reading) else part


def _frame(data: Any) -> Table | None:
    if isinstance(data, Reading):
        return data.frame
    found = nw.from_native(data, eager_only=True, pass_through=True)
    return found if isinstance(found, nw.DataFrame) else None
