"""A whole graph as one module of LLVM IR, with the plan of its memory. Pure: nothing is loaded.

The module exports ``call``, which runs the graph once on given arrays, and, for a training step,
``epoch``, which runs it over a range of mini-batches: gather the rows, compute, update, add up the
loss. Both are told where things are by a table of pointers and one block of working memory, the
arena: a fixed part, then a part that grows with the number of rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from quickprop.config import DType
from quickprop.errors import GraphError
from quickprop.graph import Graph, Op, Tensor
from quickprop.native import data_movement, rowwise
from quickprop.native.barrier import write_barrier
from quickprop.native.buffer_allocation import Span, allocate
from quickprop.native.copying import copy_bytes, copy_line
from quickprop.native.csr_kernels import (
    LIST_SLOTS,
    Lists,
    WholeColumns,
    gather_block,
    gather_lists,
    only_factors,
    spread_lists,
    sums_stride,
    write_sort_by_column,
)
from quickprop.native.denormals import flush_denormals
from quickprop.native.elementwise import ELEMENT, constant_number, walk_expression
from quickprop.native.gemm import product as products
from quickprop.native.gemm.batch import panels_shape, write_batch_product
from quickprop.native.ir import (
    FunctionWriter,
    Value,
    int64,
    literal,
    module_text,
)
from quickprop.native.lane_per_row import fits_lanes, write_lane_per_row
from quickprop.native.layout import ALIGNMENT, ROW_QUANTUM, Layout, layout_of
from quickprop.native.machine import Machine
from quickprop.native.rowwise import KernelWriter, reduction_kind
from quickprop.native.schedule import (
    Kernel,
    Schedule,
    buffer_of,
    build_schedule,
    expression_reads,
    is_inline_number,
)

#: Rows worked on at a time when rows do not depend on each other: they stay in cache.
CHUNK = 240
USUAL_ROWS = products.USUAL_ROWS
#: Room for two counters on cache lines of their own.
BARRIER_BYTES = 2 * ALIGNMENT


@dataclass(frozen=True)
class Location:
    """Where a buffer is: its kind, and an offset, table slot or symbol."""

    kind: str  # "fixed", "rows", "slot", "argument", "symbol"
    at: int | str


@dataclass(frozen=True)
class Call:
    """A call of a kernel's function in the body."""

    text: str
    declarations: frozenset[str]
    arguments: tuple[Tensor, ...]
    counts: tuple[tuple[int, bool], ...]
    shared: bool = False
    updates: bool = False


