"""What a table holds as one number, so that a model knows what it was fitted on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import narwhals as nw
import numpy as np
import polars as pl

from quickprop.data.tables import Table, read_table


def table_hash(frame: Table) -> str:
    """A SHA-256 of the column names and all values, in order.

    Numbers count by value, not by type: 1 and 1.0 are the same.
    """
    table = nw.to_native(frame)
    if not isinstance(table, pl.DataFrame):
        table = nw.to_native(read_table(frame))
    digest = hashlib.sha256(b"quickprop table 1")
    for column in table.iter_columns():
        name = column.name.encode()
        digest.update(len(name).to_bytes(8, "little") + name)
        digest.update(len(column).to_bytes(8, "little"))
        _hash_column(column, digest.update)
    return digest.hexdigest()


def _hash_column(column: pl.Series, update: Callable[[bytes], object]) -> None:
    """Feed a tag for the kind of column, its missing cells and its values to `update`."""
    kind = column.dtype
    if kind.is_numeric() and (kind.is_float() or _fits_float(column)):
        # Missing cells become NaN. By NumPy: of a wide table polars takes its time for each column.
        numbers = column.cast(pl.Float64).to_numpy()
        missing = np.isnan(numbers)
        update(b"number" + np.packbits(missing).tobytes())
        update((np.where(missing, 0.0, numbers).astype("<f8") + 0.0).tobytes())
        return
    if kind.is_temporal():
        column = column.dt.to_string("iso")
    elif kind.is_nested() or kind in (pl.Object, pl.Binary):
        column = pl.Series(column.name, [str(cell) for cell in column.to_list()])
    text = column.cast(pl.String)
    update(b"text" + np.packbits(text.is_null().to_numpy()).tobytes())
    text = text.fill_null("")
    update(text.str.len_bytes().to_numpy().astype("<u8").tobytes())
    update((text.str.join("").item() or "").encode())


def _fits_float(column: pl.Series) -> bool:
    """Whether a float64 holds each of these whole numbers exactly."""
    low, high = column.min(), column.max()
    return low is None or (int(low) >= -(2**53) and int(high) <= 2**53)  # type: ignore[arg-type]
