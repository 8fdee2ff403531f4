"""The functions that a module exports.

``call`` runs a graph once on given arrays, chunk by chunk when the rows do not depend on each
other; ``epoch`` runs a training step over a range of mini-batches: gather the rows, compute,
update, add up the loss.
"""

from __future__ import annotations

from quickprop.config import DType
from quickprop.graph import Graph, Op
from quickprop.native.buffers import TableSlot
from quickprop.native.copy_kernels import is_number, number_value
from quickprop.native.denormals import flush_denormals
from quickprop.native.elementwise import ELEMENT
from quickprop.native.ir import FunctionWriter, Value, int64
from quickprop.native.layout import layout_of
from quickprop.native.lowering import Lowered, has_rows
from quickprop.native.step_calls import StepCalls
from quickprop.native.transfers import bring_in, bring_out, expand, gather_rows, given_entries

#: Rows worked on at a time when rows do not depend on each other: they stay in cache.
CHUNK = 240


def rows_are_separate(graph: Graph) -> bool:
    """True when every output row depends on its own input row only."""
    if graph.updates or not any(out.shape and out.shape[0] is None for out in graph.outputs):
        return False
    if any(not out.shape or out.shape[0] is not None for out in graph.outputs):
        return False
    for node in graph.nodes():
        if node.op in (Op.ROW_COUNT, Op.UNIFORM):
            return False
        if node.op in (Op.SUM, Op.MAX):
            source = node.inputs[0].shape
            if source and source[0] is None and node.shape[0] is not None:
                return False
        across_rows = node.op is Op.SCATTER_ADD or (
            node.op is Op.MATMUL and node.attribute("transpose_a")
        )
        if across_rows and has_rows(node.inputs[0]):
            return False
    return True


def write_call(lowered: Lowered, calls: StepCalls) -> str:
    """The function that runs the graph once."""
    graph, table = lowered.graph, lowered.table
    w = FunctionWriter(
        "call", [("table", "ptr"), ("arena", "ptr"), ("capacity", "i64"), ("rows", "i64")]
    )
    restore = flush_denormals(w, lowered.settings.machine)
    rows = Value("%rows", "i64")
    _bring_in_what_has_no_rows(w, lowered)

    def some_rows(first: Value, count: Value) -> None:
        moved: dict[int, Value] = {}
        for k, leaf in enumerate(graph.inputs):
            if not has_rows(leaf):
                continue
            given = TableSlot(table.input(k)).pointer(w)
            if leaf in lowered.sparse_leaves:
                indptr = w.offset(given, first, "i64")
                if leaf in lowered.csr:
                    moved[k] = indptr
                else:
                    entries = given_entries(w, lowered, leaf, indptr)
                    expand(w, lowered, leaf, entries, lambda row: row, count)
                continue
            per_row = layout_of(leaf.shape, leaf.dtype, dense=True).size
            source = w.offset(given, w.mul(first, int64(per_row)), ELEMENT[leaf.dtype])
            if lowered.is_argument(leaf):
                moved[k] = source
            else:
                bring_in(w, lowered, leaf, source, count)
        calls.call_body(w, count, moved)
        for k, out in enumerate(graph.outputs):
            target = TableSlot(table.output(k)).pointer(w)
            if has_rows(out):
                per_row = layout_of(out.shape, out.dtype, dense=True).size
                target = w.offset(target, w.mul(first, int64(per_row)), ELEMENT[out.dtype])
            bring_out(w, lowered, out, target, count)

    if rows_are_separate(graph):
        with w.loop(int64(0), rows, int64(CHUNK)) as first:
            left = w.sub(rows, first)
            some_rows(first, w.intrinsic("smin", left, int64(CHUNK)))
    else:
        some_rows(int64(0), rows)
    for step in lowered.last_copies:
        calls.run(w, step, rows)
    restore()
    calls.declarations |= w.declarations
    return w.finish()


def write_epoch(lowered: Lowered, calls: StepCalls) -> str:
    """The loop over mini-batches; it gives what was given and the sum of loss times rows."""
    graph, table = lowered.graph, lowered.table
    w = FunctionWriter(
        "epoch",
        [
            ("table", "ptr"),
            ("arena", "ptr"),
            ("capacity", "i64"),
            ("rows", "i64"),
            ("batch", "i64"),
            ("first", "i64"),
            ("steps", "i64"),
            ("before", "double"),
            *((name, "i64") for name in calls.part_names),
        ],
        returns="double",
    )
    restore = flush_denormals(w, lowered.settings.machine)
    with calls.first_part_only(w):
        _bring_in_what_has_no_rows(w, lowered)
    order = TableSlot(table.order).pointer(w)
    rows, batch = Value("%rows", "i64"), Value("%batch", "i64")
    first = Value("%first", "i64")
    stop = w.add(first, Value("%steps", "i64"))
    loop = w.open_loop(first, stop, int64(1), [Value("%before", "double")])
    start = w.mul(loop.index, batch)
    count = w.intrinsic("smin", w.sub(rows, start), batch)
    numbers = w.offset(order, start, "i32")

    def row_number(row: Value) -> Value:
        return w.convert("sext", w.load(w.offset(numbers, row, "i32"), "i32"), "i64")

    with calls.first_part_only(w):
        for k, leaf in enumerate(graph.inputs):
            if has_rows(leaf):
                data = TableSlot(table.input(k)).pointer(w)
                gather_rows(w, lowered, leaf, data, row_number, count)
    calls.wait_for_all(w)
    calls.call_body(w, count, {})
    weighted = w.fmul(_loss(w, lowered, count), w.convert("sitofp", count, "double"))
    with calls.first_part_only(w):
        for step in lowered.last_copies:
            calls.run(w, step, count)
    # The next batch overwrites the loss.
    calls.wait_for_all(w)
    (total,) = w.close_loop(loop, [w.fadd(loop.carried[0], weighted)])
    restore()
    calls.declarations |= w.declarations
    return w.finish(total)


def _loss(w: FunctionWriter, lowered: Lowered, rows: Value) -> Value:
    """The first output, a double."""
    loss = lowered.graph.outputs[0]
    if is_number(loss):
        value = number_value(w, loss, rows)
    else:
        value = w.load(lowered.buffers.of(loss).pointer(w), ELEMENT[loss.dtype])
    return w.convert("fpext", value, "double") if loss.dtype is DType.float32 else value


def _bring_in_what_has_no_rows(w: FunctionWriter, lowered: Lowered) -> None:
    for k, leaf in enumerate(lowered.graph.inputs):
        if not has_rows(leaf):
            bring_in(w, lowered, leaf, TableSlot(lowered.table.input(k)).pointer(w), int64(1))
