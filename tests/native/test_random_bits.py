"""Threefry: known answers, the definition written out with plain integers, native bits."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
import pytest

from quickprop.native import jit
from quickprop.native.ir import FunctionWriter, Value, int64, module_text, vector_type
from quickprop.native.random_bits import uniform
from quickprop.ops.threefry import threefry, uniform_numpy

#: Counter, key and result of the known-answer vectors published with the Random123 library.
KNOWN = {
    13: [
        ((0, 0), (0, 0), (0x9D1C5EC6, 0x8BD50731)),
        ((2**32 - 1,) * 2, (2**32 - 1,) * 2, (0xFD36D048, 0x2D17272C)),
        ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xBA3E4725, 0xF27D669E)),
    ],
    20: [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((2**32 - 1,) * 2, (2**32 - 1,) * 2, (0x1CB996FC, 0xBB002BE7)),
        ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
    ],
}


@pytest.mark.parametrize("rounds", KNOWN)
def test_known_answers(rounds: int) -> None:
    for counter, key, expected in KNOWN[rounds]:
        words = threefry(*map(np.uint32, (*counter, *key)), rounds=rounds)
        assert tuple(int(word.item()) for word in words) == expected


def by_definition(counter: tuple[int, int], key: tuple[int, int], rounds: int) -> tuple[int, int]:
    """One block, round by round: add, rotate, exclusive or; a key word every four rounds."""
    mask = 2**32 - 1
    schedule = (*key, key[0] ^ key[1] ^ 0x1BD11BDA)
    rotations = (13, 15, 26, 6, 17, 29, 16, 24)
    left, right = (counter[0] + schedule[0]) & mask, (counter[1] + schedule[1]) & mask
    for turn in range(rounds):
        left = (left + right) & mask
        by = rotations[turn % 8]
        right = ((right << by | right >> (32 - by)) & mask) ^ left
        if (turn + 1) % 4 == 0:
            block = (turn + 1) // 4
            left = (left + schedule[block % 3]) & mask
            right = (right + schedule[(block + 1) % 3] + block) & mask
    return left, right


@pytest.mark.parametrize("rounds", [13, 20])
def test_numpy_against_the_definition(rounds: int) -> None:
    blocks = np.random.default_rng(7).integers(0, 2**32, (4, 50), dtype=np.uint32)
    left, right = threefry(*blocks, rounds=rounds)
    for k, (c0, c1, k0, k1) in enumerate(blocks.T.tolist()):
        assert (left[k], right[k]) == by_definition((c0, c1), (k0, k1), rounds)


def native(dtype: type, lanes: int) -> Callable:
    """uniform() over arrays of counters with one key, the length a multiple of `lanes`."""
    element = {np.float32: "float", np.float64: "double"}[dtype]
    pointers = [("c0", "ptr"), ("c1", "ptr"), ("y", "ptr")]
    w = FunctionWriter("run", [*pointers, ("k0", "i32"), ("k1", "i32"), ("n", "i64")])
    with w.loop(int64(0), w.argument("n"), int64(lanes)) as index:

        def load(name: str) -> Value:
            return w.load(w.offset(w.argument(name), index, "i32"), vector_type("i32", lanes), 4)

        keys = [w.splat(w.argument(name), lanes) for name in ("k0", "k1")]
        numbers = uniform(w, load("c0"), load("c1"), *keys, vector_type(element, lanes))
        w.store(numbers, w.offset(w.argument("y"), index, element), np.dtype(dtype).itemsize)
    text = module_text([w.finish()], w.declarations, jit.host_machine().attributes)
    _, code = jit.load(text, lambda: (text, {}), ("run",))
    kinds = [*[ctypes.c_void_p] * 3, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_int64]
    run = code.function("run", None, *kinds)

    def call(c0: np.ndarray, c1: np.ndarray, k0: int, k1: int) -> np.ndarray:
        y = np.empty(c0.size, dtype)
        run(c0.ctypes.data, c1.ctypes.data, y.ctypes.data, k0, k1, c0.size)
        return y

    call.code = code  # type: ignore[attr-defined]  # keeps the machine code loaded
    return call


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("lanes", [1, 4, 8, 16])
def test_native_bits_are_those_of_numpy(dtype: type, lanes: int) -> None:
    rng = np.random.default_rng(lanes)
    c0, c1 = rng.integers(0, 2**32, (2, 4096), dtype=np.uint32)
    k0, k1 = 0xDEADBEEF, 0x80000001
    got = native(dtype, lanes)(c0, c1, k0, k1)
    expected = uniform_numpy(c0, c1, np.uint32(k0), np.uint32(k1))
    np.testing.assert_array_equal(got, expected.astype(dtype))


def test_numbers_are_24_bits_between_zero_and_one() -> None:
    # Counter (0, 0) and key (0, 0) give the word 0x9D1C5EC6; its upper 24 bits are 0x9D1C5E.
    zero = np.uint32(0)
    assert uniform_numpy(zero, zero, zero, zero).item() == 0x9D1C5E * 2.0**-24
    many = uniform_numpy(np.arange(100_000, dtype=np.uint32), zero, np.uint32(5), zero)
    assert many.dtype == np.float32
    assert many.min() >= 0
    assert many.max() < 1
    # The mean of 1e5 numbers has a standard deviation of 0.29/316 = 0.0009.
    assert abs(many.mean() - 0.5) < 0.005
    counts = np.bincount((many * 16).astype(int), minlength=16)
    # 6250 expected in each sixteenth, with a standard deviation of 77.
    assert np.abs(counts - 6250).max() < 400
