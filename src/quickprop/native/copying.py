"""Runs of numbers copied, filled and added."""

from __future__ import annotations

from collections.abc import Callable

from quickprop.config import DType
from quickprop.native.elementwise import ELEMENT
from quickprop.native.ir import FunctionWriter, Value, int64, literal, vector_type
from quickprop.native.machine import Machine


def copy_bytes(w: FunctionWriter, target: Value, source: Value, size: Value) -> None:
    """memcpy."""
    w.call("llvm.memcpy.p0.p0.i64", "void", target, source, size, Value("false", "i1"))


def along(
    w: FunctionWriter,
    machine: Machine,
    dtype: DType,
    count: int,
    act: Callable[[Value, str], None],
) -> None:
    """Go along exactly `count` numbers in ever smaller vectors.

    `act` is told the offset and the type of each; whole vectors of a long run are gone through in a
    loop.
    """
    element, lanes = ELEMENT[dtype], machine.lanes(dtype.itemsize)
    done = 0
    if count >= 8 * lanes:
        done = count // lanes * lanes
        with w.loop(int64(0), int64(done), int64(lanes)) as at:
            act(at, vector_type(element, lanes))
    while done < count:
        while lanes > count - done:
            lanes //= 2
        act(int64(done), vector_type(element, lanes))
        done += lanes


def copy_line(
    w: FunctionWriter, machine: Machine, source: Value, target: Value, dtype: DType, count: int
) -> None:
    """Copy exactly `count` numbers."""
    element, align = ELEMENT[dtype], dtype.itemsize

    def copy(at: Value, type_: str) -> None:
        part = w.load(w.offset(source, at, element), type_, align)
        w.store(part, w.offset(target, at, element), align)

    along(w, machine, dtype, count, copy)


def fill_line(
    w: FunctionWriter, machine: Machine, target: Value, dtype: DType, count: int, number: float
) -> None:
    """Write one number `count` times."""

    def fill(at: Value, type_: str) -> None:
        w.store(literal(number, type_), w.offset(target, at, ELEMENT[dtype]), dtype.itemsize)

    along(w, machine, dtype, count, fill)


def add_line(
    w: FunctionWriter, machine: Machine, source: Value, target: Value, dtype: DType, count: int
) -> None:
    """Add `count` numbers to those at the target."""
    element, align = ELEMENT[dtype], dtype.itemsize

    def add(at: Value, type_: str) -> None:
        part = w.load(w.offset(source, at, element), type_, align)
        place = w.offset(target, at, element)
        before = w.load(place, type_, align)
        both = w.fadd(before, part) if dtype.is_float else w.add(before, part)
        w.store(both, place, align)

    along(w, machine, dtype, count, add)
