"""A graph compiled to one native call on arrays."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from concurrent.futures import wait
from typing import Any

import numpy as np

from quickprop.foundation.core_budget import CORES
from quickprop.graph import Graph, Storage, Tensor
from quickprop.native.csr import Rows
from quickprop.native.csr_storage import (
    INDPTR_BYTES,
    given_entries,
    room_for_columns,
)
from quickprop.native.entries import CHUNK
from quickprop.native.gemm import USUAL_ROWS
from quickprop.native.layout import layout_of
from quickprop.native.lowering import has_rows
from quickprop.native.thread_count import WORKERS, multiply_adds, thread_count
from quickprop.native.workspace import INT, POINTER, Workspace, compiled

#: Slots of the table and the addresses that they hold.
_Slots = Sequence[tuple[int, int]]


class NativeFunction:
    """A graph compiled to one native call.

    Several threads may call it at the same time, unless it updates variables.
    """

    def __init__(
        self, graph: Graph, rows_hint: int = USUAL_ROWS, sparse_inputs: tuple[int, ...] = ()
    ) -> None:
        self.graph = graph
        self.program, code = compiled(
            graph, ("call",), rows_hint=rows_hint, sparse_inputs=sparse_inputs
        )
        self._call = code.function("call", None, POINTER, POINTER, INT, INT)
        self._idle: list[Workspace] = []
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
            space = Workspace(self.program)
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
