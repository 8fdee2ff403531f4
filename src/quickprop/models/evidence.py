"""Whether a difference on the test rows is more than chance, rows being alike or not."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

#: Standard normal quantiles: of 0.5 % above, and of 2.3 % above, which is "two standard errors".
SURE, LIKELY = 2.576, 2.0
#: Fewer rows than these that count for themselves say nothing.
_FEWEST = 4.0
#: Blocks of neighbouring rows, whose means show dependence that outlasts a row.
_BLOCKS = 10


@dataclass(frozen=True, eq=False)
class TestRows:
    """How the rows that are judged by hang together.

    Attributes
    ----------
    groups : int array, shape (rows,), optional
        Rows of one number are of one person or device, or copies of each other.
    ordered : bool
        Whether neighbours are neighbours in time.
    """

    __test__ = False

    groups: np.ndarray | None = None
    ordered: bool = False

    def apart(self, columns: np.ndarray) -> float:
        """How many times more the mean of such columns varies than that of as many free rows.

        Parameters
        ----------
        columns : array, shape (rows, k)
            With mean 0.
        """
        total = float(np.sum(columns**2))
        if not total:
            return 1.0
        if self.groups is not None:
            return float(np.sum(_sums(columns, self.groups) ** 2)) / total
        if self.ordered:
            follow = _follow(columns, total)
            return (1.0 + follow) / (1.0 - follow)
        return 1.0

    def apart_together(self, one: np.ndarray, other: np.ndarray) -> float:
        """The same for the products of two kinds of columns that do not depend on each other.

        Parameters
        ----------
        one, other : array, shape (rows, k)
            With mean 0.
        """
        if self.groups is not None:
            sizes = np.bincount(self.groups).astype(np.float64)
            usual = float(np.sum(sizes**2) / np.sum(sizes))
            if usual <= 1.0:
                return 1.0
            both = max(self.apart(one) - 1.0, 0.0) * max(self.apart(other) - 1.0, 0.0)
            return 1.0 + both / (usual - 1.0)
        if self.ordered:
            follow = _follow(one, float(np.sum(one**2))) * _follow(other, float(np.sum(other**2)))
            return (1.0 + follow) / (1.0 - follow)
        return 1.0


#: Rows of which none tells anything of another.
FREE = TestRows()


def _sums(columns: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The sum over each group, shape (groups, k)."""
    return np.stack([np.bincount(groups, column) for column in columns.T], axis=1)


def _follow(columns: np.ndarray, total: float) -> float:
    """How much a row is like the one before: the first autocorrelation, from 0 to below 1.

    That of few rows comes out too small by (1 + 3 r) / n (Kendall 1954), which is put back.
    """
    rows = len(columns)
    if not total or rows < 3:
        return 0.0
    found = float(np.sum(columns[1:] * columns[:-1])) / total
    if found <= 0.0:
        return 0.0
    return min(found + (1.0 + 3.0 * found) / rows, 1.0 - 1.0 / rows)


@dataclass(frozen=True)
class Gain:
    """A mean over the test rows and how sure it is.

    Attributes
    ----------
    mean, error : float
        The mean and its standard error.
    counted : float
        How many free rows would say as much.
    """

    mean: float
    error: float
    counted: float

    def above(self, quantile: float) -> bool:
        """Whether it is above 0 by more than chance, at this quantile of a normal variable."""
        return self.counted >= _FEWEST and self.mean > _of_few(quantile, self.counted) * self.error

    def below(self, quantile: float) -> bool:
        """Whether it is below 0 by more than chance."""
        return Gain(-self.mean, self.error, self.counted).above(quantile)


def mean_gain(gain: np.ndarray, rows: TestRows = FREE) -> Gain:
    """The mean of a number for each row.

    Parameters
    ----------
    gain : array, shape (rows,)
    rows : TestRows, optional
    """
    count = len(gain)
    mean = float(gain.mean())
    if count < 2:
        return Gain(mean, math.inf, 1.0)
    rest = (gain - mean)[:, None]
    apart = rows.apart(rest)
    error = float(gain.std(ddof=rows.groups is None)) / math.sqrt(count)
    counted = min(count / max(apart, 1e-9), float(count))
    if rows.groups is not None:
        there = len(np.unique(rows.groups))
        apart *= there / max(there - 1, 1)
        counted = min(counted, float(there)) if there > 1 else 1.0
    error *= math.sqrt(apart) if rows.groups is not None else math.sqrt(max(apart, 1.0))
    if rows.ordered and count >= 4 * _BLOCKS:
        blocks = np.array([block.mean() for block in np.array_split(gain, _BLOCKS)])
        by_blocks = float(blocks.std(ddof=1)) / math.sqrt(_BLOCKS)
        if by_blocks > error:
            error, counted = by_blocks, min(counted, float(_BLOCKS))
    return Gain(mean, error, counted)


def association(predicted: np.ndarray, truth: np.ndarray, rows: TestRows = FREE) -> Gain:
    """How well columns go together, and its deviation were they dealt to the rows by lot.

    The sum of products over all columns, whose variance under all orders of the rows is known
    (Mantel 1967; of one column it is Spearman's or Mann and Whitney's test), so that no number is
    too far from the others and no class too rare for it.

    Parameters
    ----------
    predicted, truth : array, shape (rows, k)
        Ranks or 0/1 columns, brought to mean 0.
    rows : TestRows, optional
    """
    count = len(truth)
    if count < 2:
        return Gain(0.0, math.inf, 1.0)
    variance = float(np.sum((predicted.T @ predicted) * (truth.T @ truth))) / (count - 1)
    apart = max(rows.apart_together(predicted, truth), 1.0)
    error = math.sqrt(variance * apart)
    return Gain(float(np.sum(predicted * truth)), error or math.inf, count / apart)


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of numbers from -1/2 to 1/2 with mean 0; equal numbers share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middle = last - (counts - 1) / 2.0
    return np.asarray(middle[place] / len(values) - (1.0 + 1.0 / len(values)) / 2.0)


def _of_few(quantile: float, counted: float) -> float:
    """The quantile of Student's t that a normal quantile becomes with few rows.

    The first terms of the expansion by Fisher and Cornish (Abramowitz and Stegun, 26.7.5).
    """
    free, z = counted - 1.0, quantile
    first = (z**3 + z) / 4.0
    second = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    return z + first / free + second / free**2
