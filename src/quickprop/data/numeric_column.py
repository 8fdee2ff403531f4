"""Numbers: scaled by their quartiles, wild values drawn in, gaps filled and flagged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from quickprop.data.cells import NumberCells, number_cells
from quickprop.data.column import Column
from quickprop.data.deviations import Deviation, deviations
from quickprop.data.schema import NumberSpelling
from quickprop.data.standardizer import Standardizer, varies
from quickprop.foundation.documents import Fields

_CALM = 3.0
_LONG_TAIL = 0.3
_MOST_LEVELS = 32
_ROWS_A_LEVEL = 50
_LARGEST = 1e300
#: Deviations that float32 still holds when they are multiplied by weights.
_FARTHEST = 1e30
#: Numbers are far out of a range that lie beyond it by more than this part of it.
_MARGIN = 0.25
#: Quantiles of more numbers are taken of so many: of normal numbers they differ by less than a
#: hundredth of the spread.
_ENOUGH = 200_000

#: Quantiles of fewer are taken by sorting.
_FEW = 4096

# Pairs of quantiles tried in turn, each with its distance for a standard normal variable:
# a column that is zero in most rows has no inter-quartile range, but may have a wider one.
_SPREADS = ((0.25, 0.75, 1.349), (0.10, 0.90, 2.563), (0.05, 0.95, 3.290), (0.01, 0.99, 4.653))
_LEVELS = (0.5, *(level for low, high, _ in _SPREADS for level in (low, high)))


#: What is said of columns beside their kind.
GAPS = "Missing cells are filled with the median and flagged in"
_LOGARITHMS = "Logarithms are taken, as few numbers are far above the others, in"
_STEPS = "Each of the few whole numbers has a feature of its own in"


@dataclass(frozen=True)
class Scaling:
    """The middle and the spread of a column, on a scale where a normal variable has spread 1.

    Attributes
    ----------
    center, scale : float
        Median and spread, of the logarithms where those are taken.
    log_unit : float or None
        When not None, x is first replaced by log(1 + x / log_unit).
    straight : bool
        Whether that is all, and nothing is drawn in.
    """

    center: float
    scale: float
    log_unit: float | None = None
    straight: bool = False

    @classmethod
    def fit(cls, values: np.ndarray, *, may_log: bool = True) -> Scaling:
        """Learn from finite numbers, float64, at least one of them.

        With `may_log`, a column of numbers from 0 up with a long tail is scaled as logarithms.
        """
        values = np.clip(values, -_LARGEST, _LARGEST)
        some = _sample(values)
        at = _quantiles(some)
        log_unit = None
        if may_log and values.min() >= 0.0:
            log_unit = _log_unit(some, at)
        if log_unit is not None:
            values, some = _logarithms(values, log_unit), _logarithms(some, log_unit)
            at = _quantiles(some)
        center = at[0.5]
        for low, high, width in _SPREADS:
            scale = at[high] / width - at[low] / width
            if bool(varies(scale, center)):
                return cls(float(center), float(scale), log_unit)
        scale = float(np.max(np.abs(values - center))) / 2
        return cls(float(center), scale if bool(varies(scale, center)) else 1.0, log_unit)

    @classmethod
    def plain(cls, values: np.ndarray) -> Scaling:
        """To mean 0 and deviation 1, and nothing else."""
        learned = Standardizer.fit(np.clip(values, -_LARGEST, _LARGEST))
        return cls(float(learned.mean), float(learned.scale), straight=True)

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Scale, and draw what lies beyond 3 spreads in to a logarithm of its distance.

        NaN, a missing value, becomes 0, where the median is.
        """
        values = np.clip(values, -_LARGEST, _LARGEST)
        if self.log_unit is not None:
            values = _logarithms(values, self.log_unit)
        with np.errstate(over="ignore"):
            scaled = (values - self.center) / self.scale
        scaled = np.nan_to_num(scaled, copy=False, nan=0.0)
        if self.straight:
            return np.asarray(np.clip(scaled, -_FARTHEST, _FARTHEST))
        size = np.abs(scaled)
        wild = size > _CALM
        if wild.any():
            scaled[wild] = np.sign(scaled[wild]) * (_CALM + np.log1p(size[wild] - _CALM))
        return scaled

    def to_document(self) -> dict[str, Any]:
        """All fields as JSON."""
        document = {"center": self.center, "scale": self.scale, "log_unit": self.log_unit}
        return {**document, "straight": True} if self.straight else document

    @classmethod
    def from_fields(cls, fields: Fields) -> Scaling:
        """Read back what `to_document` wrote."""
        log_unit = None if fields.is_null("log_unit") else fields.number("log_unit", above=0.0)
        straight = "straight" in fields and fields.flag("straight")
        return cls(fields.number("center"), fields.number("scale", above=0.0), log_unit, straight)


