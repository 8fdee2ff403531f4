"""The order of the rows in an epoch, shuffled natively by Fisher and Yates' exchange.

One permutation is the one that `quickprop.ops.permutation` describes, driven by splitmix64 on a
counter, so that it depends on seed and epoch alone. The other is that of NumPy's `RandomState`,
which draws a place as the low bits of a number of 32, again until it is small enough.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from quickprop.foundation.single_flight import once
from quickprop.native import jit
from quickprop.native.ir import FunctionWriter, Value, int64, literal, module_text

_GAMMA = 0x9E3779B97F4A7C15
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_MASK = (1 << 64) - 1


def _mix(w: FunctionWriter, z: Value) -> Value:
    """The output function of splitmix64 (Steele, Lea and Flood 2014)."""
    for shift, factor in zip((30, 27), _MIX, strict=True):
        z = w.binary("xor", z, w.binary("lshr", z, literal(shift, "i64")))
        z = w.mul(z, literal(factor, "i64"))
    return w.binary("xor", z, w.binary("lshr", z, literal(31, "i64")))


def _exchange(w: FunctionWriter, order: Value, i: Value, j: Value) -> None:
    at_i, at_j = w.offset(order, i, "i32"), w.offset(order, j, "i32")
    a, b = w.load(at_i, "i32"), w.load(at_j, "i32")
    w.store(b, at_i)
    w.store(a, at_j)


def _by_counter() -> FunctionWriter:
    """``shuffle(order, rows, key)``."""
    w = FunctionWriter("shuffle", [("order", "ptr"), ("rows", "i64"), ("key", "i64")])
    order, rows = Value("%order", "ptr"), Value("%rows", "i64")
    with w.loop(int64(0), rows, int64(1)) as i:
        w.store(w.convert("trunc", i, "i32"), w.offset(order, i, "i32"))
    last = w.sub(rows, int64(1))
    with w.loop(int64(0), last, int64(1)) as turn:
        i = w.sub(last, turn)
        after = w.add(i, int64(1))
        z = _mix(w, w.add(Value("%key", "i64"), w.mul(after, literal(_GAMMA, "i64"))))
        high = w.binary("lshr", z, literal(32, "i64"))
        j = w.binary("lshr", w.mul(high, after), literal(32, "i64"))
        _exchange(w, order, i, j)
    return w


def _by_generator() -> FunctionWriter:
    """``shuffle_by(order, rows, state, draw)``: `draw` takes the state and gives 32 bits.

    Without a branch on what is drawn, which no processor could foresee: after a place that is too
    large a row changes places with itself and has its turn again.
    """
    w = FunctionWriter(
        "shuffle_by", [("order", "ptr"), ("rows", "i64"), ("state", "ptr"), ("draw", "ptr")]
    )
    zero, one = int64(0), int64(1)
    head, out = w.label(), w.label()
    i, following = Value(w.fresh(), "i64"), Value(w.fresh(), "i64")
    last = w.sub(Value("%rows", "i64"), one)
    some = w.compare("icmp sgt", last, zero)
    w.effect(f"br i1 {some.text}, label %{head}, label %{out}")
    w.start_block(head)
    w.effect(f"{i.text} = phi i64 [ {last.text}, %entry ], [ {following.text}, %{head} ]")
    drawn = w.convert("zext", w.emit("i32", "call i32 %draw(ptr %state)"), "i64")
    unused = w.call("llvm.ctlz.i64", "i64", i, Value("true", "i1"))
    j = w.binary("and", drawn, w.binary("lshr", literal(-1, "i64"), unused))
    fits = w.compare("icmp ule", j, i)
    _exchange(w, Value("%order", "ptr"), i, w.select(fits, j, i))
    w.effect(f"{following.text} = sub i64 {i.text}, {w.convert('zext', fits, 'i64').text}")
    more = w.compare("icmp sgt", following, zero)
    w.effect(f"br i1 {more.text}, label %{head}, label %{out}")
    w.start_block(out)
    return w


def module() -> str:
    """IR of both."""
    writers = _by_counter(), _by_generator()
    texts = [w.finish() for w in writers]
    declarations = set().union(*(w.declarations for w in writers))
    return module_text(texts, declarations, jit.host_machine().attributes)


@once
def _compiled() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Both functions."""
    _, code = jit.load("shuffle", lambda: (module(), {}), ("shuffle", "shuffle_by"))
    pointer, rows = ctypes.c_void_p, ctypes.c_int64
    by_counter = code.function("shuffle", None, pointer, rows, ctypes.c_uint64)
    by_generator = code.function("shuffle_by", None, pointer, rows, pointer, pointer)
    return by_counter, by_generator


def epoch_key(seed: int, epoch: int) -> int:
    """splitmix64 of seed and epoch."""
    z = ((seed << 32) + epoch + _GAMMA) & _MASK
    for shift, factor in zip((30, 27), _MIX, strict=True):
        z = ((z ^ (z >> shift)) * factor) & _MASK
    return z ^ (z >> 31)


def shuffle(order: np.ndarray, seed: int, epoch: int) -> None:
    """Fill `order` (int32) with the permutation of that seed and epoch."""
    _compiled()[0](order.ctypes.data, len(order), epoch_key(seed, epoch))


def shuffler(order: np.ndarray, random: np.random.RandomState) -> Callable[[], None]:
    """What does as ``random.shuffle(order)`` (int32), in half the time."""
    generator = random._bit_generator
    draw = ctypes.cast(generator.ctypes.next_uint32, ctypes.c_void_p).value
    given = (order.ctypes.data, len(order), generator.ctypes.state_address, draw)
    function = _compiled()[1]

    def shuffle_again() -> None:
        with generator.lock:
            function(*given)

    return shuffle_again
