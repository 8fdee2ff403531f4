"""How much working memory a graph takes, without compiling it."""

from __future__ import annotations

from quickprop.graph import Graph
from quickprop.native.jit import host_machine
from quickprop.native.program import write_program


def arena_bytes(graph: Graph, rows: int, *, epoch: bool = False) -> int:
    """The bytes of working memory that the planner gives a graph.

    Variables, and the arrays that come in and go out, have memory of their own.

    Parameters
    ----------
    graph : Graph
        Verified and optimised.
    rows : int
        Rows of a call, or of a mini-batch. A call whose rows do not depend on each other works
        through many rows in chunks, so that its memory stops growing.
    epoch : bool
        Whether it runs as the step of a loop over mini-batches; its first output is then the loss.
    """
    program = write_program(graph, host_machine(), rows_hint=rows, epoch=epoch)
    return program.arena_bytes(program.capacity(rows))
