"""LLVM IR for every elementwise primitive: one row each, and the walk over a fused expression."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from quickprop.config import DType
from quickprop.graph import Op, Tensor
from quickprop.native import random_bits
from quickprop.native.ir import (
    FunctionWriter,
    Value,
    literal,
    split_type,
    vector_literal,
    vector_type,
    with_element,
)
from quickprop.native.vecmath import VECTOR_MATH

ELEMENT: dict[DType, str] = {DType.float32: "float", DType.float64: "double", DType.int32: "i32"}


def is_float(value: Value) -> bool:
    """True for float and double, one lane or many."""
    return not split_type(value.type)[0].startswith("i")


def _by_kind(float_opcode: str, int_opcode: str) -> Callable[..., Value]:
    def emit(w: FunctionWriter, a: Value, b: Value) -> Value:
        return w.binary(float_opcode if is_float(a) else int_opcode, a, b)

    return emit


def _neg(w: FunctionWriter, a: Value) -> Value:
    return w.fneg(a) if is_float(a) else w.sub(literal(0, a.type), a)


def _abs(w: FunctionWriter, a: Value) -> Value:
    if is_float(a):
        return w.intrinsic("fabs", a)
    return w.select(w.compare("icmp slt", a, literal(0, a.type)), _neg(w, a), a)


def _extreme(which: str) -> Callable[..., Value]:
    # A NaN on either side comes through, as in NumPy. One compare and select is enough when the
    # second operand is a literal, which is never NaN here: an unordered compare keeps the first.
    float_test = {"maximum": "fcmp ugt", "minimum": "fcmp ult"}[which]
    int_test = {"maximum": "icmp sgt", "minimum": "icmp slt"}[which]

    def emit(w: FunctionWriter, a: Value, b: Value) -> Value:
        if not is_float(a):
            return w.select(w.compare(int_test, a, b), a, b)
        if not b.text.startswith("%"):
            return w.select(w.compare(float_test, a, b), a, b)
        return w.intrinsic(which, a, b)

    return emit


def compare_less(w: FunctionWriter, a: Value, b: Value) -> Value:
    """i1 lanes of a < b."""
    return w.compare("fcmp olt" if is_float(a) else "icmp slt", a, b)


def compare_equal(w: FunctionWriter, a: Value, b: Value) -> Value:
    """i1 lanes of a == b."""
    return w.compare("fcmp oeq" if is_float(a) else "icmp eq", a, b)


CONDITIONS: dict[Op, Callable[..., Value]] = {Op.LESS: compare_less, Op.EQUAL: compare_equal}

EMIT: dict[Op, Callable[..., Value]] = {
    Op.NEG: _neg,
    Op.ABS: _abs,
    Op.EXP: VECTOR_MATH["exp"],
    Op.LOG: VECTOR_MATH["log"],
    Op.SQRT: VECTOR_MATH["sqrt"],
    Op.TANH: VECTOR_MATH["tanh"],
    Op.SIGMOID: VECTOR_MATH["sigmoid"],
    Op.ERF: VECTOR_MATH["erf"],
    Op.SIN: VECTOR_MATH["sin"],
    Op.COS: VECTOR_MATH["cos"],
    Op.STOP_GRADIENT: lambda w, a: a,
    Op.ADD: _by_kind("fadd", "add"),
    Op.SUB: _by_kind("fsub", "sub"),
    Op.MUL: _by_kind("fmul", "mul"),
    Op.DIV: lambda w, a, b: w.fdiv(a, b),
    Op.POW: VECTOR_MATH["pow"],
    Op.MAXIMUM: _extreme("maximum"),
    Op.MINIMUM: _extreme("minimum"),
}

#: Worth keeping rather than computing again, and too long to be repeated for every register.
HEAVY = frozenset(
    {Op.EXP, Op.LOG, Op.TANH, Op.SIGMOID, Op.ERF, Op.SIN, Op.COS, Op.POW, Op.UNIFORM, Op.SQRT}
    | {Op.DIV}
)


def convert(w: FunctionWriter, value: Value, to: DType) -> Value:
    """A cast between number types; fractions are cut off towards zero."""
    source, target = split_type(value.type)[0], ELEMENT[to]
    if source == target:
        return value
    goal = with_element(value.type, target)
    if source == "i32":
        return w.convert("sitofp", value, goal)
    if target == "i32":
        return w.convert("fptosi", value, goal)
    return w.convert("fpext" if target == "double" else "fptrunc", value, goal)


def constant_number(node: Tensor) -> float | int | None:
    """The number a constant holds when it holds only one, else None."""
    if node.op is not Op.CONSTANT:
        return None
    array = node.attribute("value")
    first = array.flat[0]
    return first.item() if array.size == 1 or (array == first).all() else None


@dataclass
class Column:
    """Which vector of a line is meant: its first column, as a run-time value and as a constant."""

    first: Value
    known: int | None
    key: Any


@dataclass
class Expression:
    """Evaluates fused nodes at one line, vector by vector, each node once.

    Parameters
    ----------
    leaf : callable
        ``leaf(node, column)`` gives the value of a node that has its own memory; `column` is None
        for a node of width 1, which has one value a line.
    is_leaf : callable
        Whether a node has its own memory.
    reduce : callable
        ``reduce(node)`` gives a reduction over the line, one value.
    lanes : int
        Numbers in a vector.
    line, row_count : callable
        Index of the line, for random numbers, and the number of rows.
    is_wide : callable
        Whether a node has a whole vector at a column, or one number for the line.
    rows_in_lanes : int
        Lines evaluated at a time, one in each lane: 1 or `lanes`. A column is a single one then.
    """

    writer: FunctionWriter
    leaf: Callable[[Tensor, Column | None], Value]
    is_leaf: Callable[[Tensor], bool]
    reduce: Callable[[Tensor], Value]
    lanes: int
    line: Callable[[], Value]
    row_count: Callable[[], Value]
    is_wide: Callable[[Tensor], bool]
    rows_in_lanes: int = 1
    memo: dict[tuple[Tensor, Any], Value] = field(default_factory=dict)

    def value(self, node: Tensor, column: Column | None) -> Value:
        """The value of a node at a column; one number when its width is 1."""
        if column is not None and not self.is_wide(node):
            column = None
        key = (node, None if column is None else column.key)
        found = self.memo.get(key)
        if found is None:
            found = self.memo[key] = self._compute(node, column)
        return found

    def type_of(self, node: Tensor, column: Column | None) -> str:
        """The LLVM type of `value(node, column)`."""
        return vector_type(
            ELEMENT[node.dtype], self.rows_in_lanes if column is None else self.lanes
        )

    def _compute(self, node: Tensor, column: Column | None) -> Value:
        w = self.writer
        number = constant_number(node)
        if number is not None:
            return literal(number, self.type_of(node, column))
        if self.is_leaf(node):
            return self.leaf(node, column)
        if node.op is Op.ROW_COUNT:
            rows = convert(w, w.convert("trunc", self.row_count(), "i32"), node.dtype)
            return w.splat(rows, self.rows_in_lanes)
        if node.op in (Op.SUM, Op.MAX):
            return self.reduce(node)
        if node.op is Op.BROADCAST:
            source = node.inputs[0]
            if column is None or self.is_wide(source):
                return self.value(source, column)
            number = constant_number(source)
            if number is not None:
                return literal(number, self.type_of(node, column))
            if (source, "splat") in self.memo:
                return self.memo[(source, "splat")]
            return w.splat(self.value(source, None), self.lanes // self.rows_in_lanes)
        if node.op is Op.RESHAPE:
            # Only a constant or a row count gets here: other reshapes are memory of their own.
            return self.value(node.inputs[0], None)
        if node.op is Op.UNIFORM:
            return self._uniform(node, column)
        if node.op in CONDITIONS:
            yes, no = (literal(x, self.type_of(node, column)) for x in (1, 0))
            return w.select(self.condition(node, column), yes, no)
        if node.op is Op.WHERE:
            test = self.condition(node.inputs[0], column)
            a, b = (self.value(source, column) for source in node.inputs[1:])
            return w.select(test, a, b)
        if node.op is Op.CAST:
            return convert(w, self.value(node.inputs[0], column), node.dtype)
        return EMIT[node.op](w, *(self.value(source, column) for source in node.inputs))

    def prepare(self, nodes: Sequence[Tensor]) -> None:
        """Compute what is one number a line, so that a loop over columns can use it."""
        for node in walk_expression(nodes, self.is_leaf):
            if not self.is_wide(node) and constant_number(node) is None:
                value = self.value(node, None)
                if self.lanes > 1 and (node, "splat") not in self.memo:
                    self.memo[(node, "splat")] = self.writer.splat(value, self.lanes)

    def condition(self, node: Tensor, column: Column | None) -> Value:
        """i1 lanes that say where `node` is not 0."""
        w = self.writer
        if column is not None and not self.is_wide(node):
            column = None
        key = ("condition", node, None if column is None else column.key)
        found = self.memo.get(key)  # type: ignore[arg-type]
        if found is not None:
            return found
        if node.op in CONDITIONS and not self.is_leaf(node):
            found = CONDITIONS[node.op](w, *(self.value(source, column) for source in node.inputs))
        else:
            value = self.value(node, column)
            test = "fcmp une" if is_float(value) else "icmp ne"
            found = w.compare(test, value, literal(0, value.type))
        self.memo[key] = found  # type: ignore[index]
        return found

    def _uniform(self, node: Tensor, column: Column | None) -> Value:
        w = self.writer
        seed, step = (self.value(source, None) for source in node.inputs)
        stream = zlib.crc32(str(node.attribute("stream")).encode())
        width = line_width(node)
        line = w.convert("trunc", self.line(), "i32")
        first = w.mul(line, literal(width, "i32"))
        lanes = 1
        if column is not None:
            lanes = self.lanes
            first = w.add(first, w.convert("trunc", column.first, "i32"))
        index = w.splat(first, lanes)
        if lanes > 1:
            index = w.add(index, vector_literal(range(lanes), "i32"))
        return random_bits.uniform(
            w,
            index,
            w.splat(step, lanes),
            w.splat(seed, lanes),
            literal(stream, vector_type("i32", lanes)),
            vector_type(ELEMENT[node.dtype], lanes),
        )


def walk_expression(roots: Sequence[Tensor], is_leaf: Callable[[Tensor], bool]) -> list[Tensor]:
    """The nodes computed together to give the roots, inputs first, down to and with the leaves."""
    order: list[Tensor] = []
    seen: set[Tensor] = set()

    # A list of our own and not recursion: expressions may be deeper than Python's stack.
    waiting: list[tuple[Tensor, Iterator[Tensor]]] = []

    def enter(node: Tensor) -> None:
        seen.add(node)
        if is_leaf(node):
            order.append(node)
        else:
            waiting.append((node, iter(node.inputs)))

    for root in roots:
        if root not in seen:
            enter(root)
        while waiting:
            node, left = waiting[-1]
            for source in left:
                if source not in seen:
                    enter(source)
                    break
            else:
                order.append(node)
                waiting.pop()
    return order


def line_width(node: Tensor) -> int:
    """Length of the last axis; 1 for scalars and for [rows]."""
    return (node.shape[-1] or 1) if node.shape else 1


def keeps_zero(node: Tensor, is_leaf: Callable[[Tensor], bool]) -> bool:
    """True when zeros in the padding of all leaves give zero in the padding of the node."""

    def known(n: Tensor) -> bool:
        return constant_number(n) is not None or line_width(n) == 1 or is_leaf(n)

    # 'zero', 'finite' or 'any' at a padding lane.
    kinds: dict[Tensor, str] = {}
    for n in walk_expression([node], known):
        kinds[n] = _given(n) if known(n) else _kind(n, [kinds[source] for source in n.inputs])
    return kinds[node] == "zero"


def _given(n: Tensor) -> str:
    """What stands at a padding lane of one number, or of memory."""
    number = constant_number(n)
    if number is not None:
        return "zero" if number == 0 else "finite"
    return "finite" if line_width(n) == 1 else "zero"


def _kind(n: Tensor, kinds: list[str]) -> str:
    """What stands at a padding lane of a node, from what stands there in its sources."""
    if n.op in (Op.BROADCAST, Op.NEG, Op.TANH, Op.SQRT, Op.ERF, Op.SIN, Op.ABS, Op.CAST):
        return kinds[0]
    if n.op is Op.STOP_GRADIENT:
        return kinds[0]
    if n.op is Op.MUL:
        if "zero" in kinds and "any" not in kinds:
            return "zero"
        return "any" if "any" in kinds else "finite"
    if n.op in (Op.ADD, Op.SUB, Op.MAXIMUM, Op.MINIMUM):
        if kinds == ["zero", "zero"]:
            return "zero"
        return "any" if "any" in kinds else "finite"
    if n.op is Op.WHERE:
        if kinds[1:] == ["zero", "zero"]:
            return "zero"
        return "any" if "any" in kinds else "finite"
    if n.op is Op.DIV:
        # Zero over something whose padding is not zero, such as sqrt(v) + epsilon.
        return "zero" if kinds[0] == "zero" and kinds[1] == "finite" else "any"
    if n.op in (Op.LESS, Op.EQUAL, Op.SIGMOID, Op.COS, Op.UNIFORM):
        return "finite"
    if n.op is Op.EXP:
        return "finite" if kinds[0] == "zero" else "any"
    return "any"
