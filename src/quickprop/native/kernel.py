"""Kernels and steps: what is computed by one function, and what that function reads and writes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from quickprop.graph import Tensor
from quickprop.native.buffers import Buffer
from quickprop.native.ir import FunctionWriter, Value, int64
from quickprop.native.machine import Machine

#: What a kernel names memory by: a tensor of the graph, or a buffer that holds none.
Memory = Tensor | Buffer
PART, PARTS = "part", "parts"


@dataclass(frozen=True)
class Count:
    """A number that is known when the function is called: `size`, or `size` for each row."""

    size: int
    by_rows: bool


@dataclass
class KernelWriter:
    """A function being written for a kernel: its arguments appear as they are asked for.

    The first are pointers to buffers. Then come `rows`, the number of rows of this call, the counts
    that were asked for, and for a `shared` kernel `part` and `parts`: which share of the work is
    meant. All of these are i64.
    """

    machine: Machine
    buffer_of: Callable[[Tensor], Buffer]
    shared: bool = False
    arguments: dict[Buffer, int] = field(default_factory=dict)
    counts: dict[str, Count] = field(default_factory=dict)
    writer: FunctionWriter = field(default_factory=lambda: FunctionWriter("KERNEL", []))
    places: Mapping[Memory, Value] = field(default_factory=dict)

    def inside(self, places: Mapping[Memory, Value]) -> KernelWriter:
        """A writer of the same function for a piece of its work that lies at these places."""
        return KernelWriter(self.machine, self.buffer_of, writer=self.writer, places=places)

    def pointer(self, memory: Memory) -> Value:
        """The argument that points to a buffer, or to that of a tensor."""
        if memory in self.places:
            return self.places[memory]
        buffer = memory if isinstance(memory, Buffer) else self.buffer_of(memory)
        return Value(f"%p{self.arguments.setdefault(buffer, len(self.arguments))}", "ptr")

    def rows(self) -> Value:
        """The number of rows."""
        return Value("%rows", "i64")

    def count(self, name: str, count: Count) -> Value:
        """A number that is an argument, so that kernels that differ in it alone are one."""
        self.counts[name] = count
        return Value(f"%{name}", "i64")

    def share(self, count: Value) -> tuple[Value, Value]:
        """Which of `count` pieces of work are ours: from, and up to."""
        if not self.shared:
            return int64(0), count
        w = self.writer
        part, parts = Value(f"%{PART}", "i64"), Value(f"%{PARTS}", "i64")
        start = w.binary("udiv", w.mul(count, part), parts)
        return start, w.binary("udiv", w.mul(count, w.add(part, int64(1))), parts)

    @contextmanager
    def first_part_only(self) -> Iterator[None]:
        """What cannot be shared is done by the first part."""
        if not self.shared:
            yield
            return
        with self.writer.when(self.writer.compare("icmp eq", Value(f"%{PART}", "i64"), int64(0))):
            yield

    def finish(self) -> str:
        """The text of the function."""
        names = ["rows", *self.counts, *((PART, PARTS) if self.shared else ())]
        pointers = [(f"p{k}", "ptr") for k in range(len(self.arguments))]
        self.writer.parameters = [*pointers, *((name, "i64") for name in names)]
        self.writer.linkage = "internal"
        return self.writer.finish()


class Kernel(ABC):
    """A piece of native work. What it reads is what it asks pointers to and does not write."""

    @property
    @abstractmethod
    def results(self) -> tuple[Memory, ...]:
        """The memory that it writes."""

    @property
    @abstractmethod
    def can_be_shared(self) -> bool:
        """Whether threads can share it, each its part, without a bit that depends on them."""

    @abstractmethod
    def write(self, writer: KernelWriter) -> None:
        """Write its function."""


@dataclass(frozen=True)
class Step:
    """A kernel's function and the buffers that it is called with.

    Parameters
    ----------
    kernel : Kernel
    text : str
        Of the function.
    declarations : frozenset of str
        What the function calls.
    arguments : tuple of Buffer
    counts : tuple of Count
    reads, writes : tuple of Buffer
    shared : bool
        Threads call it together, each for its part.
    updates : bool
        An optimizer's: it writes variables, each its own.
    reads_elsewhere : frozenset of Buffer
        What it reads at other places than it is writing at, so that it must not write over it.
    """

    kernel: Kernel
    text: str
    declarations: frozenset[str]
    arguments: tuple[Buffer, ...]
    counts: tuple[Count, ...]
    reads: tuple[Buffer, ...]
    writes: tuple[Buffer, ...]
    shared: bool
    updates: bool
    reads_elsewhere: frozenset[Buffer]


def make_step(
    kernel: Kernel,
    machine: Machine,
    buffer_of: Callable[[Tensor], Buffer],
    *,
    threaded: bool = False,
    updates: bool = False,
    reads_elsewhere: frozenset[Buffer] = frozenset(),
) -> Step:
    """Write a kernel's function."""
    writer = KernelWriter(machine, buffer_of, shared=threaded and kernel.can_be_shared)
    kernel.write(writer)
    writes = tuple(
        memory if isinstance(memory, Buffer) else buffer_of(memory) for memory in kernel.results
    )
    written = set(writes)
    return Step(
        kernel,
        writer.finish(),
        frozenset(writer.writer.declarations),
        tuple(writer.arguments),
        tuple(writer.counts.values()),
        tuple(buffer for buffer in writer.arguments if buffer not in written),
        writes,
        writer.shared,
        updates,
        reads_elsewhere,
    )
