"""Sums and maxima: over what they run, and one step of them."""

from __future__ import annotations

from enum import Enum

from quickprop.graph import Op, Tensor
from quickprop.native.ir import FunctionWriter, Value, literal, split_type


class Reach(Enum):
    """Over what a SUM or MAX runs."""

    LINE = "each line"
    LINES = "all lines, column by column"
    ALL = "all numbers"
    OTHER = "something else"


def reach_of(node: Tensor) -> Reach:
    """Over what a SUM or MAX runs."""
    shape = node.inputs[0].shape
    axes = {axis for axis in node.attribute("axes") if shape[axis] != 1}
    last = len(shape) - 1
    width_axis = {last} if shape[last] not in (None, 1) else set()
    outer = {axis for axis, dim in enumerate(shape) if dim != 1} - width_axis
    if axes <= width_axis:
        return Reach.LINE
    if axes == outer | width_axis:
        return Reach.ALL
    return Reach.LINES if axes == outer else Reach.OTHER


def combine(w: FunctionWriter, op: Op, a: Value, b: Value) -> Value:
    """One step of a reduction."""
    if split_type(a.type)[0].startswith("i"):
        if op is Op.SUM:
            return w.add(a, b)
        return w.select(w.compare("icmp sgt", a, b), a, b)
    if op is Op.SUM:
        return w.fadd(a, b)
    # Either zero may come out as the larger one.
    return w.intrinsic("maximum", a, b, flags="nsz ")


def neutral(op: Op, type_: str) -> Value:
    """What changes nothing in a reduction."""
    if op is Op.SUM:
        return literal(0, type_)
    return literal(-(2**31) if split_type(type_)[0] == "i32" else float("-inf"), type_)


def across(w: FunctionWriter, op: Op, value: Value) -> Value:
    """The sum or maximum of the lanes, by halving: the same order on every machine."""
    element, lanes = split_type(value.type)
    while lanes > 2:
        lanes //= 2
        low = w.shuffle(value, value, range(lanes))
        high = w.shuffle(value, value, range(lanes, 2 * lanes))
        value = combine(w, op, low, high)
    if lanes == 1:
        return value
    low, high = (
        w.emit(element, f"extractelement {value.type} {value.text}, i64 {k}") for k in (0, 1)
    )
    return combine(w, op, low, high)
