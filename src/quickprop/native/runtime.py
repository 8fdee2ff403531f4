"""Running compiled graphs: one call on arrays, and slices of an epoch of mini-batches."""

from __future__ import annotations

import ctypes
import functools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import wait
from typing import Any

import numpy as np

from quickprop.foundation.collection import collection_paused
from quickprop.foundation.core_budget import CORES
from quickprop.graph import Graph, Storage, Tensor
from quickprop.native import jit, shuffling
from quickprop.native.csr import CsrMatrix, HybridMatrix, Rows, as_dense, column_shares
from quickprop.native.csr_choice import dense_columns, only_factors, sums_stride
from quickprop.native.csr_storage import (
    INDPTR_BYTES,
    given_entries,
    parts_of_hybrid,
    room_for_columns,
)
from quickprop.native.entries import CHUNK
from quickprop.native.gemm import USUAL_ROWS
from quickprop.native.layout import layout_of
from quickprop.native.lowering import has_rows
from quickprop.native.pointer_table import CsrPart
from quickprop.native.program import Program, check_loss, write_program
from quickprop.native.thread_count import WORKERS, ThreadTuner, multiply_adds, thread_count
from quickprop.native.variable_storage import addresses_of, aligned_bytes, padded_array

_POINTER, _INT = ctypes.c_void_p, ctypes.c_int64
#: Slots of the table and the addresses that they hold.
_Slots = Sequence[tuple[int, int]]
#: Sparse rows that need no more bytes than this when whole are made whole if that is quicker.
DENSE_BYTES = 2**28


class _Workspace:
    """Working memory and the pointer table of one call at a time."""

    def __init__(self, program: Program) -> None:
        self.program = program
        # A ctypes array: setting an item of it is quicker than of a NumPy array.
        self.table = (ctypes.c_uint64 * program.table.size)()
        self.table_address = ctypes.addressof(self.table)
        self.capacity = 0
        self.arena = aligned_bytes(0)
        self.arena_address = 0
        self.all_moves = -1
        self.moves: tuple[int, ...] | None = None

    def grow(self, rows: int) -> None:
        """Make room for a call with so many rows."""
        capacity = self.program.capacity(rows)
        if capacity > self.capacity or not self.arena_address:
            self.capacity = capacity
            self.arena = aligned_bytes(self.program.arena_bytes(capacity) + 64)
            self.arena_address = self.arena.ctypes.data

    def point_to_variables(self) -> None:
        """Fill the slots of the variables, when any of them has moved."""
        # Read first: what moves from here on is looked at the next time.
        all_moves = Storage.all_moves
        if self.all_moves == all_moves:
            return
        variables = self.program.variables
        moves = tuple([variable.attribute("storage").moves for variable in variables])
        if moves != self.moves:
            slots = self.program.table
            for k, address in enumerate(addresses_of(variables)):
                self.table[slots.variable(k)] = address
            self.moves = tuple([variable.attribute("storage").moves for variable in variables])
        self.all_moves = all_moves


def _compiled(
    graph: Graph, entries: tuple[str, ...], **settings: Any
) -> tuple[Program, jit.NativeCode]:
    """The program of a graph and its code, from the disk cache if it is there."""

    @collection_paused()
    def write() -> tuple[str, dict[str, Any]]:
        program = write_program(graph, jit.host_machine(), **settings)
        return program.text, program.plan()

    def check(plan: dict[str, Any]) -> None:
        program = Program.of_plan(graph, plan)
        if min(program.table.size, program.fixed_bytes, program.row_bytes) < 0:
            raise ValueError(plan)

    plan, code = jit.load(f"{settings}\n{graph.identity}", write, entries, check)
    return Program.of_plan(graph, plan), code


