"""Code for inputs of compressed sparse rows.

Products read such an input row by row; those with its transpose column by column, for which a batch
is sorted by column first. `indptr` is 64 bits wide, `indices` 32. In a training step the columns
that are seldom zero are kept dense: sums over them come first, tile by tile, and those over the
sparse entries go on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quickprop.graph import Graph, Tensor
from quickprop.native.buffers import Buffer, Location, RowsOfInput, TableSlot
from quickprop.native.csr_choice import sums_stride
from quickprop.native.elementwise import ELEMENT
from quickprop.native.ir import FunctionWriter, Value, int64, literal, vector_type
from quickprop.native.kernel import Kernel, KernelWriter
from quickprop.native.layout import ALIGNMENT
from quickprop.native.pointer_table import CsrPart, PointerTable


@dataclass(frozen=True)
class DenseColumns:
    """The memory of the columns that are kept dense.

    Parameters
    ----------
    block : Buffer
        Their numbers, row by row.
    columns : Buffer
        How many they are, then which; 64 bits each.
    places : Buffer
        For each column 0, or its place among them from 1 on.
    sums : Buffer
        Sums over them: a line for each line of a product, or, with the transpose, a line of zeros
        and one for each of them.
    stride : int
        Numbers from a line of the sums to the next.
    """

    block: Buffer
    columns: Buffer
    places: Buffer
    sums: Buffer
    stride: int


@dataclass(frozen=True)
class CsrBuffers:
    """The memory of sparse rows: where each begins, and column and number of each entry."""

    indptr: Buffer
    indices: Buffer
    data: Buffer
    dense: DenseColumns | None = None

    @property
    def entries(self) -> tuple[Buffer, Buffer, Buffer]:
        """All but the dense columns."""
        return self.indptr, self.indices, self.data


@dataclass(frozen=True)
class CsrInput:
    """An input that products read as compressed sparse rows: by row, and sorted by column."""

    rows: CsrBuffers
    columns: CsrBuffers

    @classmethod
    def of(cls, graph: Graph, leaf: Tensor, table: PointerTable, *, epoch: bool) -> CsrInput:
        """The memory of an input; a training step has a batch of it, with dense columns."""
        k = graph.inputs.index(leaf)

        def buffer(part: CsrPart, location: Location | None = None) -> Buffer:
            where = location or TableSlot(table.part(k, part))
            return Buffer(part.name.lower(), leaf.dtype, location=where, given=True)

        block, which, places = (
            buffer(part) for part in (CsrPart.BLOCK, CsrPart.DENSE_COLUMNS, CsrPart.DENSE_PLACES)
        )

        def dense(sums: CsrPart) -> DenseColumns | None:
            if not epoch:
                return None
            return DenseColumns(block, which, places, buffer(sums), sums_stride(graph, leaf))

        columns = CsrBuffers(
            buffer(CsrPart.COLUMN_INDPTR),
            buffer(CsrPart.COLUMN_INDICES),
            buffer(CsrPart.COLUMN_DATA),
            dense(CsrPart.COLUMN_SUMS),
        )
        if epoch:
            indptr, indices, data = map(buffer, (CsrPart.INDPTR, CsrPart.INDICES, CsrPart.DATA))
            return cls(CsrBuffers(indptr, indices, data, dense(CsrPart.ROW_SUMS)), columns)
        # A call reads the entries where they are, from the row on where its own begin.
        indices, data = map(buffer, (CsrPart.GIVEN_INDICES, CsrPart.GIVEN_DATA))
        return cls(CsrBuffers(buffer(CsrPart.INDPTR, RowsOfInput(k)), indices, data), columns)


def entry_range(w: FunctionWriter, indptr: Value, line: Value) -> tuple[Value, Value]:
    """From where to where the entries of a line go."""
    at = w.offset(indptr, line, "i64")
    return w.load(at, "i64"), w.load(w.offset(at, int64(1), "i64"), "i64")


def entry_index(w: FunctionWriter, indices: Value, entry: Value) -> Value:
    """Which column, or which row, an entry belongs to."""
    return w.convert("sext", w.load(w.offset(indices, entry, "i32"), "i32"), "i64")


@dataclass(frozen=True)
class SortByColumnKernel(Kernel):
    """Sorts the entries of a batch by column, rows ascending: a counting sort.

    The `indptr` by column has two places more than there are columns: while entries are put in
    place, the one after a column's own tells where its next entry goes, and in the end where the
    column ends, which is where the next one starts.
    """

    leaf: Tensor
    source: CsrInput

    @property
    def results(self) -> tuple[Buffer, ...]:
        """The entries by column."""
        return self.source.columns.entries

    @property
    def can_be_shared(self) -> bool:
        """No: every entry's place depends on those before."""
        return False

    def write(self, writer: KernelWriter) -> None:
        """Count, add up, put in place."""
        leaf = self.leaf
        w, element = writer.writer, ELEMENT[leaf.dtype]
        indptr, indices, data = (writer.pointer(node) for node in self.source.rows.entries)
        column_indptr, column_indices, column_data = (
            writer.pointer(node) for node in self.source.columns.entries
        )
        width = leaf.shape[1] or 1
        with w.loop(int64(0), int64(width + 2), int64(1)) as at:
            w.store(int64(0), w.offset(column_indptr, at, "i64"))
        first = w.load(indptr, "i64")
        last = w.load(w.offset(indptr, writer.rows(), "i64"), "i64")
        with w.loop(first, last, int64(1)) as entry:
            count = w.offset(column_indptr, w.add(entry_index(w, indices, entry), int64(2)), "i64")
            w.store(w.add(w.load(count, "i64"), int64(1)), count)
        running = w.open_loop(int64(2), int64(width + 2), int64(1), [int64(0)])
        at = w.offset(column_indptr, running.index, "i64")
        total = w.add(running.carried[0], w.load(at, "i64"))
        w.store(total, at)
        w.close_loop(running, [total])
        with w.loop(int64(0), writer.rows(), int64(1)) as row:
            short = w.convert("trunc", row, "i32")
            begin, end = entry_range(w, indptr, row)
            with w.loop(begin, end, int64(1)) as entry:
                following = w.offset(
                    column_indptr, w.add(entry_index(w, indices, entry), int64(1)), "i64"
                )
                goal = w.load(following, "i64")
                w.store(w.add(goal, int64(1)), following)
                w.store(short, w.offset(column_indices, goal, "i32"))
                number = w.load(w.offset(data, entry, element), element)
                w.store(number, w.offset(column_data, goal, element))