@dataclass(frozen=True)
class Program:
    """The text of the module and what the caller must provide.

    Parameters
    ----------
    text : str
        LLVM IR.
    variables : tuple of Tensor
        Variables in the order of their slots.
    fixed_bytes, row_bytes : int
        Size of the arena: the fixed part, and what each row of capacity adds.
    dense : frozenset of Tensor
        Inputs that are read as NumPy has them; the rows of the others are padded in the data given
        to ``epoch``.
    chunked : bool
        True when ``call`` works through the rows in chunks, so that the capacity may stay small.
    listed : tuple of int
        Positions of the inputs that come as lists of the numbers that are not zero.
    sorts : bool
        True when lists are needed by column too.
    """

    text: str
    graph: Graph
    variables: tuple[Tensor, ...]
    fixed_bytes: int
    row_bytes: int
    dense: frozenset[Tensor]
    chunked: bool
    entries: tuple[str, ...]
    listed: tuple[int, ...] = ()
    sorts: bool = False

    def plan(self) -> dict[str, Any]:
        """All but the text and the graph, as JSON can hold it."""
        return {
            "fixed_bytes": self.fixed_bytes,
            "row_bytes": self.row_bytes,
            "dense": [k for k, leaf in enumerate(self.graph.inputs) if leaf in self.dense],
            "chunked": self.chunked,
            "entries": list(self.entries),
            "listed": list(self.listed),
            "sorts": self.sorts,
        }

    @classmethod
    def of_plan(cls, graph: Graph, plan: dict[str, Any]) -> Program:
        """The program of a graph whose code is compiled already, without its text."""
        return cls(
            "",
            graph,
            graph.variables,
            plan["fixed_bytes"],
            plan["row_bytes"],
            frozenset(graph.inputs[k] for k in plan["dense"]),
            plan["chunked"],
            tuple(plan["entries"]),
            tuple(plan["listed"]),
            plan["sorts"],
        )

    def capacity(self, rows: int) -> int:
        """Rows of capacity that a call with so many rows needs."""
        if self.chunked:
            rows = min(rows, CHUNK)
        return -(-rows // ROW_QUANTUM) * ROW_QUANTUM

    def arena_bytes(self, capacity: int) -> int:
        """Bytes of working memory for that capacity."""
        return self.fixed_bytes + capacity * self.row_bytes

    @property
    def slots(self) -> int:
        """Pointers in the table."""
        return self.order_slot + 1 + len(LIST_SLOTS) * len(self.listed)

    def variable_slot(self, k: int) -> int:
        """Slot of the k-th variable."""
        return len(self.graph.inputs) + k

    def output_slot(self, k: int) -> int:
        """Slot of the k-th output."""
        return len(self.graph.inputs) + len(self.variables) + k

    @property
    def order_slot(self) -> int:
        """Slot of the order of the rows."""
        return self.output_slot(len(self.graph.outputs))

    def list_slot(self, k: int, name: str) -> int:
        """Slot of a part of the lists of the k-th input, which comes as lists."""
        return list_slot(self.order_slot, self.listed.index(k), name)


def list_slot(order_slot: int, nth: int, name: str) -> int:
    """Slot of a part of the lists of the nth input that comes as lists."""
    return order_slot + 1 + len(LIST_SLOTS) * nth + LIST_SLOTS.index(name)


def write_program(
    graph: Graph,
    machine: Machine,
    *,
    rows_hint: int = products.USUAL_ROWS,
    epoch: bool = False,
    threaded: bool = False,
    listed: tuple[int, ...] = (),
) -> Program:
    """Lower a graph to a module.

    Parameters
    ----------
    graph : Graph
        Verified and optimised.
    rows_hint : int
        The number of rows most calls will have; tiles are chosen for it. Any number works.
    epoch : bool
        Write ``epoch`` instead of ``call``.
    threaded : bool
        Write ``epoch`` so that several threads run it together, each with its part of every large
        kernel. Which thread computes a number does not change how it is computed.
    listed : tuple of int
        Positions of the inputs that come as lists of the numbers that are not zero.
    """
    return _ProgramWriter(graph, machine, rows_hint, epoch, threaded, listed).write()


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


def has_rows(node: Tensor) -> bool:
    """True for a tensor with a rows axis."""
    return bool(node.shape) and node.shape[0] is None


class _ProgramWriter:
    def __init__(
        self,
        graph: Graph,
        machine: Machine,
        rows_hint: int,
        epoch: bool,
        threaded: bool,
        listed: tuple[int, ...],
    ) -> None:
        self.graph, self.machine, self.rows_hint, self.epoch = graph, machine, rows_hint, epoch
        self.threaded, self.positions = threaded, listed
        self.listed = tuple(graph.inputs[k] for k in listed)
        self.schedule: Schedule = build_schedule(graph)
        self.places: dict[Tensor, Location] = {}
        self.calls: list[Call] = []
        self.reads: list[list[Tensor]] = []
        self.writes: list[list[Tensor]] = []
        self.globals: list[str] = []
        self.functions: dict[str, str] = {}
        self.declarations: set[str] = set()
        self.variables = graph.variables
        self.aside: dict[Tensor, Tensor] = {}
        self.dense = only_factors(graph)
        self.rows_of: dict[Tensor, Lists] = {}
        self.columns_of: dict[Tensor, Lists] = {}
        self._stand_ins: dict[tuple[Tensor, str], Tensor] = {}
        self._stand_for_lists()
        self.fixed_bytes = 0
        self.barrier_at = 0

    # -- inputs held as lists -------------------------------------------------------------------

    def _stand_for_lists(self) -> None:
        """Stand-ins for the lists that products read, and where they are."""
        for leaf in self.listed:
            if leaf not in self.dense:
                continue
            k = self.graph.inputs.index(leaf)
            self.places[leaf] = Location("slot", k)
            # A call reads the lists where they are, from the row on where its own begin.
            rows = ["starts", "places", "numbers"]
            if not self.epoch:
                rows = ["", "given places", "given numbers"]
            columns = ["column starts", "column places", "column numbers"]
            self.rows_of[leaf] = self._lists(leaf, rows, "row sums")
            self.columns_of[leaf] = self._lists(leaf, columns, "column sums")
            if not self.epoch:
                self.places[self.rows_of[leaf].starts] = Location("argument", k)

    def _lists(self, leaf: Tensor, names: Sequence[str], sums: str) -> Lists:
        """Stand-ins for the parts of lists in these slots."""
        starts, places, numbers = (self._stand_in(leaf, name) for name in names)
        if not self.epoch:
            return Lists(starts, places, numbers)
        names = ["block", "whole columns", "whole places", sums]
        block, whole, whole_places, line_sums = (self._stand_in(leaf, name) for name in names)
        stride = sums_stride(self.graph, leaf)
        known = WholeColumns(block, whole, whole_places, line_sums, stride)
        return Lists(starts, places, numbers, known)

    def _stand_in(self, leaf: Tensor, name: str) -> Tensor:
        """A stand-in for what a slot points to; nobody asks for its shape and type."""
        key = (leaf, name)
        if key not in self._stand_ins:
            node = Tensor(Op.PLACEHOLDER, (), (), (None,), leaf.dtype, name)
            self._stand_ins[key] = node
            if name:
                self.places[node] = self._list_place(leaf, name)
        return self._stand_ins[key]

    def _list_place(self, leaf: Tensor, name: str) -> Location:
        return Location("slot", list_slot(self._order_slot, self.listed.index(leaf), name))

    @property
    def _order_slot(self) -> int:
        return len(self.graph.inputs) + len(self.variables) + len(self.graph.outputs)

    def _given_lists(self, w: FunctionWriter, leaf: Tensor) -> tuple[Value, Value, Value]:
        """Starts, places and numbers of the lists that came in."""
        others = (self._list_place(leaf, name) for name in ("given places", "given numbers"))
        slots = (self.graph.inputs.index(leaf), *(int(place.at) for place in others))
        starts, places, numbers = (self._slot(w, slot) for slot in slots)
        return starts, places, numbers

    def _lists_for(self, node: Tensor) -> Lists | None:
        """The lists that a product reads its first factor from; by column when it must be so."""
        leaf = node.inputs[0]
        if leaf not in self.rows_of:
            return None
        rows, columns = self.rows_of[leaf], self.columns_of[leaf]
        if not node.attribute("transpose_a"):
            return rows
        if not any(columns.starts in writes for writes in self.writes):
            kernel = KernelWriter(self.machine, buffer_of)
            write_sort_by_column(kernel, leaf, rows, columns)
            self._add(kernel, (), rows.memory(), columns.memory())
        return columns

    def layout(self, node: Tensor) -> Layout:
        """The layout of a buffer."""
        return layout_of(node.shape, node.dtype, dense=node in self.dense)

    # -- kernels --------------------------------------------------------------------------------

    def _leaf_test(self, kernel: Kernel) -> Callable[[Tensor], bool]:
        """What a kernel reads from memory: kept nodes, but not those it computes itself."""
        own = {
            node
            for node in kernel.members
            if not (node.op in (Op.SUM, Op.MAX) and reduction_kind(node) != rowwise.LINE)
        }
        return lambda n: self.schedule.is_leaf(n) and n not in own

    def _add(
        self,
        kernel: KernelWriter,
        counts: tuple[tuple[int, bool], ...],
        reads: Sequence[Tensor],
        writes: Sequence[Tensor],
        updates: bool = False,
    ) -> None:
        text, declarations = kernel.finish(), frozenset(kernel.writer.declarations)
        arguments = tuple(kernel.arguments)
        self.calls.append(Call(text, declarations, arguments, counts, kernel.shared, updates))
        self.reads.append(list(reads))
        self.writes.append(list(writes))

    def _write_kernel(self, kernel: Kernel) -> None:
        reads = expression_reads(self.schedule, kernel)
        writes = [buffer_of(node) for node in kernel.members]
        is_leaf = self._leaf_test(kernel)
        if kernel.kind == "move":
            assert kernel.node is not None
            if kernel.node.op is Op.BATCH_MATMUL:
                self._write_batch_product(kernel.node)
                return
            writer = KernelWriter(self.machine, buffer_of)
            data_movement.WRITE[kernel.node.op](writer, kernel.node)
            self._add(writer, (), reads, writes)
            return
        if kernel.kind == "product":
            self._write_product(kernel, reads, writes, is_leaf)
            return
        if rowwise.is_flat(kernel.space, kernel.members, is_leaf):
            summed = any(node.op in (Op.SUM, Op.MAX) for node in kernel.members)
            shared = self.threaded and not summed
            writer = KernelWriter(self.machine, buffer_of, ("count",), shared)
            rowwise.write_flat(writer, kernel.space, kernel.members, is_leaf)
            counts = (rowwise.flat_count(kernel.space, kernel.members, is_leaf),)
            self._add(writer, counts, reads, writes, kernel.updates)
            return
        writer = KernelWriter(self.machine, buffer_of)
        if fits_lanes(kernel.space, kernel.members, is_leaf, self.machine):
            write_lane_per_row(writer, kernel.space, kernel.members, is_leaf)
        else:
            rowwise.write_rowwise(writer, kernel.space, kernel.members, is_leaf)
        self._add(writer, (), reads, writes)

    def _write_product(
        self,
        kernel: Kernel,
        reads: list[Tensor],
        writes: list[Tensor],
        is_leaf: Callable[[Tensor], bool],
    ) -> None:
        node = kernel.node
        assert node is not None
        panels: Tensor | None = None
        b = node.inputs[1]
        lists = self._lists_for(node)
        if products.needs_packing(node, self.machine, lists is not None):
            depth = layout_of(b.shape, b.dtype).lines_per_row
            if node.attribute("transpose_b"):
                depth = b.shape[1] or 1
            size = depth * layout_of(node.shape, node.dtype).stride
            shape = (None, size) if has_rows(b) else (size,)
            panels = Tensor(Op.PLACEHOLDER, (), (), shape, node.dtype, "panels")
            packer = KernelWriter(self.machine, buffer_of, shared=self.threaded)
            products.write_pack(packer, node, panels)
            self._add(packer, (), [buffer_of(b)], [panels])
            reads = [*reads, panels]
        a = node.inputs[0]
        product = products.Product(node, self.layout(a), self.rows_hint, lists)
        if lists is not None:
            reads = [*reads, *lists.reads()]
            if lists.whole is not None:
                # Other products of the same input use the same memory for their sums.
                writes = [*writes, lists.whole.sums]
        writer = KernelWriter(self.machine, buffer_of, shared=self.threaded)
        products.write_product(writer, product, panels, kernel.members, is_leaf)
        self._add(writer, (), reads, writes)

    def _write_batch_product(self, node: Tensor) -> None:
        writer = KernelWriter(self.machine, buffer_of, shared=self.threaded)
        shape = panels_shape(node, writer)
        panels, writes = None, [node]
        if shape is not None:
            panels = Tensor(Op.PLACEHOLDER, (), (), shape, node.dtype, "panels")
            writes.append(panels)
        write_batch_product(writer, node, panels)
        self._add(writer, (), [buffer_of(x) for x in node.inputs], writes)

    # -- memory ---------------------------------------------------------------------------------

    def _plan(self) -> tuple[int, int]:
        """Give every buffer its place; returns the bytes of the fixed part and of a row."""
        last_kernel = len(self.calls)
        first: dict[Tensor, int] = {}
        last: dict[Tensor, int] = {}
        for k, (reads, writes) in enumerate(zip(self.reads, self.writes, strict=True)):
            for node in [*reads, *writes]:
                first.setdefault(node, k)
                last[node] = k
        for k, leaf in enumerate(self.graph.inputs):
            if leaf in self.rows_of:
                continue
            if leaf in self.dense and not self.epoch:
                self.places[leaf] = Location("argument", k)
                continue
            first[leaf] = -1
            # What has no rows is brought in once for all chunks and steps.
            last[leaf] = last.get(leaf, -1) if has_rows(leaf) else last_kernel
        for k, leaf in enumerate(self.variables):
            self.places[leaf] = Location("slot", len(self.graph.inputs) + k)
        for out in self.graph.roots:
            node = buffer_of(out)
            if node in first:
                last[node] = last_kernel
        for copy in self.aside.values():
            last[copy] = last_kernel
        for variable, new in self._in_place():
            self.places[buffer_of(new)] = self.places[variable]
        fixed: list[Tensor] = []
        rowwise: list[Tensor] = []
        for node in first:
            if node in self.places:
                continue
            if node.op is Op.CONSTANT:
                self.places[node] = Location("symbol", self._constant(node))
            else:
                (rowwise if has_rows(node) else fixed).append(node)

        def size(node: Tensor) -> int:
            numbers = self.layout(node).size
            if not has_rows(node):
                # Rounded up to whole cache lines, so that loops may run over by a vector.
                numbers = -(-numbers // 16) * 16
            return numbers * node.dtype.itemsize

        spans = [Span(size(node), first[node], last[node]) for node in fixed]
        offsets, fixed_bytes = allocate(spans, ALIGNMENT)
        for node, offset in zip(fixed, offsets, strict=True):
            self.places[node] = Location("fixed", offset)
        spans = [Span(size(node), first[node], last[node]) for node in rowwise]
        # A multiple of four bytes a row is a multiple of a cache line for a quantum of rows.
        offsets, row_bytes = allocate(spans, 4)
        for node, offset in zip(rowwise, offsets, strict=True):
            self.places[node] = Location("rows", offset)
        self.barrier_at = fixed_bytes
        fixed_bytes += BARRIER_BYTES
        self.fixed_bytes = fixed_bytes
        return fixed_bytes, row_bytes

    def _in_place(self) -> list[tuple[Tensor, Tensor]]:
        """Updates whose new value may be written straight over the old one."""
        pairs = []
        taken: set[Tensor] = set()
        outputs = {buffer_of(out) for out in self.graph.outputs}
        for variable, new in self.graph.updates:
            node = buffer_of(new)
            writers = [k for k, written in enumerate(self.writes) if node in written]
            if node in taken or node.op is Op.VARIABLE or not writers or variable in outputs:
                continue
            at = writers[0]
            kernel = self._kernel_of(node)
            if kernel is None or not kernel.updates:
                continue
            if kernel.node is not None and variable in map(buffer_of, kernel.node.inputs):
                continue  # The product would read what it has written.
            late = any(variable in reads for reads in self.reads[at + 1 :])
            is_leaf = self._leaf_test(kernel)
            # Other lines of the old value must not be needed after this line is written.
            aligned = all(
                n.shape == kernel.space
                for n in walk_expression(rowwise.roots_of(kernel.members), is_leaf)
                if is_leaf(n) and buffer_of(n) is variable
            )
            if not late and aligned:
                pairs.append((variable, new))
                taken.add(node)
        return pairs

    def _kernel_of(self, node: Tensor) -> Kernel | None:
        for kernel in self.schedule.kernels:
            if node in kernel.members:
                return kernel
        return None

    def _constant(self, node: Tensor) -> str:
        """A constant of several numbers as a global of the module, padded."""
        layout, element = layout_of(node.shape, node.dtype), ELEMENT[node.dtype]
        flat = node.attribute("value").reshape(layout.lines_per_row, layout.width)
        numbers = []
        for line in flat.tolist():
            numbers += line + [0] * (layout.stride - layout.width)
        numbers += [0] * (-len(numbers) % 16)
        name = f"c{len(self.globals)}"
        body = ", ".join(f"{element} {literal(number, element).text}" for number in numbers)
        self.globals.append(
            f"@{name} = internal constant [{len(numbers)} x {element}] [{body}], align {ALIGNMENT}"
        )
        return f"@{name}"

    # -- the functions --------------------------------------------------------------------------

    def write(self) -> Program:
        self._set_old_values_aside()
        for kernel in self.schedule.kernels:
            self._write_kernel(kernel)
        fixed_bytes, row_bytes = self._plan()
        body = self._body()
        entry = self._epoch_entry() if self.epoch else self._call_entry()
        functions = [*self.functions.values(), body, entry]
        if self.threaded:
            barrier, needed = write_barrier()
            functions.append(barrier)
            self.declarations |= needed
        text = "\n".join(self.globals) + "\n\n"
        text += module_text(functions, self.declarations, self.machine.attributes)
        return Program(
            text,
            self.graph,
            self.variables,
            fixed_bytes,
            row_bytes,
            self.dense,
            not self.epoch and rows_are_separate(self.graph),
            ("epoch",) if self.epoch else ("call",),
            self.positions,
            any(
                lists.starts in writes
                for lists in self.columns_of.values()
                for writes in self.writes
            ),
        )

    def _set_old_values_aside(self) -> None:
        """Copy the old value of a variable that becomes the new value of another one.

        Updates happen at the same time: ``a := b, b := a`` is an exchange.
        """
        for variable, new in self.graph.updates:
            source = buffer_of(new)
            if source.op is not Op.VARIABLE or source is variable:
                continue
            copy = Tensor(Op.PLACEHOLDER, (), (), source.shape, source.dtype, "old value")
            kernel = KernelWriter(self.machine, buffer_of)
            write_copy(kernel, source, copy)
            self._add(kernel, (), [source], [copy])
            self.aside[variable] = copy

    def _function(self, text: str, declarations: frozenset[str] | set[str]) -> str:
        """Name of the function with this text; functions with equal texts are one."""
        self.declarations |= declarations
        name = "k" + hashlib.sha256(text.encode()).hexdigest()[:16]
        self.functions[name] = text.replace("@KERNEL(", f"@{name}(", 1)
        return name

    def _pointer(self, w: FunctionWriter, node: Tensor) -> Value:
        where = self.places[node]
        if where.kind == "symbol":
            return Value(str(where.at), "ptr")
        if where.kind == "argument":
            return Value(f"%in{where.at}", "ptr")
        if where.kind == "slot":
            slot = w.offset(Value("%table", "ptr"), int64(int(where.at)), "ptr")
            return w.load(slot, "ptr")
        arena = Value("%arena", "ptr")
        if where.kind == "fixed":
            return w.offset(arena, int64(int(where.at)), "i8")
        base = w.offset(arena, int64(self.fixed_bytes), "i8")
        grown = w.mul(Value("%capacity", "i64"), int64(int(where.at)))
        return w.offset(base, grown, "i8")

    def _run(self, w: FunctionWriter, call: Call, rows: Value) -> None:
        arguments = [self._pointer(w, node) for node in call.arguments]
        counts = [
            w.mul(rows, int64(count)) if by_rows else int64(count) for count, by_rows in call.counts
        ]
        name = self._function(call.text, call.declarations)
        if call.shared:
            counts += [Value("%part", "i64"), Value("%parts", "i64")]
        given = ", ".join(f"{value.type} {value.text}" for value in [*arguments, rows, *counts])
        w.effect(f"call void @{name}({given})")

    @contextmanager
    def _first_part_only(self, w: FunctionWriter) -> Iterator[None]:
        """What one thread must do alone."""
        if not self.threaded:
            yield
            return
        with w.when(w.compare("icmp eq", Value("%part", "i64"), int64(0))):
            yield

    def _wait_for_all(self, w: FunctionWriter) -> None:
        """No thread goes on before all have come here."""
        if self.threaded:
            place = w.offset(Value("%arena", "ptr"), int64(self.barrier_at), "i8")
            w.effect(f"call void @wait_for_all(ptr {place.text}, i64 %parts)")

    def _run_all(self, w: FunctionWriter) -> None:
        """All kernels in order; with threads, each waits where a kernel needs another's work."""
        rows = Value("%rows", "i64")
        if not self.threaded:
            for call in self.calls:
                self._run(w, call, rows)
            return
        # What was written, and whether it was by one thread alone, since all have met.
        dirty: set[Tensor] = set()
        before: Call | None = None
        for call, reads, writes in zip(self.calls, self.reads, self.writes, strict=True):
            if before is not None:
                alone = not before.shared and not call.shared
                # Steps of an optimizer write variables only, each its own.
                apart = before.updates and call.updates and not dirty & set(reads)
                if not alone and not apart:
                    self._wait_for_all(w)
                    dirty.clear()
            if call.shared:
                self._run(w, call, rows)
            else:
                with self._first_part_only(w):
                    self._run(w, call, rows)
            dirty |= set(writes)
            before = call
        self._wait_for_all(w)

    def _body(self) -> str:
        inputs = [
            (f"in{k}", "ptr") for k, leaf in enumerate(self.graph.inputs) if self._moves(leaf)
        ]
        w = FunctionWriter(
            "body",
            [
                ("table", "ptr"),
                ("arena", "ptr"),
                ("capacity", "i64"),
                ("rows", "i64"),
                *inputs,
                *((name, "i64") for name in self._part_names()),
            ],
            linkage="internal",
        )
        self._run_all(w)
        return w.finish()

    def _moves(self, leaf: Tensor) -> bool:
        """Whether the body is told where the rows of an input begin."""
        if leaf in self.rows_of:
            return not self.epoch
        return self.places.get(leaf, Location("", 0)).kind == "argument"

    def _part_names(self) -> tuple[str, ...]:
        return ("part", "parts") if self.threaded else ()

    def _call_body(self, w: FunctionWriter, rows: Value, moved: dict[int, Value]) -> None:
        given = ["ptr %table", "ptr %arena", "i64 %capacity", f"i64 {rows.text}"]
        given += [f"ptr {pointer.text}" for pointer in moved.values()]
        given += [f"i64 %{name}" for name in self._part_names()]
        w.effect(f"call void @body({', '.join(given)})")

    def _slot(self, w: FunctionWriter, slot: int) -> Value:
        return w.load(w.offset(Value("%table", "ptr"), int64(slot), "ptr"), "ptr")

    def _call_entry(self) -> str:
        graph = self.graph
        w = FunctionWriter(
            "call", [("table", "ptr"), ("arena", "ptr"), ("capacity", "i64"), ("rows", "i64")]
        )
        restore = flush_denormals(w, self.machine)
        rows = Value("%rows", "i64")
        for k, leaf in enumerate(graph.inputs):
            if not has_rows(leaf):
                self._import(w, leaf, self._slot(w, k), int64(1))

        def some_rows(first: Value, count: Value) -> None:
            moved: dict[int, Value] = {}
            for k, leaf in enumerate(graph.inputs):
                if not has_rows(leaf):
                    continue
                if leaf in self.listed:
                    starts = w.offset(self._slot(w, k), first, "i64")
                    if leaf in self.rows_of:
                        moved[k] = starts
                    elif leaf in self.places:
                        given = (starts, *self._given_lists(w, leaf)[1:])
                        self._spread(w, leaf, given, lambda row: row, count)
                    continue
                per_row = layout_of(leaf.shape, leaf.dtype, dense=True).size
                start = w.mul(first, int64(per_row))
                source = w.offset(self._slot(w, k), start, ELEMENT[leaf.dtype])
                if self._moves(leaf):
                    moved[k] = source
                else:
                    self._import(w, leaf, source, count)
            self._call_body(w, count, moved)
            base = len(graph.inputs) + len(self.variables)
            for k, out in enumerate(graph.outputs):
                target = self._slot(w, base + k)
                if has_rows(out):
                    start = w.mul(first, int64(layout_of(out.shape, out.dtype, dense=True).size))
                    target = w.offset(target, start, ELEMENT[out.dtype])
                self._export(w, out, target, count)

        if rows_are_separate(graph):
            with w.loop(int64(0), rows, int64(CHUNK)) as first:
                left = w.sub(rows, first)
                some_rows(first, w.intrinsic("smin", left, int64(CHUNK)))
        else:
            some_rows(int64(0), rows)
        self._finish_updates(w)
        restore()
        self.declarations |= w.declarations
        return w.finish()

    def _finish_updates(self, w: FunctionWriter) -> None:
        """Copy the new values that could not be written in place."""
        for variable, new in self.graph.updates:
            node = buffer_of(new)
            if self.places.get(node) == self.places[variable]:
                continue
            kernel = KernelWriter(self.machine, buffer_of)
            write_copy(kernel, self.aside.get(variable, new), variable)
            call = Call(
                kernel.finish(), frozenset(kernel.writer.declarations), tuple(kernel.arguments), ()
            )
            self._run(w, call, int64(0))

    def _import(self, w: FunctionWriter, leaf: Tensor, source: Value, rows: Value) -> None:
        """Bring an array in NumPy's layout into a buffer's layout."""
        if leaf not in self.places:
            return
        self._copy_lines(w, leaf, source, self._pointer(w, leaf), rows, inward=True)

    def _export(self, w: FunctionWriter, out: Tensor, target: Value, rows: Value) -> None:
        """Write a buffer out in NumPy's layout."""
        node = buffer_of(out)
        if is_inline_number(out) or constant_number(node) is not None:
            layout = layout_of(out.shape, out.dtype, dense=True)
            number = inline_value(w, out, rows)
            count = w.mul(rows, int64(layout.size)) if layout.rows else int64(layout.size)
            with w.loop(int64(0), count, int64(1)) as at:
                w.store(number, w.offset(target, at, ELEMENT[out.dtype]))
            return
        self._copy_lines(w, out, self._pointer(w, node), target, rows, inward=False)

    def _copy_lines(
        self,
        w: FunctionWriter,
        node: Tensor,
        source: Value,
        target: Value,
        rows: Value,
        inward: bool,
    ) -> None:
        layout, element = layout_of(node.shape, node.dtype), ELEMENT[node.dtype]
        line_count = (
            w.mul(rows, int64(layout.lines_per_row)) if layout.rows else int64(layout.lines_per_row)
        )
        padded_step, dense_step = layout.stride, layout.width
        if layout.stride == layout.width == 1 or layout.stride == layout.width:
            count = w.mul(line_count, int64(layout.width))
            size = w.mul(count, int64(node.dtype.itemsize))
            copy_bytes(w, target, source, size)
            return
        from_step, to_step = (dense_step, padded_step) if inward else (padded_step, dense_step)
        with w.loop(int64(0), line_count, int64(1)) as line:
            origin = w.offset(source, w.mul(line, int64(from_step)), element)
            goal = w.offset(target, w.mul(line, int64(to_step)), element)
            copy_line(w, self.machine, origin, goal, node.dtype, layout.width)
            if inward:
                for column in range(layout.width, layout.stride):
                    w.store(literal(0, element), w.offset(goal, int64(column), element))

    def _epoch_entry(self) -> str:
        """Loop over mini-batches; returns what was given and the sum of loss times rows."""
        graph = self.graph
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
                *((name, "i64") for name in self._part_names()),
            ],
            returns="double",
        )
        restore = flush_denormals(w, self.machine)
        with self._first_part_only(w):
            for k, leaf in enumerate(graph.inputs):
                if not has_rows(leaf):
                    self._import(w, leaf, self._slot(w, k), int64(1))
        order = self._slot(w, self._order_slot)
        rows, batch = Value("%rows", "i64"), Value("%batch", "i64")
        first = Value("%first", "i64")
        stop = w.add(first, Value("%steps", "i64"))
        loop = w.open_loop(first, stop, int64(1), [Value("%before", "double")])
        start = w.mul(loop.index, batch)
        count = w.intrinsic("smin", w.sub(rows, start), batch)
        numbers = w.offset(order, start, "i32")
        with self._first_part_only(w):
            for k, leaf in enumerate(graph.inputs):
                if has_rows(leaf) and leaf in self.places:
                    self._gather(w, leaf, self._slot(w, k), numbers, count)
        self._wait_for_all(w)
        self._call_body(w, count, {})
        loss = graph.outputs[0]
        value = w.load(self._pointer(w, buffer_of(loss)), ELEMENT[loss.dtype])
        if loss.dtype is DType.float32:
            value = w.convert("fpext", value, "double")
        weighted = w.fmul(value, w.convert("sitofp", count, "double"))
        with self._first_part_only(w):
            self._finish_updates(w)
        # The next batch overwrites the loss.
        self._wait_for_all(w)
        (total,) = w.close_loop(loop, [w.fadd(loop.carried[0], weighted)])
        restore()
        self.declarations |= w.declarations
        return w.finish(total)

    def _gather(
        self, w: FunctionWriter, leaf: Tensor, data: Value, numbers: Value, count: Value
    ) -> None:
        """Copy the rows of a batch, picked by number, one after the other."""

        def number_of(row: Value) -> Value:
            return w.convert("sext", w.load(w.offset(numbers, row, "i32"), "i32"), "i64")

        if leaf in self.listed:
            given = self._given_lists(w, leaf)
            if leaf not in self.rows_of:
                self._spread(w, leaf, given, number_of, count)
                return
            starts, places, entries = (
                self._pointer(w, node) for node in self.rows_of[leaf].memory()
            )
            gather_lists(w, leaf, given, (starts, places, entries), number_of, count)
            columns, source, goal = (
                self._pointer(w, self._stand_in(leaf, name))
                for name in ("whole columns", "given block", "block")
            )
            gather_block(w, leaf, columns, source, goal, number_of, count)
            return
        layout, element = self.layout(leaf), ELEMENT[leaf.dtype]
        target = self._pointer(w, leaf)
        with w.loop(int64(0), count, int64(1)) as row:
            origin = w.offset(data, w.mul(number_of(row), int64(layout.size)), element)
            goal = w.offset(target, w.mul(row, int64(layout.size)), element)
            copy_line(w, self.machine, origin, goal, leaf.dtype, layout.size)

    def _spread(
        self,
        w: FunctionWriter,
        leaf: Tensor,
        given: tuple[Value, Value, Value],
        number_of: Callable[[Value], Value],
        count: Value,
    ) -> None:
        """Write rows that come as lists out whole."""
        target, stride = self._pointer(w, leaf), self.layout(leaf).stride
        spread_lists(w, leaf, given, target, stride, number_of, count)


