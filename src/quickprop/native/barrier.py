"""Where threads that run one piece of code together wait for each other."""

from __future__ import annotations

from quickprop.native.ir import FunctionWriter, Value, int64
from quickprop.native.layout import ALIGNMENT


def write_barrier() -> tuple[str, set[str]]:
    """``wait_for_all(place, parts)``: returns when it was called by as many threads as `parts`.

    `place` holds how many have come, and how often all have met. Waiting is a loop: meetings are
    microseconds apart. After a while it lets others run, in case there are more threads than cores.
    The loop holds no pause instruction: on a virtual machine a loop of them traps to the host, and
    measured steps of a millisecond became steps of three.
    """
    w = FunctionWriter("wait_for_all", [("place", "ptr"), ("parts", "i64")], linkage="internal")
    place = Value("%place", "ptr")
    meetings = w.offset(place, int64(ALIGNMENT // 8), "i64")
    seen = w.emit("i64", f"load atomic i64, ptr {meetings.text} acquire, align 64")
    come = w.emit("i64", "atomicrmw add ptr %place, i64 1 acq_rel")
    last = w.compare("icmp eq", w.add(come, int64(1)), Value("%parts", "i64"))
    opened, wait, spin, rest, out = (w.label() for _ in range(5))
    w.effect(f"br i1 {last.text}, label %{opened}, label %{wait}")
    w.start_block(opened)
    w.effect("store atomic i64 0, ptr %place monotonic, align 64")
    following = w.add(seen, int64(1))
    w.effect(f"store atomic i64 {following.text}, ptr {meetings.text} release, align 64")
    w.effect(f"br label %{out}")
    w.start_block(wait)
    turns = w.fresh()
    w.effect(f"{turns} = phi i64 [ 0, %entry ], [ {turns}n, %{spin} ], [ 0, %{rest} ]")
    now = w.emit("i64", f"load atomic i64, ptr {meetings.text} acquire, align 64")
    w.effect(f"{turns}n = add i64 {turns}, 1")
    changed = w.compare("icmp ne", now, seen)
    w.effect(f"br i1 {changed.text}, label %{out}, label %{spin}")
    w.start_block(spin)
    tired = w.compare("icmp eq", Value(f"{turns}n", "i64"), int64(20_000))
    w.effect(f"br i1 {tired.text}, label %{rest}, label %{wait}")
    w.start_block(rest)
    w.call("sched_yield", "i32")
    w.effect(f"br label %{wait}")
    w.start_block(out)
    return w.finish(), w.declarations
