"""Whether the first row of a table holds the names of its columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from quickprop.data.text_cells import MISSING_AMONG_NUMBERS, MISSING_MARKERS

_MISSING = frozenset((*MISSING_MARKERS, *MISSING_AMONG_NUMBERS))
_NUMBER = re.compile(r"^[-+]?(\d+([.,]\d*)*|[.,]\d+)([eE][-+]?\d+)?\s*%?$")
#: Dates, times, money, ranges: digits and signs.
_FIGURES = re.compile(r"^[^A-Za-z]*\d[^A-Za-z]*$")
#: Share of the cells of a column that make it one of numbers.
_MOST = 0.9
#: So many columns in steps are names, as years and the numbers from 0 on are.
_FEWEST_STEPS = 3
_FEWEST_RISING = 8


def has_header(rows: Sequence[Sequence[str]], *, sure: bool = False) -> bool:
    """Whether the first of some rows is a line of names.

    Numbers above columns of numbers are none, unless they count (years, 0 1 2 ...). Texts above
    columns of text are none where the same texts come again in their columns.

    Parameters
    ----------
    rows : sequence of sequences of str
        All equally long.
    sure : bool
        What to say where nothing speaks for or against it is False.
    """
    if not rows:
        return True
    first, body = [cell.strip() for cell in rows[0]], rows[1:]
    if not body:
        return not all(_NUMBER.match(cell) or cell in _MISSING for cell in first)
    columns = [[row[k].strip() for row in body] for k in range(len(first))]
    above_numbers, numbers, texts, again = 0, [], 0, 0
    for cell, column in zip(first, columns, strict=True):
        given = [one for one in column if one not in _MISSING]
        if cell in _MISSING or not given:
            continue
        kind = next((k for k in (_NUMBER, _FIGURES) if _share(k, given) >= _MOST), None)
        if kind is None:
            texts += 1
            again += cell in column
        elif kind.match(cell):
            numbers.append(cell)
        elif cell not in column:
            above_numbers += 1
    if above_numbers:
        return True
    if numbers:
        return not again and (_counts(numbers) or _rises(numbers, body))
    # A header that comes again as a whole is one that was written into the middle.
    if Counter(tuple(cell.strip() for cell in row) for row in body)[tuple(first)]:
        return True
    if texts > 1 and len(body) > 1 and again >= _MOST * texts:
        return False
    return not sure


def _share(pattern: re.Pattern[str], cells: Sequence[str]) -> float:
    return sum(bool(pattern.match(cell)) for cell in cells) / len(cells)


def _counts(cells: Sequence[str]) -> bool:
    """Whether numbers go up in equal steps: years, 0 1 2 ..., wavelengths."""
    values = _values(cells)
    if values is None or len(values) < _FEWEST_STEPS:
        return False
    step = values[1] - values[0]
    steps = [b - a for a, b in pairwise(values)]
    return step != 0 and all(abs(one - step) <= 1e-9 * abs(step) for one in steps)


def _rises(cells: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether many numbers go up, or down, and those of the rows below do not."""
    values = _values(cells)
    if values is None or len(values) < _FEWEST_RISING or not _is_sorted(values):
        return False
    below = [_values([cell for cell in row if _NUMBER.match(cell.strip())]) for row in body]
    return sum(row is not None and _is_sorted(row) for row in below) <= 0.1 * len(below)


def _is_sorted(values: Sequence[float]) -> bool:
    rising = all(a < b for a, b in pairwise(values))
    return rising or all(a > b for a, b in pairwise(values))


def _values(cells: Sequence[str]) -> list[float] | None:
    try:
        return [float(cell) for cell in cells]
    except ValueError:
        return None
