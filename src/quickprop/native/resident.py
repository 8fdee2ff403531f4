"""Memory that native code works on: aligned, padded, zeroed; and the variables that live in it."""

from __future__ import annotations

import threading
import weakref

import numpy as np

from quickprop.config import DType
from quickprop.errors import CompileError
from quickprop.graph import Storage, Tensor
from quickprop.native.layout import ALIGNMENT, layout_of

_BLOCKS: weakref.WeakKeyDictionary[Storage, tuple[int, np.ndarray]] = weakref.WeakKeyDictionary()

_MOVING = threading.Lock()


def aligned_bytes(size: int) -> np.ndarray:
    """Zeroed bytes that begin at a multiple of the alignment."""
    try:
        raw = np.zeros(size + ALIGNMENT, np.uint8)
    except (MemoryError, ValueError):
        raise CompileError(
            "not enough memory",
            given=f"{size / 2**30:,.1f} GiB of working memory asked for",
            mend="use smaller batches, narrower layers or fewer rows at a time",
        ) from None
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]


def padded_array(shape: tuple[int, ...], dtype: str, rows: bool) -> tuple[np.ndarray, np.ndarray]:
    """A block in the layout of kernels, and the view of it that looks like a plain array.

    `rows` says that the first axis is the rows axis, so that [n] is n lines of one number.
    """
    layout = layout_of((None, *shape[1:]) if rows else shape, DType(dtype))
    lines = layout.lines_per_row * (shape[0] if rows else 1)
    numbers = -(-max(lines * layout.stride, 1) // 16) * 16
    block = aligned_bytes(numbers * np.dtype(dtype).itemsize).view(dtype)
    table = block[: lines * layout.stride].reshape(lines, layout.stride)
    if layout.width == layout.stride:
        return block, block[: lines * layout.stride].reshape(shape)
    strides = [block.itemsize]
    step = layout.stride * block.itemsize
    for dim in reversed(shape[:-1]):
        strides.append(step)
        step *= dim
    view = np.lib.stride_tricks.as_strided(table, shape, tuple(reversed(strides)))
    return block, view


def address_of(variable: Tensor) -> int:
    """Address of a variable's numbers, moved into a padded block first if they are not in one."""
    storage: Storage = variable.attribute("storage")
    # Two threads must not move the same variable: one of them would keep a freed address.
    with _MOVING:
        known = _BLOCKS.get(storage)
        if known is None or known[0] != storage.moves:
            shape = tuple(dim or 1 for dim in variable.shape)
            block, view = padded_array(shape, variable.dtype.value, rows=False)
            storage.move_to(view, block)
            known = _BLOCKS[storage] = (storage.moves, block)
        return known[1].ctypes.data
