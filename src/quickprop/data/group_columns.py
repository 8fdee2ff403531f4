"""Columns that repeat like a person or a device, whose rows may tell each other's target."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from quickprop.data.equal_rows import numbered
from quickprop.data.preprocess import as_polars
from quickprop.data.tables import Table
from quickprop.foundation.deadline import look_at_the_clock

#: Rows that a test of groups or of order looks at.
_SOME_ROWS = 2000
_FEWEST_ROWS = 40
#: How people call what comes again and has a life of its own.
_BEINGS = frozenset(
    (
        *("patient", "subject", "person", "people", "participant", "user", "customer", "client"),
        *("member", "account", "device", "sensor", "machine", "engine", "vehicle", "car", "driver"),
        *("animal", "mouse", "rat", "player", "student", "pupil", "employee", "household"),
        *("family", "session", "speaker", "donor", "respondent", "individual", "farm", "plant"),
        *("tree", "cow", "horse", "host", "citizen", "subj", "pt", "pid", "uid", "sid", "batch"),
    )
)
#: What is measured of them, and does not name them.
_MEASURES = frozenset(
    ("age", "type", "count", "size", "class", "kind", "status", "weight", "height", "sex", "gender")
)


@dataclass(frozen=True, eq=False)
class GroupColumn:
    """A column that repeats like a person or a device.

    Attributes
    ----------
    name : str
    codes : int array, shape (rows,)
    gives_away : bool
        Whether rows of one group tell each other's target, as other rows do not.
    """

    name: str
    codes: np.ndarray
    gives_away: bool


def group_columns(
    frame: Table, target: str, truth: np.ndarray, *, classes: bool, seed: int
) -> list[GroupColumn]:
    """Columns that repeat like a person or a device, the ones that give rows away first.

    Parameters
    ----------
    frame : narwhals.DataFrame
        The rows that have a target.
    target : str
    truth : array, shape (rows,)
        Class codes, or numbers.
    classes : bool
        Which of them.
    seed : int
        Of the rows looked at.
    """
    table = as_polars(frame)
    rows = table.height
    if rows < _FEWEST_ROWS:
        return []
    columns = centred(truth, classes=classes)
    found = []
    for series in table.iter_columns():
        kind = series.dtype
        text = kind in (pl.String, pl.Categorical, pl.Enum)
        if series.name == target or not (text or kind.is_integer()):
            continue
        being, called = _is_being(series.name), _is_called_id(series.name)
        # Whole numbers are measurements unless they are called otherwise.
        if kind.is_integer() and not (being or called):
            continue
        different = series.n_unique()
        if not (5 if being or called else 20) <= different <= rows / 2:
            continue
        look_at_the_clock()
        codes = numbered(series.cast(pl.String) if text else series)
        sizes = np.bincount(codes)
        if sizes.max() > rows / 3:
            continue
        told = being and _hang_together(columns, codes)
        tells = told or _gives_away(
            table.drop(series.name, target), codes, columns, fingerprint=not (being or called),
            seed=seed,
        )  # fmt: skip
        if tells or being or called:
            found.append(GroupColumn(series.name, codes, tells))
    return sorted(found, key=lambda one: not one.gives_away)


def _is_being(name: str) -> bool:
    """Whether a column is called like what has a life of its own."""
    words = re.split(r"[^a-z]+", _spaced(name))
    parts = [word for word in words if word]
    if not 0 < len(parts) <= 3 or any(part in _MEASURES for part in parts):
        return False
    return any(part in _BEINGS or part.removesuffix("id") in _BEINGS for part in parts)


def _is_called_id(name: str) -> bool:
    """Whether a column is called as what is known by a number."""
    return re.split(r"[^a-z0-9]+", _spaced(name).strip("_ "))[-1] in ("id", "uuid", "guid")


def _spaced(name: str) -> str:
    """The words of a name apart, in small letters."""
    return re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower()


def centred(truth: np.ndarray, *, classes: bool) -> np.ndarray:
    """Targets as columns with mean 0: ranks, or a 0/1 column a class."""
    if classes:
        there = np.unique(truth)[:32]
        columns = (truth[:, None] == there).astype(np.float64)
    else:
        columns = numbered(pl.Series(truth))[:, None].astype(np.float64)
    return np.asarray(columns - columns.mean(axis=0))


def _hang_together(columns: np.ndarray, codes: np.ndarray) -> bool:
    """Whether targets of one group are more alike than chance makes them."""
    total = float(np.sum(columns**2))
    if not total:
        return False
    sums = np.stack([np.bincount(codes, column) for column in columns.T])
    sizes = np.bincount(codes)
    sizes = sizes[sizes > 0]
    apart = float(np.sum(sums**2)) / total - 1.0
    # The most that it can be is the size of the groups less one.
    usual = float(np.sum(sizes**2) / np.sum(sizes)) - 1.0
    return bool(apart > max(0.1 * usual, 5.0 * np.sqrt(2.0 * usual / len(sizes))))


def _gives_away(
    rest: pl.DataFrame, codes: np.ndarray, columns: np.ndarray, *, fingerprint: bool, seed: int
) -> bool:
    """Whether the nearest row tells the target much better when it may be of the same group.

    Parameters
    ----------
    rest : DataFrame
        The other columns.
    codes : int array, shape (rows,)
        Of the groups.
    columns : array, shape (rows, k)
        The targets.
    fingerprint : bool
        Ask also that the nearest row nearly always is of the group.
    seed : int
    """
    random = np.random.default_rng(seed)
    # Whole groups, so that each row keeps its siblings.
    order = random.permutation(int(codes.max()) + 1)[codes]
    some = np.argsort(order, kind="stable")[:_SOME_ROWS]
    numeric = [series for series in rest.iter_columns() if series.dtype.is_numeric()]
    if not numeric:
        return False
    points = np.stack([_scaled(series.gather(some)) for series in numeric], axis=1)
    group, target = codes[some], columns[some]
    if len(np.unique(group)) < 5:
        return False
    square = (points**2).sum(axis=1)
    distance = square[:, None] + square - 2.0 * (points @ points.T)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argmin(axis=1)
    distance[group[:, None] == group] = np.inf
    outside = distance.argmin(axis=1)
    loss = ((target - target[nearest]) ** 2).sum(axis=1)
    other = ((target - target[outside]) ** 2).sum(axis=1)
    inside = float(np.mean(group[nearest] == group))
    if inside < (0.9 if fingerprint else 0.3):
        return False
    # Groups count, and not rows.
    gain = np.bincount(group, other - loss)[np.unique(group)]
    error = float(gain.std(ddof=1)) / np.sqrt(len(gain))
    return bool(
        gain.mean() > 4.0 * error and loss.mean() < (0.3 if fingerprint else 0.7) * other.mean()
    )


def _scaled(series: pl.Series) -> np.ndarray:
    """Numbers in deviations, missing ones in the middle."""
    values = series.cast(pl.Float64).fill_nan(None).to_numpy().copy()
    known = np.isfinite(values)
    if not known.any():
        return np.zeros(len(values))
    values[~known] = np.median(values[known])
    middle, spread = values.mean(), values.std()
    return np.asarray((values - middle) / spread if spread else values - middle)