def _sample(values: np.ndarray) -> np.ndarray:
    """The values, or enough of them for their quantiles: at random, as tables have rhythms."""
    if len(values) <= _ENOUGH:
        return values
    return values[np.random.default_rng(0).integers(len(values), size=_ENOUGH)]


def _quantiles(values: np.ndarray) -> dict[float, float]:
    """The median and the pairs of `_SPREADS` by their levels."""
    if len(values) > _FEW:
        return dict(zip(_LEVELS, np.quantile(values, _LEVELS), strict=True))
    # The same numbers; what NumPy does around them takes ten times as long for a few rows.
    ordered = np.sort(values)
    at = (len(values) - 1) * np.array(_LEVELS)
    below = np.floor(at).astype(np.intp)
    low, high = ordered[below], ordered[np.minimum(below + 1, len(values) - 1)]
    part, apart = at - below, high - low
    found = np.where(part < 0.5, low + apart * part, high - apart * (1.0 - part))
    return dict(zip(_LEVELS, found.tolist(), strict=True))


def _log_unit(values: np.ndarray, at: Mapping[float, float]) -> float | None:
    """The unit for logarithms of a column with a long upper tail, or None for any other.

    Parameters
    ----------
    values : array
        Numbers from 0 up.
    at : mapping of float to float
        Their quantiles.

    Notes
    -----
    Measured on the shared tables (validation loss of a small network, two splits), logarithms of
    such columns gain 3 to 11 % on concrete, 1 % on protein_structure, 2 % on covertype_15k, lose up
    to 3 % on beijing_pm25 and move the others by 1 % or less. Quantiles in place of all numbers
    gain more on some but lose 5 to 30 % on others (beijing_pm25, higgs_small, kin8nm).
    """
    low, middle, high = at[0.05], at[0.5], at[0.95]
    # A column that is zero in most rows is a flag and an amount; as a logarithm it is nearly the
    # flag alone, which made adult 1.5 % worse.
    if middle == 0.0:
        return None
    # (upper half - lower half) / whole is 0 for an even column and 1 for all tail.
    if not (high - middle) - (middle - low) > _LONG_TAIL * (high - low):
        return None
    # The smallest usual value: below it log(1 + x / unit) is a straight line through 0.
    usual = np.quantile(values[values > 0.0], 0.05)
    return float(max(usual, high * 1e-9))


def _logarithms(values: np.ndarray, unit: float) -> np.ndarray:
    """log(1 + x / unit), carried on below 0 as its mirror image."""
    with np.errstate(over="ignore"):
        ratio = np.minimum(np.abs(values) / unit, _LARGEST)
    return np.asarray(np.copysign(np.log1p(ratio), values))


