"""Numbers between the caller's arrays and the buffers of a graph: in, out, and row by row."""

from __future__ import annotations

from collections.abc import Callable

from quickprop.graph import Tensor
from quickprop.native.buffers import TableSlot
from quickprop.native.copy_kernels import is_number, number_value
from quickprop.native.copying import copy_bytes, copy_line
from quickprop.native.csr_kernels import expand_rows, gather_block, gather_entries
from quickprop.native.elementwise import ELEMENT
from quickprop.native.ir import FunctionWriter, Value, int64, literal
from quickprop.native.layout import layout_of
from quickprop.native.lowering import Lowered
from quickprop.native.pointer_table import CsrPart

#: The number of a row among those given, from its place in the batch.
RowNumber = Callable[[Value], Value]


def bring_in(w: FunctionWriter, lowered: Lowered, leaf: Tensor, source: Value, rows: Value) -> None:
    """Bring an array in NumPy's layout into a buffer's layout."""
    target = lowered.buffers.of(leaf).pointer(w)
    _copy_lines(w, lowered, leaf, source, target, rows, inward=True)


def bring_out(w: FunctionWriter, lowered: Lowered, out: Tensor, target: Value, rows: Value) -> None:
    """Write a buffer out in NumPy's layout."""
    if is_number(out):
        layout = layout_of(out.shape, out.dtype, dense=True)
        number = number_value(w, out, rows)
        count = w.mul(rows, int64(layout.size)) if layout.rows else int64(layout.size)
        with w.loop(int64(0), count, int64(1)) as at:
            w.store(number, w.offset(target, at, ELEMENT[out.dtype]))
        return
    source = lowered.buffers.of(out).pointer(w)
    _copy_lines(w, lowered, out, source, target, rows, inward=False)


def _copy_lines(
    w: FunctionWriter,
    lowered: Lowered,
    node: Tensor,
    source: Value,
    target: Value,
    rows: Value,
    *,
    inward: bool,
) -> None:
    layout, element = layout_of(node.shape, node.dtype), ELEMENT[node.dtype]
    line_count = (
        w.mul(rows, int64(layout.lines_per_row)) if layout.rows else int64(layout.lines_per_row)
    )
    if layout.stride == layout.width:
        count = w.mul(line_count, int64(layout.width))
        copy_bytes(w, target, source, w.mul(count, int64(node.dtype.itemsize)))
        return
    padded_step, dense_step = layout.stride, layout.width
    from_step, to_step = (dense_step, padded_step) if inward else (padded_step, dense_step)
    with w.loop(int64(0), line_count, int64(1)) as line:
        origin = w.offset(source, w.mul(line, int64(from_step)), element)
        goal = w.offset(target, w.mul(line, int64(to_step)), element)
        copy_line(w, lowered.settings.machine, origin, goal, node.dtype, layout.width)
        if inward:
            for column in range(layout.width, layout.stride):
                w.store(literal(0, element), w.offset(goal, int64(column), element))


def gather_rows(
    w: FunctionWriter,
    lowered: Lowered,
    leaf: Tensor,
    data: Value,
    row_number: RowNumber,
    count: Value,
) -> None:
    """Copy the rows of a batch, picked by number, one after the other."""
    source = lowered.csr.get(leaf)
    if source is not None:
        given = given_entries(w, lowered, leaf, data)
        indptr, indices, entries = (buffer.pointer(w) for buffer in source.rows.entries)
        gather_entries(w, leaf, given, (indptr, indices, entries), row_number, count)
        if source.rows.dense is not None:
            columns = source.rows.dense.columns.pointer(w)
            block = _part(w, lowered, leaf, CsrPart.GIVEN_BLOCK)
            goal = source.rows.dense.block.pointer(w)
            gather_block(w, leaf, columns, block, goal, row_number, count)
        return
    if leaf in lowered.sparse_leaves:
        expand(w, lowered, leaf, given_entries(w, lowered, leaf, data), row_number, count)
        return
    layout = layout_of(leaf.shape, leaf.dtype, dense=leaf in lowered.unpadded)
    element, target = ELEMENT[leaf.dtype], lowered.buffers.of(leaf).pointer(w)
    with w.loop(int64(0), count, int64(1)) as row:
        origin = w.offset(data, w.mul(row_number(row), int64(layout.size)), element)
        goal = w.offset(target, w.mul(row, int64(layout.size)), element)
        copy_line(w, lowered.settings.machine, origin, goal, leaf.dtype, layout.size)


def given_entries(
    w: FunctionWriter, lowered: Lowered, leaf: Tensor, indptr: Value
) -> tuple[Value, Value, Value]:
    """The entries of the rows that came in."""
    indices, data = (
        _part(w, lowered, leaf, part) for part in (CsrPart.GIVEN_INDICES, CsrPart.GIVEN_DATA)
    )
    return indptr, indices, data


def _part(w: FunctionWriter, lowered: Lowered, leaf: Tensor, part: CsrPart) -> Value:
    k = lowered.graph.inputs.index(leaf)
    return TableSlot(lowered.table.part(k, part)).pointer(w)


def expand(
    w: FunctionWriter,
    lowered: Lowered,
    leaf: Tensor,
    given: tuple[Value, Value, Value],
    row_number: RowNumber,
    count: Value,
) -> None:
    """Write sparse rows out dense."""
    buffer = lowered.buffers.of(leaf)
    assert buffer.layout is not None
    expand_rows(w, leaf, given, buffer.pointer(w), buffer.layout.stride, row_number, count)
