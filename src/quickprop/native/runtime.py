"""Running compiled graphs: one call on arrays, and slices of an epoch of mini-batches."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Mapping, Sequence

import numpy as np

from quickprop.graph import Graph, Storage, Tensor
from quickprop.native import jit, shuffling
from quickprop.native.layout import layout_of
from quickprop.native.program import USUAL_ROWS, Program, check_loss, has_rows, write_program
from quickprop.native.resident import address_of, aligned_bytes, padded_array

_POINTER, _INT = ctypes.c_void_p, ctypes.c_int64


class _Workspace:
    """Working memory and the pointer table of one call at a time."""

    def __init__(self, program: Program) -> None:
        self.program = program
        # A ctypes array: setting an item of it is quicker than of a NumPy array.
        self.table = (ctypes.c_uint64 * program.slots)()
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
        if self.all_moves == Storage.all_moves:
            return
        variables = self.program.variables
        moves = tuple([variable.attribute("storage").moves for variable in variables])
        if moves != self.moves:
            for k, variable in enumerate(variables):
                self.table[self.program.variable_slot(k)] = address_of(variable)
            self.moves = tuple([variable.attribute("storage").moves for variable in variables])
        self.all_moves = Storage.all_moves


class NativeFunction:
    """A graph compiled to one native call.

    Several threads may call it at the same time, unless it updates variables.
    """

    def __init__(self, graph: Graph, rows_hint: int = USUAL_ROWS) -> None:
        self.graph = graph
        self.program = write_program(graph, jit.host_machine(), rows_hint=rows_hint)
        self._code = jit.load(self.program.text, self.program.entries)
        self._call = self._code.function("call", None, _POINTER, _POINTER, _INT, _INT)
        self._idle: list[_Workspace] = []
        self._updating = threading.Lock()
        self._with_rows = next((k for k, n in enumerate(graph.inputs) if has_rows(n)), None)
        first = self.program.output_slot(0)
        self._outputs = [
            (
                first + k,
                out.shape[1:] if has_rows(out) else out.shape,
                has_rows(out),
                out.dtype.value,
            )
            for k, out in enumerate(graph.outputs)
        ]

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Run on arrays of the right types and shapes; returns new arrays."""
        if self.graph.updates:
            with self._updating:
                return self._run(arrays)
        return self._run(arrays)

    def _run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        # On one row this is most of the time: every line here costs a tenth of a microsecond.
        rows = 1 if self._with_rows is None else len(arrays[self._with_rows])
        try:
            space = self._idle.pop()
        except IndexError:
            space = _Workspace(self.program)
        if rows > space.capacity:
            space.grow(rows)
        space.point_to_variables()
        table = space.table
        held = [
            array if array.flags.c_contiguous else np.ascontiguousarray(array) for array in arrays
        ]
        for k, array in enumerate(held):
            table[k] = array.__array_interface__["data"][0]
        results = []
        for slot, rest, by_rows, kind in self._outputs:
            result = np.empty((rows, *rest) if by_rows else rest, kind)
            table[slot] = result.__array_interface__["data"][0]
            results.append(result)
        self._call(space.table_address, space.arena_address, space.capacity, rows)
        self._idle.append(space)
        return results


class NativeMinibatches:
    """A training step compiled together with the loop over mini-batches."""

    def __init__(
        self,
        graph: Graph,
        data: Mapping[Tensor, np.ndarray],
        batch_size: int,
        threads: int | None = None,
    ) -> None:
        check_loss(graph)
        self.graph = graph
        self.batch_size = batch_size
        self.rows = len(next(iter(data.values())))
        batch_size = min(batch_size, self.rows)
        self.program = write_program(graph, jit.host_machine(), rows_hint=batch_size, epoch=True)
        self._code = jit.load(self.program.text, self.program.entries)
        self._epoch = self._code.function(
            "epoch", ctypes.c_double, _POINTER, _POINTER, _INT, _INT, _INT, _INT, _INT
        )
        self._space = _Workspace(self.program)
        self._space.grow(batch_size)
        self.order = np.arange(self.rows, dtype=np.int32)
        self._held: list[np.ndarray] = [self.order]
        self._scalars: dict[Tensor, np.ndarray] = {}
        for k, leaf in enumerate(graph.inputs):
            if has_rows(leaf):
                block = self._rows_block(leaf, data[leaf])
            else:
                block = np.zeros(tuple(dim or 1 for dim in leaf.shape), leaf.dtype.value)
                self._scalars[leaf] = block
            self._held.append(block)
            self._space.table[k] = block.ctypes.data
        self._space.table[self.program.order_slot] = self.order.ctypes.data

    @property
    def steps_per_epoch(self) -> int:
        """Mini-batches in one pass over the rows; the last may be short."""
        return -(-self.rows // self.batch_size)

    def _rows_block(self, leaf: Tensor, array: np.ndarray) -> np.ndarray:
        if (
            leaf in self.program.dense
            or layout_of(leaf.shape).stride == layout_of(leaf.shape).width
        ):
            return np.ascontiguousarray(array, leaf.dtype.value)
        block, view = padded_array(array.shape, leaf.dtype.value, rows=True)
        view[...] = array
        return block

    def shuffle(self, seed: int, epoch: int) -> None:
        """Put the rows into the order of that epoch."""
        shuffling.shuffle(self.order, seed, epoch)

    def run(self, first_step: int, steps: int, scalars: Mapping[Tensor, float | int]) -> float:
        """Run some mini-batches of the current order; returns the sum of loss times rows."""
        for leaf, value in scalars.items():
            self._scalars[leaf][...] = value
        space = self._space
        space.point_to_variables()
        steps = min(steps, self.steps_per_epoch - first_step)
        return self._epoch(
            space.table_address,
            space.arena_address,
            space.capacity,
            self.rows,
            self.batch_size,
            first_step,
            steps,
        )  # type: ignore[return-value]
