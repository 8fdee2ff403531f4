"""A whole graph as one module of LLVM IR, with the plan of its memory. Pure: nothing is loaded.

The module exports ``call``, which runs the graph once on given arrays, or, for a training step,
``epoch``, which runs it over a range of mini-batches. Both are told where things are by a table of
pointers and one block of working memory, the arena: a fixed part, then a part that grows with the
number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from quickprop.errors import GraphError
from quickprop.graph import Graph, Tensor
from quickprop.native.barrier import write_barrier
from quickprop.native.buffer_allocation import place_buffers
from quickprop.native.entries import CHUNK, rows_are_separate, write_call, write_epoch
from quickprop.native.gemm import USUAL_ROWS
from quickprop.native.ir import module_text
from quickprop.native.layout import ROW_QUANTUM
from quickprop.native.lowering import Lowered, Settings, lower
from quickprop.native.machine import Machine
from quickprop.native.pointer_table import PointerTable
from quickprop.native.step_calls import BARRIER_AT, BARRIER_BYTES, StepCalls


@dataclass(frozen=True)
class Program:
    """The text of the module and what the caller must provide.

    Parameters
    ----------
    text : str
        LLVM IR.
    graph : Graph
    fixed_bytes, row_bytes : int
        Size of the arena: the fixed part, and what each row of capacity adds.
    unpadded : frozenset of Tensor
        Inputs that are read as NumPy has them; the rows of the others are padded in the data given
        to ``epoch``.
    chunked : bool
        True when ``call`` works through the rows in chunks, so that the capacity may stay small.
    sparse_inputs : tuple of int
        Positions of the inputs that come as compressed sparse rows.
    sorts : bool
        True when their entries are needed by column too.
    """

    text: str
    graph: Graph
    fixed_bytes: int
    row_bytes: int
    unpadded: frozenset[Tensor]
    chunked: bool
    sparse_inputs: tuple[int, ...] = ()
    sorts: bool = False

    def plan(self) -> dict[str, Any]:
        """All but the text and the graph, as JSON can hold it."""
        return {
            "fixed_bytes": self.fixed_bytes,
            "row_bytes": self.row_bytes,
            "unpadded": [k for k, leaf in enumerate(self.graph.inputs) if leaf in self.unpadded],
            "chunked": self.chunked,
            "sparse_inputs": list(self.sparse_inputs),
            "sorts": self.sorts,
        }

    @classmethod
    def of_plan(cls, graph: Graph, plan: dict[str, Any]) -> Program:
        """The program of a graph whose code is compiled already, without its text."""
        return cls(
            "",
            graph,
            plan["fixed_bytes"],
            plan["row_bytes"],
            frozenset(graph.inputs[k] for k in plan["unpadded"]),
            plan["chunked"],
            tuple(plan["sparse_inputs"]),
            plan["sorts"],
        )

    @property
    def table(self) -> PointerTable:
        """The slots that the caller must fill."""
        return PointerTable.of(self.graph, self.sparse_inputs)

    @property
    def variables(self) -> tuple[Tensor, ...]:
        """Variables in the order of their slots."""
        return self.graph.variables

    def capacity(self, rows: int) -> int:
        """Rows of capacity that a call with so many rows needs."""
        if self.chunked:
            rows = min(rows, CHUNK)
        return -(-rows // ROW_QUANTUM) * ROW_QUANTUM

    def arena_bytes(self, capacity: int) -> int:
        """Bytes of working memory for that capacity."""
        return self.fixed_bytes + capacity * self.row_bytes


def write_program(
    graph: Graph,
    machine: Machine,
    *,
    rows_hint: int = USUAL_ROWS,
    epoch: bool = False,
    threaded: bool = False,
    sparse_inputs: tuple[int, ...] = (),
) -> Program:
    """Lower a graph to a module.

    Parameters
    ----------
    graph : Graph
        Verified and optimised.
    machine : Machine
    rows_hint : int
        The number of rows most calls will have; tiles are chosen for it. Any number works.
    epoch : bool
        Write ``epoch`` instead of ``call``.
    threaded : bool
        Write ``epoch`` so that several threads run it together, each with its part of every large
        kernel. Which thread computes a number does not change how it is computed.
    sparse_inputs : tuple of int
        Positions of the inputs that come as compressed sparse rows.
    """
    lowered = lower(graph, Settings(machine, rows_hint, epoch, threaded, sparse_inputs))
    fixed_bytes, row_bytes = plan_memory(lowered)
    calls = StepCalls(lowered, BARRIER_AT)
    entry = write_epoch(lowered, calls) if epoch else write_call(lowered, calls)
    functions = [*calls.write_bodies(), entry]
    if threaded:
        barrier, needed = write_barrier()
        functions.append(barrier)
        calls.declarations |= needed
    functions = [*calls.functions.values(), *functions]
    text = "\n".join(lowered.buffers.constants) + "\n\n"
    text += module_text(functions, calls.declarations, machine.attributes)
    chunked = not epoch and rows_are_separate(graph)
    return Program(
        text,
        graph,
        fixed_bytes,
        row_bytes,
        lowered.unpadded,
        chunked,
        sparse_inputs,
        lowered.sorts,
    )


def plan_memory(lowered: Lowered) -> tuple[int, int]:
    """Give every buffer its place; returns the bytes of the fixed part and of a row."""
    inputs = (leaf for leaf in lowered.graph.inputs if leaf not in lowered.csr)
    return place_buffers(
        lowered.steps, (lowered.buffers.of(leaf) for leaf in inputs), BARRIER_BYTES
    )


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
