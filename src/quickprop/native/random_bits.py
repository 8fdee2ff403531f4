"""Counter-based random numbers in native code, bit for bit those of `quickprop.ops.threefry`."""

from __future__ import annotations

from quickprop.native.ir import FunctionWriter, Value, literal, split_type
from quickprop.ops.threefry import PARITY, ROTATIONS, ROUNDS


def uniform(
    w: FunctionWriter,
    counter0: Value,
    counter1: Value,
    key0: Value,
    key1: Value,
    float_type: str,
) -> Value:
    """Numbers in [0, 1) of 24 bits; counters and keys are i32, scalars or vectors alike."""
    type_ = counter0.type
    parity = literal(PARITY, type_)
    keys = (key0, key1, w.binary("xor", w.binary("xor", key0, key1), parity))
    x0, x1 = w.add(counter0, key0), w.add(counter1, key1)
    for r in range(ROUNDS):
        x0 = w.add(x0, x1)
        x1 = w.intrinsic("fshl", x1, x1, literal(ROTATIONS[r % 8], type_))
        x1 = w.binary("xor", x1, x0)
        if r % 4 == 3:
            n = r // 4 + 1
            x0 = w.add(x0, keys[n % 3])
            x1 = w.add(w.add(x1, keys[(n + 1) % 3]), literal(n, type_))
    bits = w.binary("lshr", x0, literal(8, type_))
    # 24 bits fit a signed conversion, which vector units have.
    number = w.convert("sitofp", bits, float_type)
    scale = literal(2.0**-24, float_type)
    assert split_type(float_type)[1] == split_type(type_)[1]
    return w.fmul(number, scale)
