"""Code for inputs held as lists of their numbers that are not zero.

Products read such an input row by row; those with its transpose column by column, for which the
lists of a batch are sorted by column first. Offsets into lists are 64 bits wide, places in a row
or in a column 32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quickprop.config import DType
from quickprop.graph import Graph, Op, Tensor
from quickprop.native.copying import copy_bytes
from quickprop.native.elementwise import ELEMENT
from quickprop.native.ir import FunctionWriter, Value, int64, literal
from quickprop.native.layout import layout_of
from quickprop.native.lines import KernelWriter
from quickprop.native.machine import Machine

#: What an input held as lists needs beside the slot of its starts, in the order of the slots: the
#: lists given, those of a batch, and those of a batch by columns.
LIST_SLOTS = (
    "given places",
    "given numbers",
    "starts",
    "places",
    "numbers",
    "column starts",
    "column places",
    "column numbers",
)


@dataclass(frozen=True)
class Lists:
    """Stand-ins for the memory of lists: where each begins, and place and number of each entry."""

    starts: Tensor
    places: Tensor
    numbers: Tensor

    @classmethod
    def of(cls, leaf: Tensor, name: str) -> Lists:
        """Stand-ins for an input. No tensor has the type of the starts: it is never asked for."""

        def standing(what: str, dtype: DType) -> Tensor:
            return Tensor(Op.PLACEHOLDER, (), (), (None,), dtype, f"{name} {what}")

        return cls(
            standing("starts", DType.int32),
            standing("places", DType.int32),
            standing("numbers", leaf.dtype),
        )

    def memory(self) -> list[Tensor]:
        """All three."""
        return [self.starts, self.places, self.numbers]

    def bounds(self, w: FunctionWriter, starts: Value, line: Value) -> tuple[Value, Value]:
        """From where to where the list of a line goes."""
        at = w.offset(starts, line, "i64")
        return w.load(at, "i64"), w.load(w.offset(at, int64(1), "i64"), "i64")


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
#: latency of a multiply-add that waits for the one before; sorting an entry by column.
ALONE, SHARED, LATENCY, SORTING = 1.15, 1.05, 4.5, 6.0
#: Lists must cost at most this part of the whole rows, for what is guessed here and to be made.
WORTH = 0.8


def is_worth_listing(graph: Graph, leaf: Tensor, share: float, machine: Machine) -> bool:
    """Whether products are quicker with lists, for a share of numbers that are not zero."""
    listed, whole = SORTING, 0.0
    for node in graph.nodes():
        if node.op is Op.MATMUL and node.inputs[0] is leaf:
            vectors = -(
                -layout_of(node.shape, node.dtype).stride // machine.lanes(leaf.dtype.itemsize)
            )
            listed += max(ALONE * vectors, LATENCY)
            whole += SHARED * vectors
    return share * listed < WORTH * whole


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
        begin, end = rows.bounds(w, starts, row)
        with w.loop(begin, end, int64(1)) as entry:
            following = w.offset(
                sorted_starts, w.add(entry_place(w, places, entry), int64(1)), "i64"
            )
            goal = w.load(following, "i64")
            w.store(w.add(goal, int64(1)), following)
            w.store(short, w.offset(sorted_places, goal, "i32"))
            number = w.load(w.offset(numbers, entry, element), element)
            w.store(number, w.offset(sorted_numbers, goal, element))


def gather_lists(
    w: FunctionWriter,
    leaf: Tensor,
    given: tuple[Value, Value, Value],
    batch: tuple[Value, Value, Value],
    row_number: Callable[[Value], Value],
    count: Value,
) -> None:
    """Copy the lists of the rows of a batch, one after the other."""
    element = ELEMENT[leaf.dtype]
    starts, places, numbers = given
    batch_starts, batch_places, batch_numbers = batch
    w.store(int64(0), batch_starts)
    loop = w.open_loop(int64(0), count, int64(1), [int64(0)])
    goal = loop.carried[0]
    at = w.offset(starts, row_number(loop.index), "i64")
    begin = w.load(at, "i64")
    length = w.sub(w.load(w.offset(at, int64(1), "i64"), "i64"), begin)
    for source, target, type_, size in (
        (places, batch_places, "i32", 4),
        (numbers, batch_numbers, element, leaf.dtype.itemsize),
    ):
        copy_bytes(
            w,
            w.offset(target, goal, type_),
            w.offset(source, begin, type_),
            w.mul(length, int64(size)),
        )
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
        at = w.offset(starts, row_number(row), "i64")
        end = w.load(w.offset(at, int64(1), "i64"), "i64")
        with w.loop(w.load(at, "i64"), end, int64(1)) as entry:
            number = w.load(w.offset(numbers, entry, element), element)
            w.store(number, w.offset(line, entry_place(w, places, entry), element))
