"""A column that alone tells the target: often one that is known only afterwards."""

from __future__ import annotations

import numpy as np

from quickprop.data import Matrices, Preprocessor, Split

#: Rows learned from and judged by, and columns looked at.
_MOST_ROWS, _MOST_COLUMNS = 4000, 300
#: Of what always the same answer costs, the share left, and the rows that must not be that answer.
_LEFT_OF_CLASSES, _LEFT_OF_NUMBERS, _FEWEST = 0.02, 1e-3, 5


def tell_alone(
    preprocessor: Preprocessor,
    matrices: Matrices,
    targets: np.ndarray,
    split: Split,
    *,
    classes: bool,
) -> list[tuple[str, float]]:
    """The columns that tell the target alone, and the share of held-out rows that each gets right.

    Each is tried on the validation rows: the usual target of a level, or the targets of the two
    nearest numbers. Of numbers the share is R2. A table of one column has none.

    Parameters
    ----------
    preprocessor : Preprocessor
    matrices : Matrices
        All rows.
    targets : array, shape (rows,)
        Class codes, or numbers.
    split : Split
    classes : bool
        Which of them.
    """
    columns = preprocessor.columns
    train, held = split.train[:_MOST_ROWS], split.validation[:_MOST_ROWS]
    if not 1 < len(columns) <= _MOST_COLUMNS or len(held) < _FEWEST:
        return []
    truth = targets.astype(np.float64)
    learned, wanted = truth[train], truth[held]
    usual = np.bincount(targets[train]).argmax() if classes else learned.mean()
    cost = _cost(wanted, np.full(len(held), float(usual)), classes=classes)
    if cost.sum() < _FEWEST * (1.0 if classes else 0.0) or not cost.sum():
        return []
    found, place, code = [], 0, 0
    for column in columns:
        width = len(column.features)
        if width:
            cells = matrices.numeric[:, place : place + width]
            place += width
        else:
            cells = matrices.categories[:, code : code + 1]
            code += 1
        if column.kind in ("number", "date"):
            # The number itself, and of a date the days gone by, whatever stands beside them.
            one = cells[:, 0] if column.kind == "number" else cells[:, 2 * len(_parts(column))]
            said = _near(one[train], learned, one[held], classes=classes)
        else:
            said = _usual(cells[train], learned, cells[held], float(usual), classes=classes)
        left = float(_cost(wanted, said, classes=classes).sum() / cost.sum())
        if left <= (_LEFT_OF_CLASSES if classes else _LEFT_OF_NUMBERS):
            right = float(np.mean(said == wanted)) if classes else 1.0 - left
            found.append((column.name, right))
    return found


def _parts(column: object) -> tuple[str, ...]:
    parts = getattr(column, "parts", ())
    return tuple(parts)


def _cost(wanted: np.ndarray, said: np.ndarray, *, classes: bool) -> np.ndarray:
    return np.asarray((wanted != said).astype(float) if classes else (wanted - said) ** 2)


def _near(at: np.ndarray, learned: np.ndarray, where: np.ndarray, *, classes: bool) -> np.ndarray:
    """By the nearest number, or on the line between the two nearest."""
    points, place, counts = np.unique(at, return_inverse=True, return_counts=True)
    if not classes:
        means = np.bincount(place, learned) / counts
        return np.asarray(np.interp(where, points, means))
    # Of equal numbers the class of the first stands for all.
    first = np.zeros(len(points), np.intp)
    first[place[::-1]] = np.arange(len(at))[::-1]
    right = np.clip(np.searchsorted(points, where), 1, max(len(points) - 1, 1))
    right = np.minimum(right, len(points) - 1)
    left = np.maximum(right - 1, 0)
    nearer = np.where(where - points[left] <= points[right] - where, left, right)
    return np.asarray(learned[first[nearer]])


def _usual(
    at: np.ndarray, learned: np.ndarray, where: np.ndarray, usual: float, *, classes: bool
) -> np.ndarray:
    """The commonest class, or the mean, of each level."""
    # A code, or a place in a row of zeros with a single 1 or -1.
    weights = np.arange(1.0, at.shape[1] + 1.0)
    levels, place = np.unique(at @ weights, return_inverse=True)
    if classes:
        kinds, kind = np.unique(learned, return_inverse=True)
        counts = np.bincount(place * len(kinds) + kind, minlength=len(levels) * len(kinds))
        told = kinds[counts.reshape(len(levels), len(kinds)).argmax(axis=1)]
    else:
        told = np.bincount(place, learned) / np.bincount(place)
    wanted = where @ weights
    found = np.minimum(np.searchsorted(levels, wanted), len(levels) - 1)
    return np.asarray(np.where(levels[found] == wanted, told[found], usual))
