"""The table of pointers that compiled code is told its memory by: which slot means what.

First the inputs, then the variables, the outputs, the order of the rows, and for each input that
comes as compressed sparse rows the parts that it is made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from quickprop.graph import Graph


class CsrPart(Enum):
    """What an input of compressed sparse rows needs beside its own slot, that of its `indptr`."""

    # What is given.
    GIVEN_INDICES = 0
    GIVEN_DATA = 1
    GIVEN_BLOCK = 2
    # A batch of it by row.
    INDPTR = 3
    INDICES = 4
    DATA = 5
    BLOCK = 6
    # A batch of it by column.
    COLUMN_INDPTR = 7
    COLUMN_INDICES = 8
    COLUMN_DATA = 9
    # Its dense columns: which they are, and the sums over them.
    DENSE_COLUMNS = 10
    DENSE_PLACES = 11
    ROW_SUMS = 12
    COLUMN_SUMS = 13


@dataclass(frozen=True)
class PointerTable:
    """The slots of a graph's table.

    Parameters
    ----------
    inputs, variables, outputs : int
        How many of each.
    sparse : tuple of int
        Positions of the inputs that come as compressed sparse rows.
    """

    inputs: int
    variables: int
    outputs: int
    sparse: tuple[int, ...] = ()

    @classmethod
    def of(cls, graph: Graph, sparse: tuple[int, ...] = ()) -> PointerTable:
        """The table of a graph."""
        return cls(len(graph.inputs), len(graph.variables), len(graph.outputs), sparse)

    @property
    def size(self) -> int:
        """How many slots there are."""
        return self.order + 1 + len(CsrPart) * len(self.sparse)

    def input(self, k: int) -> int:
        """Slot of the k-th input."""
        return k

    def variable(self, k: int) -> int:
        """Slot of the k-th variable."""
        return self.inputs + k

    def output(self, k: int) -> int:
        """Slot of the k-th output."""
        return self.inputs + self.variables + k

    @property
    def order(self) -> int:
        """Slot of the order of the rows."""
        return self.output(self.outputs)

    def part(self, k: int, part: CsrPart) -> int:
        """Slot of a part of the k-th input, which comes as compressed sparse rows."""
        return self.order + 1 + len(CsrPart) * self.sparse.index(k) + part.value
