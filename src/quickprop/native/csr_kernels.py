"""Code for inputs held as lists of their numbers that are not zero.

Products read such an input row by row; those with its transpose column by column, for which the
lists of a batch are sorted by column first. Offsets into lists are 64 bits wide, places in a row
or in a column 32. In a training step the columns that are seldom zero are kept whole: sums over
them come first, tile by tile, and those over the lists go on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quickprop.graph import Graph, Op, Tensor
from quickprop.native.elementwise import ELEMENT
from quickprop.native.ir import FunctionWriter, Value, int64, literal, vector_type
from quickprop.native.layout import ALIGNMENT, layout_of
from quickprop.native.machine import Machine
from quickprop.native.rowwise import KernelWriter

#: What an input held as lists needs beside the slot of its starts, in the order of the slots: what
#: is given, a batch by row and by column, and the sums over its whole columns.
LIST_SLOTS = (
    "given places",
    "given numbers",
    "given block",
    "starts",
    "places",
    "numbers",
    "block",
    "column starts",
    "column places",
    "column numbers",
    "whole columns",
    "whole places",
    "row sums",
    "column sums",
)


@dataclass(frozen=True)
class WholeColumns:
    """Stand-ins for the memory of the columns that are kept whole.

    Parameters
    ----------
    block : Tensor
        Their numbers, row by row.
    columns : Tensor
        How many they are, then which; 64 bits each.
    places : Tensor
        For each column 0, or its place among them from 1 on.
    sums : Tensor
        Sums over them: a line for each line of a product, or, with the transpose, a line of zeros
        and one for each of them.
    stride : int
        Numbers from a line of the sums to the next.
    """

    block: Tensor
    columns: Tensor
    places: Tensor
    sums: Tensor
    stride: int

    def memory(self) -> list[Tensor]:
        """All of them."""
        return [self.block, self.columns, self.places, self.sums]


@dataclass(frozen=True)
class Lists:
    """Stand-ins for the memory of lists: where each begins, and place and number of each entry."""

    starts: Tensor
    places: Tensor
    numbers: Tensor
    whole: WholeColumns | None = None

    def memory(self) -> list[Tensor]:
        """The lists themselves."""
        return [self.starts, self.places, self.numbers]

    def reads(self) -> list[Tensor]:
        """All that a product reads in place of its first factor."""
        return self.memory() + (self.whole.memory() if self.whole else [])


def only_factors(graph: Graph) -> frozenset[Tensor]:
    """Inputs with rows that nothing but products reads, as their first factor."""
    factors = {leaf for leaf in graph.inputs if leaf.rank == 2 and leaf.shape[0] is None} - set(
        graph.roots
    )
    for node in graph.nodes():
        for k, source in enumerate(node.inputs):
            if source in factors and not (node.op is Op.MATMUL and k == 0):
                factors.discard(source)
    return frozenset(factors)


#: Cycles: of a vector's multiply-add when its line of B is loaded for it alone, or for a tile; the
#: latency of a multiply-add that waits for the one before; sorting an entry by column; beginning
#: the lists of a row.
ALONE, SHARED, LATENCY, SORTING, BEGINNING = 1.15, 1.05, 4.5, 6.0, 30.0
#: Lists must cost at most this part of the whole rows, for what is guessed here and to be made.
WORTH = 0.8


def dense_columns(
    graph: Graph, leaf: Tensor, shares: np.ndarray, machine: Machine
) -> tuple[np.ndarray, bool]:
    """Which columns of an input are better kept whole, and whether lists of the others pay.

    Parameters
    ----------
    shares : array
        For each column, which part of it is not zero.
    """
    listed, whole = SORTING, 0.0
    for node in products_of(graph, leaf):
        lanes = machine.lanes(node.dtype.itemsize)
        vectors = -(-layout_of(node.shape, node.dtype).width // lanes)
        listed += max(ALONE * vectors, LATENCY)
        whole += SHARED * vectors
    kept = shares * listed >= whole
    cost = BEGINNING + np.where(kept, whole, shares * listed).sum()
    return kept, bool(cost < WORTH * whole * len(shares))


def products_of(graph: Graph, leaf: Tensor) -> list[Tensor]:
    """The products that an input is the first factor of."""
    return [node for node in graph.nodes() if node.op is Op.MATMUL and node.inputs[0] is leaf]


def sums_stride(graph: Graph, leaf: Tensor) -> int:
    """Numbers in a line of the sums over an input's whole columns: as the widest product needs."""
    return max(layout_of(node.shape, node.dtype).stride for node in products_of(graph, leaf))


def list_bounds(w: FunctionWriter, starts: Value, line: Value) -> tuple[Value, Value]:
    """From where to where the list of a line goes."""
    at = w.offset(starts, line, "i64")
    return w.load(at, "i64"), w.load(w.offset(at, int64(1), "i64"), "i64")


def entry_place(w: FunctionWriter, places: Value, entry: Value) -> Value:
    """The place of an entry in its row or column."""
    return w.convert("sext", w.load(w.offset(places, entry, "i32"), "i32"), "i64")


