"""Rows that are copies of each other, or nearly."""

from __future__ import annotations

import numpy as np
import polars as pl

from quickprop.data.preprocess import as_polars
from quickprop.data.tables import Table

#: Numbers that differ by less than this part of their deviation are taken for equal.
_NEARLY = 1e-3
#: Columns looked at first: where they tell all rows apart, the others need not be read.
_FIRST_COLUMNS = 8
#: A column in which nearly every row has a value of its own tells no two rows to be copies.
_OWN_VALUE = 0.95
#: Fewer different rows than these are the cells of a design, which come again by intention.
_FEWEST_DIFFERENT = 100
#: Equal rows with equal targets this often are copies.
_AGREE = 0.98
#: So small a share of equal rows moves no score.
_FEW_TWINS = 0.005
_FEWEST_ROWS = 40


def numbered(series: pl.Series) -> np.ndarray:
    """A number for each different cell, from 0 without gaps; missing cells are equal."""
    places = series.rank("dense").cast(pl.Int64)
    return (places.fill_null(0) - (0 if places.null_count() else 1)).to_numpy()


def equal_rows(frame: Table, target: str, truth: np.ndarray) -> tuple[np.ndarray | None, str]:
    """Rows whose columns are equal, or nearly, as codes; None for none to keep together.

    Parameters
    ----------
    frame : narwhals.DataFrame
        The rows that have a target.
    target : str
    truth : array, shape (rows,)
        The targets as numbers.

    Returns
    -------
    codes : int array or None
    note : str
        What to tell, empty for nothing.
    """
    table = as_polars(frame)
    rows = table.height
    keys = [_key(series) for series in table.iter_columns() if series.name != target]
    given = [key for key in keys if key is not None]
    if len(given) < 2 or rows < _FEWEST_ROWS:
        return None, ""
    counts = [key.n_unique() for key in given]
    own = [
        count >= _OWN_VALUE * rows and (key.dtype.is_integer() or key.dtype == pl.String)
        for key, count in zip(given, counts, strict=True)
    ]
    used = [
        (count, key) for key, count, is_own in zip(given, counts, own, strict=True)
        if not is_own and count > 1
    ]  # fmt: skip
    if len(used) < 2:
        return None, ""
    used.sort(key=lambda one: -one[0])
    plain = [key.alias(str(place)) for place, (_, key) in enumerate(used)]
    if pl.DataFrame(plain[:_FIRST_COLUMNS]).hash_rows().n_unique() == rows:
        return None, ""
    codes = numbered(pl.DataFrame(plain).hash_rows())
    sizes = np.bincount(codes)
    different = int(np.count_nonzero(sizes))
    twins = int(sizes[sizes > 1].sum())
    if twins < _FEW_TWINS * rows:
        return None, ""
    note = f"{twins} rows are equal, or nearly, to others in every column but the target"
    spread = float(truth.std()) or 1.0
    alike = numbered(pl.Series(np.round(truth / (spread * _NEARLY))))
    both = np.bincount(numbered(pl.Series(codes * (int(alike.max()) + 1) + alike)))
    # Pairs of equal rows, and those of them with equal targets.
    pairs = float(np.sum(sizes * (sizes - 1.0)))
    agree = float(np.sum(both * (both - 1.0))) / pairs
    if different < _FEWEST_DIFFERENT or (different < 0.5 * rows and agree < _AGREE):
        return (
            None,
            f"{note}: there are {different} different rows only, so they are not kept apart.",
        )
    return codes, f"{note}: those that are equal are kept in one part."


def _key(series: pl.Series) -> pl.Series | None:
    """What is equal for equal cells; None for a type that is not used."""
    kind = series.dtype
    if kind.is_float():
        spread = series.std()
        if not isinstance(spread, float) or not np.isfinite(spread) or not spread:
            return series
        return (series / (spread * _NEARLY)).round()
    if kind.is_nested() or kind in (pl.Object, pl.Binary):
        return None
    if kind in (pl.Categorical, pl.Enum):
        return series.to_physical()
    return series
