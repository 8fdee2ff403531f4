"""The order of the rows in an epoch, shuffled natively.

The permutation is the one that `quickprop.ops.shuffle` describes: Fisher and Yates' exchange,
driven by splitmix64 on a counter, so that it depends on seed and epoch alone.
"""

from __future__ import annotations

import ctypes
import functools

import numpy as np

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


def module() -> str:
    """IR of ``shuffle(order, rows, key)``."""
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
        at_i, at_j = w.offset(order, i, "i32"), w.offset(order, j, "i32")
        a, b = w.load(at_i, "i32"), w.load(at_j, "i32")
        w.store(b, at_i)
        w.store(a, at_j)
    return module_text([w.finish()], w.declarations, jit.host_machine().attributes)


@functools.cache
def _compiled():
    _, code = jit.load("shuffle", lambda: (module(), {}), ("shuffle",))
    function = code.function("shuffle", None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint64)
    return function, code


def epoch_key(seed: int, epoch: int) -> int:
    """splitmix64 of seed and epoch."""
    z = ((seed << 32) + epoch + _GAMMA) & _MASK
    for shift, factor in zip((30, 27), _MIX, strict=True):
        z = ((z ^ (z >> shift)) * factor) & _MASK
    return z ^ (z >> 31)


def shuffle(order: np.ndarray, seed: int, epoch: int) -> None:
    """Fill `order` (int32) with the permutation of that seed and epoch."""
    function, _ = _compiled()
    function(order.ctypes.data, len(order), epoch_key(seed, epoch))