def write_sort_by_column(kernel: KernelWriter, leaf: Tensor, rows: Lists, columns: Lists) -> None:
    """The lists of a batch by column, rows ascending: a counting sort.

    The starts by column have two places more than there are columns: while entries are put in
    place, the one after a column's own tells where its next entry goes, and in the end where the
    column ends, which is where the next one starts.
    """
    w, element = kernel.writer, ELEMENT[leaf.dtype]
    starts, places, numbers = (kernel.pointer(node) for node in rows.memory())
    sorted_starts, sorted_places, sorted_numbers = (
        kernel.pointer(node) for node in columns.memory()
    )
    width = leaf.shape[1] or 1
    with w.loop(int64(0), int64(width + 2), int64(1)) as at:
        w.store(int64(0), w.offset(sorted_starts, at, "i64"))
    first = w.load(starts, "i64")
    last = w.load(w.offset(starts, kernel.rows(), "i64"), "i64")
    with w.loop(first, last, int64(1)) as entry:
        count = w.offset(sorted_starts, w.add(entry_place(w, places, entry), int64(2)), "i64")
        w.store(w.add(w.load(count, "i64"), int64(1)), count)
    running = w.open_loop(int64(2), int64(width + 2), int64(1), [int64(0)])
    at = w.offset(sorted_starts, running.index, "i64")
    total = w.add(running.carried[0], w.load(at, "i64"))
    w.store(total, at)
    w.close_loop(running, [total])
    with w.loop(int64(0), kernel.rows(), int64(1)) as row:
        short = w.convert("trunc", row, "i32")
        begin, end = list_bounds(w, starts, row)
        with w.loop(begin, end, int64(1)) as entry:
            following = w.offset(
                sorted_starts, w.add(entry_place(w, places, entry), int64(1)), "i64"
            )
            goal = w.load(following, "i64")
            w.store(w.add(goal, int64(1)), following)
            w.store(short, w.offset(sorted_places, goal, "i32"))
            number = w.load(w.offset(numbers, entry, element), element)
            w.store(number, w.offset(sorted_numbers, goal, element))


def block_stride(w: FunctionWriter, leaf: Tensor, count: Value) -> Value:
    """Numbers from a line of the block of whole columns to the next: whole cache lines."""
    in_a_line = ALIGNMENT // leaf.dtype.itemsize
    lines = w.binary("udiv", w.add(count, int64(in_a_line - 1)), int64(in_a_line))
    return w.mul(lines, int64(in_a_line))


def gather_block(
    w: FunctionWriter,
    leaf: Tensor,
    columns: Value,
    given: Value,
    batch: Value,
    row_number: Callable[[Value], Value],
    count: Value,
) -> None:
    """Copy the whole columns of the rows of a batch."""
    element, size = ELEMENT[leaf.dtype], leaf.dtype.itemsize
    stride = block_stride(w, leaf, w.load(columns, "i64"))
    line = vector_type(element, ALIGNMENT // size)
    with w.loop(int64(0), count, int64(1)) as row:
        source = w.offset(given, w.mul(row_number(row), stride), element)
        goal = w.offset(batch, w.mul(row, stride), element)
        with w.loop(int64(0), stride, int64(ALIGNMENT // size)) as at:
            w.store(
                w.load(w.offset(source, at, element), line, size),
                w.offset(goal, at, element),
                size,
            )


#: Lists are copied so many entries at a time, and may be read and written by as many beyond.
ENTRIES = 8


def gather_lists(
    w: FunctionWriter,
    leaf: Tensor,
    given: tuple[Value, Value, Value],
    batch: tuple[Value, Value, Value],
    row_number: Callable[[Value], Value],
    count: Value,
) -> None:
    """Copy the lists of the rows of a batch, one after the other."""
    starts, places, numbers = given
    batch_starts, batch_places, batch_numbers = batch
    kinds = (
        (places, batch_places, "i32", 4),
        (numbers, batch_numbers, ELEMENT[leaf.dtype], leaf.dtype.itemsize),
    )
    w.store(int64(0), batch_starts)
    loop = w.open_loop(int64(0), count, int64(1), [int64(0)])
    goal = loop.carried[0]
    begin, end = list_bounds(w, starts, row_number(loop.index))
    length = w.sub(end, begin)
    with w.loop(int64(0), length, int64(ENTRIES)) as entry:
        # What is copied too much is overwritten by the next row, or lies behind the last one.
        for source, target, type_, size in kinds:
            origin = w.offset(source, w.add(begin, entry), type_)
            some = w.load(origin, vector_type(type_, ENTRIES), size)
            w.store(some, w.offset(target, w.add(goal, entry), type_), size)
    goal = w.add(goal, length)
    w.store(goal, w.offset(batch_starts, w.add(loop.index, int64(1)), "i64"))
    w.close_loop(loop, [goal])


def spread_lists(
    w: FunctionWriter,
    leaf: Tensor,
    given: tuple[Value, Value, Value],
    target: Value,
    stride: int,
    row_number: Callable[[Value], Value],
    count: Value,
) -> None:
    """Write the rows of a batch out whole, for kernels that read them so."""
    element = ELEMENT[leaf.dtype]
    starts, places, numbers = given
    with w.loop(int64(0), count, int64(1)) as row:
        line = w.offset(target, w.mul(row, int64(stride)), element)
        with w.loop(int64(0), int64(stride), int64(1)) as column:
            w.store(literal(0, element), w.offset(line, column, element))
        with w.loop(*list_bounds(w, starts, row_number(row)), int64(1)) as entry:
            number = w.load(w.offset(numbers, entry, element), element)
            w.store(number, w.offset(line, entry_place(w, places, entry), element))