@dataclass(frozen=True)
class NumericColumn(Column):
    """A column of numbers: one feature, and a flag when cells were missing in training.

    Attributes
    ----------
    levels : tuple of int
        Whole numbers that have a 0/1 feature each beside it: the month, the hour, a grade.
    origin : int
        What is taken away first, where the numbers are too large to be told apart else.
    range : tuple of float, optional
        The smallest and the largest of training.
    """

    kind = "number"
    done = ("numeric column is", "numeric columns are")

    name: str
    scaling: Scaling
    flags_missing: bool
    levels: tuple[int, ...] = ()
    origin: int = 0
    range: tuple[float, float] | None = None

    @classmethod
    def learn(cls, name: str, cells: NumberCells) -> NumericColumn:
        """Learn the scaling and the levels from the finite cells."""
        finite = cells.finite
        values = cells.values[finite]
        scaling = Scaling.fit(values, may_log=not cells.origin)
        # The values of a count with a long tail are far from evenly used.
        levels = () if cells.origin or scaling.log_unit is not None else _whole_levels(values)
        low, high = float(values.min()), float(values.max())
        return cls(name, scaling, not bool(finite.all()), levels, cells.origin, (low, high))

    def plain(self, cells: NumberCells) -> NumericColumn:
        """The same column, only standardised."""
        return replace(self, scaling=Scaling.plain(cells.values[cells.finite]))

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        flag = (f"{self.name} is missing",) if self.flags_missing else ()
        return (self.name, *flag, *(f"{self.name}={level}" for level in self.levels))

    @property
    def continuous(self) -> tuple[int, ...]:
        """The number itself."""
        return (0,)

    @property
    def code_names(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """Gaps, logarithms, features for single numbers."""
        return (
            *((GAPS,) if self.flags_missing else ()),
            *((_LOGARITHMS,) if self.scaling.log_unit is not None else ()),
            *((_STEPS,) if self.levels else ()),
        )

    @property
    def spelling(self) -> NumberSpelling:
        """As it is read where nothing more is known."""
        return NumberSpelling()

    def read(self, series: pl.Series) -> NumberCells:
        """As numbers."""
        return number_cells(series, self.origin)

    def write(self, cells: NumberCells, out: np.ndarray) -> None:
        """The number, the flag, the levels."""
        values = cells.values
        missing = ~np.isfinite(values)
        if missing.any():
            values = np.where(missing, np.nan, values)
        out[:, 0] = self.scaling.apply(values)
        if self.flags_missing:
            out[:, 1] = missing
        first_level = 1 + self.flags_missing
        for place, level in enumerate(self.levels, start=first_level):
            out[:, place] = values == level

    def deviations(self, cells: NumberCells) -> tuple[Deviation, ...]:
        """Numbers far out of the range of training, and gaps where there were none."""
        finite = cells.finite
        rows = len(finite)
        found: tuple[Deviation, ...] = ()
        if not self.flags_missing:
            what = "missing, which none was at training time"
            found += deviations(self.name, what, rows - int(finite.sum()), rows)
        if self.range is not None:
            low, high = self.range
            margin = _MARGIN * (high - low)
            values = cells.values[finite]
            out = values[(values < low - margin) | (values > high + margin)]
            what = (
                f"far out of the range of training, {low + self.origin:g} to {high + self.origin:g}"
            )
            shown = [f"{value + self.origin:g}" for value in dict.fromkeys(out[:20].tolist())]
            found += deviations(self.name, what, len(out), rows, shown)
        return found

    def to_document(self) -> dict[str, Any]:
        """All fields as JSON."""
        return {
            "kind": self.kind,
            "name": self.name,
            **self.scaling.to_document(),
            "flags_missing": self.flags_missing,
            "levels": list(self.levels),
            **({"origin": self.origin} if self.origin else {}),
            **({} if self.range is None else {"range": list(self.range)}),
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> NumericColumn:
        """Read back what `to_document` wrote."""
        levels = fields.items("levels")
        if not all(type(one) is int and abs(one) < 2**53 for one in levels):
            fields.refuse("'levels' holds something that is not a whole number")
        if levels != sorted(set(levels)):
            fields.refuse("'levels' are not in order")
        return cls(
            fields.text("name"),
            Scaling.from_fields(fields),
            fields.flag("flags_missing"),
            tuple(levels),
            fields.whole("origin", -(2**63), 2**64 - 1, default=0),
            _range_of(fields) if "range" in fields else None,
        )


def _range_of(fields: Fields) -> tuple[float, float]:
    """The range in a document, checked."""
    found = fields.items("range")
    numbers = [one for one in found if isinstance(one, int | float) and np.isfinite(one)]
    if len(found) != 2 or len(numbers) != 2 or numbers[0] > numbers[1]:
        fields.refuse("'range' is not a smallest and a largest number", given=repr(found)[:80])
    return float(numbers[0]), float(numbers[1])


def _whole_levels(values: np.ndarray) -> tuple[int, ...]:
    """The few whole numbers that a column holds, when they have no gaps between, else none.

    Measured on the shared tables, a feature for each lowers the validation loss of a small network
    where the numbers are calendar parts (beijing_pm25 by 18 %) and moves others by under 0.3 %.
    """
    most = min(_MOST_LEVELS, len(values) // _ROWS_A_LEVEL)
    # A glance at the first rows spares most columns the sorting.
    head = values[:64]
    if not most or not bool((head == np.round(head)).all()):
        return ()
    if len(np.unique(values[:1000])) > most or not bool((values == np.round(values)).all()):
        return ()
    levels, rows = np.unique(values, return_counts=True)
    gapless = levels[-1] - levels[0] == len(levels) - 1
    if not gapless or not 3 <= len(levels) <= most or abs(levels[0]) >= 2.0**52:
        return ()
    return tuple(int(level) for level in levels[rows >= _ROWS_A_LEVEL // 5])
