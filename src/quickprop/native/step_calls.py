"""Calls of the steps' functions, one after the other; threads wait where they need each other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from quickprop.graph import Tensor
from quickprop.native.buffers import ARENA, Location, TableSlot
from quickprop.native.flat import FlatKernel
from quickprop.native.ir import FunctionWriter, Value, int64
from quickprop.native.kernel import PART, PARTS, Step
from quickprop.native.layout import ALIGNMENT
from quickprop.native.lowering import Lowered

#: Room for two counters on cache lines of their own.
BARRIER_BYTES = 2 * ALIGNMENT
#: Where it is in the arena: before all buffers, none of which reaches back.
BARRIER_AT = 0
#: Steps that one function calls at most.
MOST_STEPS = 128


class StepCalls:
    """The functions of a module's steps, and what calls them.

    Parameters
    ----------
    lowered : Lowered
    barrier_at : int
        Where in the arena threads count themselves.
    """

    def __init__(self, lowered: Lowered, barrier_at: int) -> None:
        self.lowered, self.threaded = lowered, lowered.settings.threaded
        self.barrier_at = barrier_at
        self.functions: dict[str, str] = {}
        self.declarations: set[str] = set()

    @property
    def part_names(self) -> tuple[str, ...]:
        """Arguments that say which thread's part is meant."""
        return (PART, PARTS) if self.threaded else ()

    def write_bodies(self) -> list[str]:
        """The function that runs all steps on some rows; it calls others when they are many."""
        texts = []
        w = self._begin("body")
        since = _SinceMeeting()
        for count, step in enumerate(self.lowered.steps):
            if count and count % MOST_STEPS == 0:
                # LLVM's time grows faster than a function's length: the rest is another one.
                name = f"body{count // MOST_STEPS}"
                self._call(w, name, Value("%rows", "i64"), self._own_arguments())
                texts.append(w.finish())
                w = self._begin(name)
            self._run_in_turn(w, step, since)
        self.wait_for_all(w)
        return [*texts, w.finish()]

    def _begin(self, name: str) -> FunctionWriter:
        return FunctionWriter(
            name,
            [
                ("table", "ptr"),
                ("arena", "ptr"),
                ("capacity", "i64"),
                ("rows", "i64"),
                *((f"in{k}", "ptr") for k, _ in self.arguments()),
                *((name, "i64") for name in self.part_names),
            ],
            linkage="internal",
        )

    def _own_arguments(self) -> dict[int, Value]:
        return {k: Value(f"%in{k}", "ptr") for k, _ in self.arguments()}

    def arguments(self) -> list[tuple[int, Tensor]]:
        """The inputs whose rows the body is told the beginning of."""
        inputs = enumerate(self.lowered.graph.inputs)
        return [(k, leaf) for k, leaf in inputs if self.lowered.is_argument(leaf)]

    def call_body(self, w: FunctionWriter, rows: Value, moved: dict[int, Value]) -> None:
        """Run all steps; `moved` are the beginnings of the inputs that are told."""
        self._call(w, "body", rows, moved)

    def _call(self, w: FunctionWriter, name: str, rows: Value, moved: dict[int, Value]) -> None:
        given = ["ptr %table", "ptr %arena", "i64 %capacity", f"i64 {rows.text}"]
        given += [f"ptr {moved[k].text}" for k, _ in self.arguments()]
        given += [f"i64 %{part}" for part in self.part_names]
        w.effect(f"call void @{name}({', '.join(given)})")

    def run(self, w: FunctionWriter, step: Step, rows: Value) -> None:
        """Call the function of a step."""
        arguments = [buffer.pointer(w) for buffer in step.arguments]
        counts = [
            w.mul(rows, int64(count.size)) if count.by_rows else int64(count.size)
            for count in step.counts
        ]
        if step.shared:
            counts += [Value(f"%{PART}", "i64"), Value(f"%{PARTS}", "i64")]
        given = ", ".join(f"{value.type} {value.text}" for value in [*arguments, rows, *counts])
        w.effect(f"call void @{self._function(step)}({given})")

    def _function(self, step: Step) -> str:
        """Name of the function of a step; functions with equal texts are one."""
        self.declarations |= step.declarations
        name = "k" + hashlib.sha256(step.text.encode()).hexdigest()[:16]
        if name not in self.functions:
            self.functions[name] = step.text.replace("@KERNEL(", f"@{name}(", 1)
        return name

    # -- threads --------------------------------------------------------------------------------

    @contextmanager
    def first_part_only(self, w: FunctionWriter) -> Iterator[None]:
        """What one thread must do alone."""
        if not self.threaded:
            yield
            return
        with w.when(w.compare("icmp eq", Value(f"%{PART}", "i64"), int64(0))):
            yield

    def wait_for_all(self, w: FunctionWriter) -> None:
        """No thread goes on before all have come here."""
        if self.threaded:
            place = w.offset(ARENA, int64(self.barrier_at), "i8")
            w.effect(f"call void @wait_for_all(ptr {place.text}, i64 %{PARTS})")

    def _run_in_turn(self, w: FunctionWriter, step: Step, since: _SinceMeeting) -> None:
        """Run a step when all threads are ready for it."""
        rows = Value("%rows", "i64")
        if since.must_meet_before(step) and self.threaded:
            self.wait_for_all(w)
            since.meet()
        if step.shared or not self.threaded:
            self.run(w, step, rows)
        else:
            with self.first_part_only(w):
                self.run(w, step, rows)
        since.note(step)


class _SinceMeeting:
    """What threads have read and written since all of them have met."""

    def __init__(self) -> None:
        self.read: set[Location | None] = set()
        self.written: set[Location | None] = set()
        self.before: Step | None = None

    def meet(self) -> None:
        """All have met."""
        self.read.clear()
        self.written.clear()
        self.before = None

    def note(self, step: Step) -> None:
        """A step is run."""
        self.read.update(buffer.location for buffer in step.reads)
        self.written.update(buffer.location for buffer in step.writes)
        self.before = step

    def must_meet_before(self, step: Step) -> bool:
        """Whether some thread may not be ready for a step."""
        before = self.before
        if before is None or not (before.shared or step.shared):
            return False
        # Steps of an optimizer may follow each other freely when they write variables only, each
        # its own.
        return not (_is_optimizer(before) and _is_optimizer(step) and self._is_apart(step))

    def _is_apart(self, step: Step) -> bool:
        writes = {buffer.location for buffer in step.writes}
        reads = {buffer.location for buffer in step.reads}
        return not (reads & self.written or writes & self.read or writes & self.written)


def _is_optimizer(step: Step) -> bool:
    in_variables = all(isinstance(buffer.location, TableSlot) for buffer in step.writes)
    return step.updates and isinstance(step.kernel, FlatKernel) and in_variables
