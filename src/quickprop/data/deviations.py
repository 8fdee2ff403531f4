"""Cells of new rows that are not as the training rows were: counted, with examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SHOWN = 3


@dataclass(frozen=True)
class Deviation:
    """One way in which cells of a column are other than those that the model learned from.

    Attributes
    ----------
    column : str
    problem : str
        What they are, in words that follow "are".
    count, cells : int
        How many of them there are, of how many cells.
    examples : tuple of str
        The first different ones.
    """

    column: str
    problem: str
    count: int
    cells: int
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        verb = "is" if self.count == 1 else "are"
        shown = ", ".join(one[:40] for one in self.examples[:_SHOWN])
        more = ", ..." if len(self.examples) > _SHOWN else ""
        given = f" ({shown}{more})" if shown else ""
        return f"{self.count} of {self.cells} cells of {self.column!r} {verb} {self.problem}{given}"


def deviations(
    column: str, problem: str, count: int, cells: int, examples: Sequence[str] = ()
) -> tuple[Deviation, ...]:
    """One of them, or none where no cell is so."""
    if not count:
        return ()
    return (Deviation(column, problem, count, cells, tuple(examples[: _SHOWN + 1])),)
