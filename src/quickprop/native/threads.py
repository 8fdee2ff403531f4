"""How many threads a piece of native work is worth, and the threads themselves."""

from __future__ import annotations

import functools
import math
import os
from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import threadpool_info

from quickprop import config
from quickprop.graph import Graph, Op

#: Multiply-adds of a step for each thread that takes part: a quarter of a millisecond's work on a
#: current core, many times what it costs that the threads wait for each other at every kernel.
WORTH_A_THREAD = 12_500_000
#: Narrower results are not cut into pieces.
NARROWEST = 128


def limit(asked: int | None = None) -> int:
    """The most threads allowed by the caller, the environment, and threadpoolctl's limits."""
    most = config.thread_limit()
    if asked is not None:
        most = min(most, asked)
    if most > 1:
        # Whoever limits the threads of BLAS or OpenMP, as joblib and `threadpool_limits` do, means
        # numerical work in general.
        pools = [pool["num_threads"] for pool in threadpool_info()]
        most = min([most, *pools])
    return most


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


def worth(work: int, asked: int | None = None) -> int:
    """Threads for so many multiply-adds, within the limits."""
    wanted = work // WORTH_A_THREAD
    return 1 if wanted < 2 else max(1, min(wanted, limit(asked)))


class Pace:
    """Whether several threads are quicker than one just now.

    The cost model knows the work but not what else the machine does: with the other cores busy,
    threads that wait for each other are slower than one alone. So both are timed, the quicker one
    is used, and the other is tried again now and then. The result has the same bits either way.
    """

    #: Slices between two trials of the slower way: a thirtieth of the time at twice the cost.
    TRY_AGAIN = 30

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.seconds: dict[int, float] = {}
        self.slices = 0

    def choose(self) -> int:
        """Threads for the next slice: all, or one."""
        self.slices += 1
        if len(self.seconds) < 2:
            return 1 if self.threads in self.seconds else self.threads
        quicker = min(self.seconds, key=self.seconds.__getitem__)
        if self.slices % self.TRY_AGAIN == 0:
            return self.threads if quicker == 1 else 1
        return quicker

    def note(self, threads: int, seconds: float) -> None:
        """What a step took; the last measurements count most."""
        before = self.seconds.get(threads, seconds)
        self.seconds[threads] = 0.5 * (before + seconds)


@functools.cache
def _pool_of(process: int, size: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(size, thread_name_prefix="quickprop")


def pool(size: int) -> ThreadPoolExecutor:
    """Threads that are kept; a forked process gets its own."""
    return _pool_of(os.getpid(), size)