class NativeFunction:
    """A graph compiled to one native call.

    Several threads may call it at the same time, unless it updates variables.
    """

    def __init__(
        self, graph: Graph, rows_hint: int = USUAL_ROWS, sparse_inputs: tuple[int, ...] = ()
    ) -> None:
        self.graph = graph
        self.program, code = _compiled(
            graph, ("call",), rows_hint=rows_hint, sparse_inputs=sparse_inputs
        )
        self._call = code.function("call", None, _POINTER, _POINTER, _INT, _INT)
        self._idle: list[_Workspace] = []
        self._updating = threading.Lock()
        self._changes = bool(graph.updates)
        self._with_rows = next((k for k, n in enumerate(graph.inputs) if has_rows(n)), None)
        self._first_output = self.program.table.output(0)
        self._work_a_row = multiply_adds(graph, 1, narrowest=1)
        self._outputs = [
            (
                tuple(dim or 1 for dim in (out.shape[1:] if has_rows(out) else out.shape)),
                has_rows(out),
                np.dtype(out.dtype.value),
            )
            for out in graph.outputs
        ]

    def __call__(self, *arrays: Rows) -> list[np.ndarray]:
        """Run on arrays of the right types and shapes; returns new arrays."""
        if not self._changes:
            return self._run(arrays)
        with self._updating:
            return self._run(arrays)

    def _run(self, arrays: Sequence[Any]) -> list[np.ndarray]:
        rows = 1 if self._with_rows is None else len(arrays[self._with_rows])
        lists: _Slots = ()
        if self.program.sparse_inputs:
            arrays, lists, _kept = self._placed(arrays, rows)
        # On one row this is most of the time: every line here costs a tenth of a microsecond.
        addresses, targets, results, held = [], [], [], []
        for array in arrays:
            if not array.flags.c_contiguous:
                array = np.ascontiguousarray(array)
            held.append(array)
            addresses.append(array.__array_interface__["data"][0])
        for rest, by_rows, kind in self._outputs:
            result = np.empty((rows, *rest) if by_rows else rest, kind)
            results.append(result)
            targets.append(result.__array_interface__["data"][0])
        if rows > CHUNK and self.program.chunked:
            self._run_chunks(rows, addresses, targets, lists)
        else:
            self._run_rows(rows, addresses, targets, lists)
        return results

    def _placed(
        self, given: Sequence[Any], rows: int
    ) -> tuple[list[np.ndarray], _Slots, list[np.ndarray]]:
        """The arrays of the first slots, what other slots hold, and what must be kept alive."""
        program = self.program
        arrays, slots, kept = [*given], [], []
        for k in program.sparse_inputs:
            arrays[k] = given[k].indptr
            parts = given_entries(given[k])
            if program.sorts:
                parts |= room_for_columns(self.graph.inputs[k], len(given[k].data))
            for part, array in parts.items():
                slots.append((program.table.part(k, part), array.ctypes.data))
                kept.append(array)
        return arrays, slots, kept

    def _run_rows(
        self, rows: int, addresses: Sequence[int], targets: Sequence[int], lists: _Slots
    ) -> None:
        try:
            space = self._idle.pop()
        except IndexError:
            space = _Workspace(self.program)
        if rows > space.capacity:
            space.grow(rows)
        if space.all_moves != Storage.all_moves:
            space.point_to_variables()
        table = space.table
        for slot, address in enumerate(addresses):
            table[slot] = address
        for slot, address in enumerate(targets, self._first_output):
            table[slot] = address
        for slot, address in lists:
            table[slot] = address
        self._call(space.table_address, space.arena_address, space.capacity, rows)
        self._idle.append(space)

    def _run_chunks(
        self, rows: int, addresses: Sequence[int], targets: Sequence[int], lists: _Slots
    ) -> None:
        """Many rows, in several threads when that is worth it; cut where chunks end anyway."""
        wanted = thread_count(self._work_a_row * rows)
        if wanted == 1:
            self._run_rows(rows, addresses, targets, lists)
            return
        with CORES.taken(wanted) as parts:
            self._run_parts(parts, rows, addresses, targets, lists)

    def _run_parts(
        self,
        parts: int,
        rows: int,
        addresses: Sequence[int],
        targets: Sequence[int],
        lists: _Slots,
    ) -> None:
        size = -(-rows // (parts * CHUNK)) * CHUNK
        outputs = self.graph.outputs
        steps = [
            INDPTR_BYTES if k in self.program.sparse_inputs else _row_bytes(leaf)
            for k, leaf in enumerate(self.graph.inputs)
        ]

        def run(first: int) -> None:
            self._run_rows(
                min(size, rows - first),
                [a + first * step for a, step in zip(addresses, steps, strict=True)],
                [a + first * _row_bytes(out) for a, out in zip(targets, outputs, strict=True)],
                lists,
            )

        others = [WORKERS.start(functools.partial(run, first)) for first in range(size, rows, size)]
        try:
            run(0)
        finally:
            # The memory of the results must outlast all that write to it.
            wait(others)
        for other in others:
            other.result()


def _row_bytes(node: Tensor) -> int:
    """Bytes of a row of an array in NumPy's layout; 0 for what has no rows."""
    return (
        layout_of(node.shape, node.dtype, dense=True).size * node.dtype.itemsize
        if has_rows(node)
        else 0
    )


def _in_quicker_form(graph: Graph, leaf: Tensor, given: Rows) -> Rows | HybridMatrix:
    """Rows split or whole, whichever makes quicker steps where only products read them."""
    kept, pays = dense_columns(graph, leaf, column_shares(given), jit.host_machine())
    if not pays:
        given = _if_small(given)
    return given if isinstance(given, np.ndarray) and not pays else HybridMatrix.of(given, kept)


def _if_small(given: Rows) -> Rows:
    """Whole rows, unless they are too many."""
    if isinstance(given, CsrMatrix) and given.size * given.dtype.itemsize <= DENSE_BYTES:
        return given.dense()
    return given


class NativeMinibatches:
    """A training step compiled together with the loop over mini-batches."""

    def __init__(
        self,
        graph: Graph,
        data: Mapping[Tensor, Rows],
        batch_size: int,
        threads: int | None = None,
        passes: int = 1,
    ) -> None:
        check_loss(graph)
        self.graph = graph
        self.batch_size = batch_size
        rows = len(next(iter(data.values())))
        self.rows = rows * passes
        batch_size = min(batch_size, rows)
        self.threads = thread_count(multiply_adds(graph, batch_size), threads)
        factors = only_factors(graph)
        formed = {
            leaf: _in_quicker_form(graph, leaf, given) if leaf in factors else _if_small(given)
            for leaf, given in data.items()
        }
        self.sparse_inputs = tuple(
            k
            for k, leaf in enumerate(graph.inputs)
            if isinstance(formed.get(leaf), CsrMatrix | HybridMatrix)
        )
        self.program, code = _compiled(
            graph,
            ("epoch",),
            rows_hint=batch_size,
            epoch=True,
            threaded=self.threads > 1,
            sparse_inputs=self.sparse_inputs,
        )
        self._tuner = ThreadTuner(self.threads)
        self._space = _Workspace(self.program)
        self._space.grow(batch_size)
        self._epoch = self._epoch_of(code)
        self.order = np.tile(np.arange(rows, dtype=np.int32), passes)
        #: What native code reads, kept alive.
        self._held: dict[int, list[np.ndarray]] = {}
        self._scalars: dict[Tensor, np.ndarray] = {}
        for k, leaf in enumerate(graph.inputs):
            if has_rows(leaf):
                self._place_rows(k, leaf, formed[leaf])
            else:
                block = np.zeros(tuple(dim or 1 for dim in leaf.shape), leaf.dtype.value)
                self._scalars[leaf] = block
                self._space.table[k] = block.ctypes.data
        self._space.table[self.program.table.order] = self.order.ctypes.data

    def _epoch_of(self, code: jit.NativeCode) -> Callable[..., float]:
        """The compiled loop, of which a call says the first step, how many, and the total."""
        kinds = [_POINTER, _POINTER, *[_INT] * 5, ctypes.c_double]
        kinds += [_INT, _INT] if self.threads > 1 else []
        space = self._space
        # Converted once: at each call it would take as long as a small step.
        always = (
            _POINTER(space.table_address),
            _POINTER(space.arena_address),
            _INT(space.capacity),
            _INT(self.rows),
            _INT(self.batch_size),
        )
        return functools.partial(code.function("epoch", ctypes.c_double, *kinds), *always)

    def _place_rows(self, k: int, leaf: Tensor, given: Rows | HybridMatrix) -> None:
        """Point the slots of an input to its rows, in the form that the code reads."""
        if k not in self.sparse_inputs:
            assert not isinstance(given, HybridMatrix)
            held = [self._rows_block(leaf, as_dense(given))]
        else:
            lists, parts = self._parts(leaf, given)
            for part, array in parts.items():
                self._space.table[self.program.table.part(k, part)] = array.ctypes.data
            held = [lists.indptr, *parts.values()]
        self._space.table[k] = held[0].ctypes.data
        self._held[k] = held

    def _parts(
        self, leaf: Tensor, given: Rows | HybridMatrix
    ) -> tuple[CsrMatrix, dict[CsrPart, np.ndarray]]:
        """The lists of an input, and what its slots point to."""
        if leaf not in self.program.unpadded:
            assert not isinstance(given, HybridMatrix)
            lists = given if isinstance(given, CsrMatrix) else CsrMatrix.of_array(given)
            return lists, given_entries(lists)
        if not isinstance(given, HybridMatrix):
            shares = column_shares(given)
            given = HybridMatrix.of(
                given, dense_columns(self.graph, leaf, shares, jit.host_machine())[0]
            )
        stride = sums_stride(self.graph, leaf)
        return given.entries, parts_of_hybrid(leaf, given, self.batch_size, stride)

    def _rows_block(self, leaf: Tensor, array: np.ndarray) -> np.ndarray:
        if (
            leaf in self.program.unpadded
            or layout_of(leaf.shape, leaf.dtype).stride == layout_of(leaf.shape, leaf.dtype).width
        ):
            return np.ascontiguousarray(array, leaf.dtype.value)
        block, view = padded_array(array.shape, leaf.dtype.value, rows=True)
        view[...] = array
        return block

    def bind(self, data: Mapping[Tensor, Rows]) -> None:
        """Other numbers for some of the inputs with rows."""
        for k, leaf in enumerate(self.graph.inputs):
            if leaf in data:
                self._place_rows(k, leaf, data[leaf])

    def shuffle(self, seed: int, epoch: int) -> None:
        """Put the rows into the order of that epoch."""
        shuffling.shuffle(self.order, seed, epoch)

    def shuffler(self, random: np.random.RandomState) -> Callable[[], None]:
        """What shuffles the order of now as `random` would, each time it is called."""
        return shuffling.shuffler(self.order, random)

    def run(
        self, first_step: int, steps: int, scalars: Mapping[Tensor, float | int], total: float
    ) -> float:
        """Run some mini-batches of the current order; returns the total with their losses."""
        # In a short slice most of the time goes into what is done once a call.
        for leaf, value in scalars.items():
            self._scalars[leaf][...] = value
        self._space.point_to_variables()
        if self.threads == 1:
            with CORES.taken():
                return self._epoch(first_step, steps, total)
        with CORES.taken(self._tuner.choose()) as parts:
            started = time.perf_counter()
            if parts == 1:
                found = self._epoch(first_step, steps, total, 0, 1)
            else:
                # One task starts all parts: an interrupt of this thread cannot leave some waiting
                # for parts that were never started.
                found = WORKERS.start(
                    functools.partial(self._run_parts, first_step, steps, total, parts)
                ).result()
        self._tuner.note(parts, (time.perf_counter() - started) / max(steps, 1))
        return found

    def _run_parts(self, first_step: int, steps: int, total: float, parts: int) -> float:
        # Every part has a thread from its start: they wait for each other within.
        others = [
            WORKERS.start(functools.partial(self._epoch, first_step, steps, total, part, parts))
            for part in range(1, parts)
        ]
        total = self._epoch(first_step, steps, total, 0, parts)
        for other in others:
            other.result()
        return total
