"""How many threads a piece of native work is worth, and the threads themselves."""

from __future__ import annotations

import math

from quickprop.config import thread_limit
from quickprop.foundation.core_budget import core_limit
from quickprop.foundation.worker_threads import WorkerThreads
from quickprop.graph import Graph, Op

#: Multiply-adds of a step for each thread that takes part: a quarter of a millisecond's work on a
#: current core, many times what it costs that the threads wait for each other at every kernel.
WORTH_A_THREAD = 12_500_000
#: Narrower results are not cut into pieces.
NARROWEST = 128


def multiply_adds(graph: Graph, rows: int, narrowest: int = NARROWEST) -> int:
    """Multiply-adds of a call in the products that are at least so wide."""
    total = 0
    for node in graph.nodes():
        if node.op is Op.BATCH_MATMUL:
            a = node.inputs[0].shape
            total += math.prod(rows if dim is None else dim for dim in a) * (node.shape[-1] or 1)
        if node.op is not Op.MATMUL or (node.shape[-1] or 0) < narrowest:
            continue
        a = node.inputs[0].shape
        numbers = math.prod(rows if dim is None else dim for dim in a)
        across = (node.shape[1] or 1) if node.attribute("transpose_a") else (node.shape[-1] or 1)
        total += numbers * across
    return total


def thread_count(work: int, asked: int | None = None) -> int:
    """Threads that so many multiply-adds are worth, within the limits."""
    # Asked even where one thread is enough: a wrong flag must not be noticed by large fits alone.
    limit = thread_limit()
    wanted = work // WORTH_A_THREAD
    return 1 if wanted < 2 or limit == 1 else max(1, min(wanted, core_limit(asked)))


class ThreadTuner:
    """Whether several threads are quicker than one just now.

    The cost model knows the work but not what else the machine does: with the other cores busy,
    threads that wait for each other are slower than one alone. So both are timed, the quicker one
    is used, and the other is tried again now and then. The result has the same bits either way.

    Parameters
    ----------
    threads : int
        The most threads.
    """

    #: Slices between two trials of the slower way: a thirtieth of the time at twice the cost.
    TRY_AGAIN = 30

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.seconds: dict[int, float] = {}
        self.slices = 0
        #: How many threads several were, the last time.
        self.several = threads

    def choose(self) -> int:
        """Threads to ask for in the next slice: all, or one."""
        self.slices += 1
        if len(self.seconds) < 2:
            return 1 if self.several in self.seconds else self.threads
        quicker = min(self.seconds, key=self.seconds.__getitem__)
        if self.slices % self.TRY_AGAIN == 0:
            return self.threads if quicker == 1 else 1
        return 1 if quicker == 1 else self.threads

    def note(self, threads: int, seconds: float) -> None:
        """What a step took with so many threads; the last measurements count most."""
        if threads > 1 and threads != self.several:
            self.seconds.pop(self.several, None)
            self.several = threads
        before = self.seconds.get(threads, seconds)
        self.seconds[threads] = 0.5 * (before + seconds)


#: Threads that take part in slices of work.
WORKERS = WorkerThreads("quickprop", kept=64)