def block_stride(w: FunctionWriter, leaf: Tensor, count: Value) -> Value:
    """Numbers from a line of the block of dense columns to the next: whole cache lines."""
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
    """Copy the dense columns of the rows of a batch."""
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


#: Entries are copied so many at a time, and may be read and written by as many beyond.
ENTRIES = 8


def gather_entries(
    w: FunctionWriter,
    leaf: Tensor,
    given: tuple[Value, Value, Value],
    batch: tuple[Value, Value, Value],
    row_number: Callable[[Value], Value],
    count: Value,
) -> None:
    """Copy the entries of the rows of a batch, one after the other."""
    indptr, indices, data = given
    batch_indptr, batch_indices, batch_data = batch
    kinds = (
        (indices, batch_indices, "i32", 4),
        (data, batch_data, ELEMENT[leaf.dtype], leaf.dtype.itemsize),
    )
    w.store(int64(0), batch_indptr)
    loop = w.open_loop(int64(0), count, int64(1), [int64(0)])
    goal = loop.carried[0]
    begin, end = entry_range(w, indptr, row_number(loop.index))
    length = w.sub(end, begin)
    with w.loop(int64(0), length, int64(ENTRIES)) as entry:
        # What is copied too much is overwritten by the next row, or lies behind the last one.
        for source, target, type_, size in kinds:
            origin = w.offset(source, w.add(begin, entry), type_)
            some = w.load(origin, vector_type(type_, ENTRIES), size)
            w.store(some, w.offset(target, w.add(goal, entry), type_), size)
    goal = w.add(goal, length)
    w.store(goal, w.offset(batch_indptr, w.add(loop.index, int64(1)), "i64"))
    w.close_loop(loop, [goal])


def expand_rows(
    w: FunctionWriter,
    leaf: Tensor,
    given: tuple[Value, Value, Value],
    target: Value,
    stride: int,
    row_number: Callable[[Value], Value],
    count: Value,
) -> None:
    """Write the rows of a batch out dense, for kernels that read them so."""
    element = ELEMENT[leaf.dtype]
    indptr, indices, data = given
    with w.loop(int64(0), count, int64(1)) as row:
        line = w.offset(target, w.mul(row, int64(stride)), element)
        with w.loop(int64(0), int64(stride), int64(1)) as column:
            w.store(literal(0, element), w.offset(line, column, element))
        with w.loop(*entry_range(w, indptr, row_number(row)), int64(1)) as entry:
            number = w.load(w.offset(data, entry, element), element)
            w.store(number, w.offset(line, entry_index(w, indices, entry), element))
