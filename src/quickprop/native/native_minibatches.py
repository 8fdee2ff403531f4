"""A training step compiled together with the loop over mini-batches."""

from __future__ import annotations

import ctypes
import functools
import time
from collections.abc import Callable, Mapping

import numpy as np

from quickprop.foundation.core_budget import CORES
from quickprop.graph import Graph, Tensor
from quickprop.native import jit, shuffling
from quickprop.native.csr import CsrMatrix, HybridMatrix, Rows, as_dense, column_shares
from quickprop.native.csr_choice import dense_columns, only_factors, sums_stride
from quickprop.native.csr_storage import (
    given_entries,
    parts_of_hybrid,
)
from quickprop.native.layout import layout_of
from quickprop.native.lowering import has_rows
from quickprop.native.pointer_table import CsrPart
from quickprop.native.program import check_loss
from quickprop.native.thread_count import WORKERS, ThreadTuner, multiply_adds, thread_count
from quickprop.native.variable_storage import padded_array
from quickprop.native.workspace import INT, POINTER, Workspace, compiled

#: Sparse rows that need no more bytes than this when whole are made whole if that is quicker.
DENSE_BYTES = 2**28


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
        self.program, code = compiled(
            graph,
            ("epoch",),
            rows_hint=batch_size,
            epoch=True,
            threaded=self.threads > 1,
            sparse_inputs=self.sparse_inputs,
        )
        self._tuner = ThreadTuner(self.threads)
        self._space = Workspace(self.program)
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
        kinds = [POINTER, POINTER, *[INT] * 5, ctypes.c_double]
        kinds += [INT, INT] if self.threads > 1 else []
        space = self._space
        # Converted once: at each call it would take as long as a small step.
        always = (
            POINTER(space.table_address),
            POINTER(space.arena_address),
            INT(space.capacity),
            INT(self.rows),
            INT(self.batch_size),
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
