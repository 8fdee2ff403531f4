"""Compiled code with its working memory and its table of pointers: what every call needs."""

from __future__ import annotations

import ctypes
from typing import Any

from quickprop.foundation.collection import collection_paused
from quickprop.graph import Graph, Storage
from quickprop.native import jit
from quickprop.native.program import Program, write_program
from quickprop.native.variable_storage import addresses_of, aligned_bytes

POINTER, INT = ctypes.c_void_p, ctypes.c_int64


class Workspace:
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


def compiled(
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
