"""A small writer of LLVM IR text: values, instructions, loops, functions.

Text and not objects, because writing a line costs a microsecond and a cold compile has a quarter of
a second in all. Types are plain strings as LLVM spells them (``float``, ``<16 x float>``, ``i64``,
``ptr``). Nothing here loads LLVM.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple


class Value(NamedTuple):
    """One SSA value or literal: how it is written, and its type."""

    text: str
    type: str


def vector_type(element: str, lanes: int) -> str:
    """The type of `lanes` numbers of type `element`; one lane is the scalar itself."""
    return element if lanes == 1 else f"<{lanes} x {element}>"


def split_type(type_: str) -> tuple[str, int]:
    """Element type and number of lanes."""
    if type_.startswith("<"):
        lanes, element = type_[1:-1].split(" x ")
        return element, int(lanes)
    return type_, 1


def with_element(type_: str, element: str) -> str:
    """The type with as many lanes as `type_` and another element."""
    return vector_type(element, split_type(type_)[1])


def literal(number: float | int, type_: str) -> Value:
    """A constant of the type; for a vector type the same number in every lane.

    Floats are written as the bits of a double, which LLVM takes for ``float`` too as long as the
    number is exactly a float, hence the rounding.
    """
    element, lanes = split_type(type_)
    if element == "float":
        try:
            number = struct.unpack("f", struct.pack("f", number))[0]
        except OverflowError:
            number = float("inf") if number > 0 else -float("inf")
    if element in ("float", "double"):
        text = "0x" + struct.pack(">d", number).hex().upper()
    else:
        text = str(int(number))
    if lanes > 1:
        if text in ("0", "0x0000000000000000"):
            text = "zeroinitializer"
        else:
            text = f"splat ({element} {text})"
    return Value(text, type_)


def vector_literal(numbers: Sequence[float | int], element: str) -> Value:
    """A constant vector with the given lanes."""
    lanes = ", ".join(f"{element} {literal(number, element).text}" for number in numbers)
    return Value(f"<{lanes}>", vector_type(element, len(numbers)))


def int64(number: int) -> Value:
    """An index constant."""
    return Value(str(number), "i64")


@dataclass
class Loop:
    """An open loop: its index, the values it carries, and what is needed to close it."""

    index: Value
    carried: list[Value]
    head: str
    exit: str
    phi_at: int
    entry_block: str
    start: Value
    initial: list[Value]
    step: Value


@dataclass
class FunctionWriter:
    """Writes one function, instruction after instruction.

    Arguments of a function are named in `parameters` as (name, type); every pointer argument may be
    given attributes such as ``noalias``.
    """

    name: str
    parameters: Sequence[tuple[str, str]]
    returns: str = "void"
    attributes: str = "#0"
    linkage: str = ""
    lines: list[str] = field(default_factory=list)
    declarations: set[str] = field(default_factory=set)
    block: str = "entry"
    _count: int = 0

    def argument(self, name: str) -> Value:
        """The argument of that name."""
        for known, type_ in self.parameters:
            if known == name:
                return Value(f"%{name}", type_.split()[0] if type_.startswith("ptr") else type_)
        raise KeyError(name)

    def fresh(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def label(self) -> str:
        self._count += 1
        return f"b{self._count}"

    def emit(self, type_: str, text: str) -> Value:
        """Append ``%new = text`` and return the new value."""
        self._count += 1
        name = f"%v{self._count}"
        self.lines.append(f"  {name} = {text}")
        return Value(name, type_)

    def effect(self, text: str) -> None:
        """Append an instruction without a value."""
        self.lines.append(f"  {text}")

    def start_block(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.block = label

    # -- arithmetic ---------------------------------------------------------------------------

    def binary(self, opcode: str, a: Value, b: Value) -> Value:
        """Any two-operand instruction on equal types: fadd, fmul, fdiv, add, xor, lshr, ..."""
        return self.emit(a.type, f"{opcode} {a.type} {a.text}, {b.text}")

    def fadd(self, a: Value, b: Value) -> Value:
        return self.binary("fadd", a, b)

    def fsub(self, a: Value, b: Value) -> Value:
        return self.binary("fsub", a, b)

    def fmul(self, a: Value, b: Value) -> Value:
        return self.binary("fmul", a, b)

    def fdiv(self, a: Value, b: Value) -> Value:
        return self.binary("fdiv", a, b)

    def fneg(self, a: Value) -> Value:
        return self.emit(a.type, f"fneg {a.type} {a.text}")

    def add(self, a: Value, b: Value) -> Value:
        return self.binary("add", a, b)

    def sub(self, a: Value, b: Value) -> Value:
        return self.binary("sub", a, b)

    def mul(self, a: Value, b: Value) -> Value:
        return self.binary("mul", a, b)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """a*b + c in one rounding."""
        return self.intrinsic("fma", a, b, c)

    def intrinsic(
        self, name: str, *args: Value, returns: str | None = None, flags: str = ""
    ) -> Value:
        """Call ``llvm.NAME`` overloaded on the type of the first argument."""
        element, lanes = split_type(args[0].type)
        short = {"float": "f32", "double": "f64"}.get(element, element)
        suffix = f"v{lanes}{short}" if lanes > 1 else short
        return self.call(f"llvm.{name}.{suffix}", returns or args[0].type, *args, flags=flags)

    def call(self, function: str, returns: str, *args: Value, flags: str = "") -> Value:
        """Call a function; it is declared when no definition in the module has its name."""
        types = ", ".join(arg.type for arg in args)
        given = ", ".join(f"{arg.type} {arg.text}" for arg in args)
        self.declarations.add(f"declare {returns} @{function}({types})")
        if returns == "void":
            self.effect(f"call void @{function}({given})")
            return Value("", "void")
        return self.emit(returns, f"call {flags}{returns} @{function}({given})")

    def compare(self, opcode: str, a: Value, b: Value) -> Value:
        """``fcmp``/``icmp`` by its full name, such as ``fcmp olt`` or ``icmp slt``."""
        return self.emit(with_element(a.type, "i1"), f"{opcode} {a.type} {a.text}, {b.text}")

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        return self.emit(
            a.type,
            f"select {condition.type} {condition.text}, {a.type} {a.text}, {b.type} {b.text}",
        )

    def convert(self, opcode: str, a: Value, to: str) -> Value:
        """bitcast, sitofp, uitofp, fptosi, fpext, fptrunc, zext, sext, trunc."""
        return self.emit(to, f"{opcode} {a.type} {a.text} to {to}")

    def splat(self, scalar: Value, lanes: int) -> Value:
        """The scalar in every lane."""
        if lanes == 1:
            return scalar
        type_ = vector_type(scalar.type, lanes)
        one = self.emit(type_, f"insertelement {type_} poison, {scalar.type} {scalar.text}, i64 0")
        zeros = vector_type("i32", lanes)
        return self.emit(
            type_, f"shufflevector {type_} {one.text}, {type_} poison, {zeros} zeroinitializer"
        )

    def shuffle(self, a: Value, b: Value, lanes: Sequence[int]) -> Value:
        """Lanes picked from a (0...) and b (len(a)...)."""
        element, _ = split_type(a.type)
        mask = ", ".join(f"i32 {lane}" for lane in lanes)
        return self.emit(
            vector_type(element, len(lanes)),
            f"shufflevector {a.type} {a.text}, {b.type} {b.text}, <{len(lanes)} x i32> <{mask}>",
        )

    # -- memory -------------------------------------------------------------------------------

    def offset(self, pointer: Value, index: Value, element: str) -> Value:
        """Pointer to the index-th number of type `element` after `pointer`."""
        return self.emit(
            "ptr",
            f"getelementptr inbounds {element}, ptr {pointer.text}, {index.type} {index.text}",
        )

    def load(self, pointer: Value, type_: str, align: int | None = None) -> Value:
        suffix = f", align {align}" if align else ""
        return self.emit(type_, f"load {type_}, ptr {pointer.text}{suffix}")

    def store(self, value: Value, pointer: Value, align: int | None = None) -> None:
        suffix = f", align {align}" if align else ""
        self.effect(f"store {value.type} {value.text}, ptr {pointer.text}{suffix}")

    # -- control ------------------------------------------------------------------------------

    def open_loop(
        self, start: Value, stop: Value, step: Value, carried: Sequence[Value] = ()
    ) -> Loop:
        """Begin ``for index in range(start, stop, step)``; the test stands at the head."""
        head, body, leave = self.label(), self.label(), self.label()
        entry = self.block
        self.effect(f"br label %{head}")
        self.start_block(head)
        index = Value(self.fresh(), start.type)
        phis = [Value(self.fresh(), value.type) for value in carried]
        phi_at = len(self.lines)
        self.lines.extend([""] * (1 + len(phis)))
        inside = self.compare("icmp slt", index, stop)
        self.effect(f"br i1 {inside.text}, label %{body}, label %{leave}")
        self.start_block(body)
        return Loop(index, phis, head, leave, phi_at, entry, start, list(carried), step)

    def close_loop(self, loop: Loop, carried: Sequence[Value] = ()) -> list[Value]:
        """End the loop; `carried` are the values for its next turn. Returns the final values."""
        following = self.add(loop.index, loop.step)
        latch = self.block
        self.effect(f"br label %{loop.head}")
        phis = [loop.index, *loop.carried]
        before = [loop.start, *loop.initial]
        after = [following, *carried]
        for k, (phi, first, later) in enumerate(zip(phis, before, after, strict=True)):
            self.lines[loop.phi_at + k] = (
                f"  {phi.text} = phi {phi.type} "
                f"[ {first.text}, %{loop.entry_block} ], [ {later.text}, %{latch} ]"
            )
        self.start_block(loop.exit)
        return list(loop.carried)

    @contextmanager
    def loop(self, start: Value, stop: Value, step: Value) -> Iterator[Value]:
        """``with writer.loop(a, b, c) as index:`` when nothing is carried round."""
        opened = self.open_loop(start, stop, step)
        yield opened.index
        self.close_loop(opened)

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """``with writer.when(condition):`` runs the block only when the condition holds."""
        then, after = self.label(), self.label()
        self.effect(f"br i1 {condition.text}, label %{then}, label %{after}")
        self.start_block(then)
        yield
        self.effect(f"br label %{after}")
        self.start_block(after)

    def finish(self, value: Value | None = None) -> str:
        """Return from the function and give its whole text."""
        self.effect("ret void" if value is None else f"ret {value.type} {value.text}")
        given = ", ".join(f"{type_} %{name}" for name, type_ in self.parameters)
        head = f"define {self.linkage} {self.returns} @{self.name}({given}) {self.attributes} {{"
        return "\n".join([head, "entry:", *self.lines, "}", ""])


def module_text(functions: Sequence[str], declarations: set[str], attributes: str) -> str:
    """Put functions, the declarations they need and the attribute group #0 together."""
    defined = set()
    for text in functions:
        defined.add(text.split("@", 1)[1].split("(", 1)[0])
    needed = [
        line
        for line in sorted(declarations)
        if line.split("@", 1)[1].split("(", 1)[0] not in defined
    ]
    return "\n".join([*needed, "", *functions, f"attributes #0 = {{ {attributes} }}", ""])