def write_copy(kernel: KernelWriter, source: Tensor, target: Tensor) -> None:
    """Copy the whole memory of a tensor without rows, or fill it with one number."""
    w = kernel.writer
    layout, element = layout_of(target.shape, target.dtype), ELEMENT[target.dtype]
    number = constant_number(source)
    pointer = kernel.pointer(target)
    if number is not None or is_inline_number(source):
        value = inline_value(w, source, kernel.rows())
        with (
            w.loop(int64(0), int64(layout.lines_per_row), int64(1)) as line,
            w.loop(int64(0), int64(layout.width), int64(1)) as column,
        ):
            at = w.add(w.mul(line, int64(layout.stride)), column)
            w.store(value, w.offset(pointer, at, element))
        return
    copy_bytes(w, pointer, kernel.pointer(source), int64(layout.size * target.dtype.itemsize))


def inline_value(w: FunctionWriter, node: Tensor, rows: Value) -> Value:
    """The value of a constant of one number, or of the number of rows."""
    number = constant_number(node)
    while number is None and node.op in (Op.RESHAPE, Op.BROADCAST):
        node = node.inputs[0]
        number = constant_number(node)
    if number is not None:
        return literal(number, ELEMENT[node.dtype])
    return w.convert("sitofp", rows, ELEMENT[node.dtype])


def check_loss(graph: Graph) -> None:
    """The first output of a training step must be one floating-point number."""
    loss = graph.outputs[0]
    if loss.shape != () or not loss.dtype.is_float:
        raise GraphError(
            "the first output of a training step must be the loss, a single number",
            where="mini-batches",
            given=repr(loss),
            hint="take its mean",
        )
