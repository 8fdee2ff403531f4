"""Memory that native code works on: aligned, padded, zeroed; and the variables that live in it."""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Sequence

import numpy as np

from quickprop.config import DType
from quickprop.errors import CompileError
from quickprop.graph import Storage, Tensor
from quickprop.native.layout import ALIGNMENT, Layout, layout_of

#: Where the storages are that native code works on: after how many moves, and the address.
_PLACES: weakref.WeakKeyDictionary[Storage, tuple[int, int]] = weakref.WeakKeyDictionary()
_NOWHERE = (-1, 0)
_MOVING = threading.Lock()
#: Variables that need no more bytes share memory when they move together.
SMALL = 2**15


def aligned_bytes(size: int) -> np.ndarray:
    """Zeroed bytes that begin at a multiple of the alignment."""
    try:
        raw = np.zeros(size + ALIGNMENT, np.uint8)
    except (MemoryError, ValueError):
        raise CompileError(
            "not enough memory",
            given=f"{size / 2**30:,.1f} GiB of working memory asked for",
            hint="use smaller batches, narrower layers or fewer rows at a time",
        ) from None
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]


def padded_array(shape: tuple[int, ...], dtype: str, rows: bool) -> tuple[np.ndarray, np.ndarray]:
    """A block in the layout of kernels, and the view of it that looks like a plain array.

    `rows` says that the first axis is the rows axis, so that [n] is n lines of one number.
    """
    layout = layout_of((None, *shape[1:]) if rows else shape, DType(dtype))
    numbers = _whole_vectors(layout.size * (shape[0] if rows else 1))
    block = aligned_bytes(numbers * np.dtype(dtype).itemsize).view(dtype)
    return block, _plain_view(block, shape, layout)


def _whole_vectors(numbers: int) -> int:
    return -(-max(numbers, 1) // 16) * 16


def _plain_view(block: np.ndarray, shape: tuple[int, ...], layout: Layout) -> np.ndarray:
    if layout.width == layout.stride:
        return block[: math.prod(shape)].reshape(shape)
    lines = (*shape[:-1], layout.stride)
    return block[: math.prod(lines)].reshape(lines)[..., : layout.width]


def addresses_of(variables: Sequence[Tensor]) -> list[int]:
    """Addresses of the numbers of variables, moved into padded blocks if they are not in some."""
    stores: list[Storage] = [variable.attribute("storage") for variable in variables]
    # Two threads must not move the same variable: one of them would keep a freed address.
    with _MOVING:
        away = [
            variable
            for variable, store in zip(variables, stores, strict=True)
            if _PLACES.get(store, _NOWHERE)[0] != store.moves
        ]
        if away:
            _move(away)
        return [_PLACES[store][1] for store in stores]


def _move(variables: Sequence[Tensor]) -> None:
    """Move variables into padded blocks."""
    layouts = [layout_of(variable.shape, variable.dtype) for variable in variables]
    sizes = [
        _whole_vectors(layout.size) * variable.dtype.itemsize
        for variable, layout in zip(variables, layouts, strict=True)
    ]
    shared = aligned_bytes(sum(size for size in sizes if size <= SMALL))
    start, taken = shared.ctypes.data, 0
    for variable, layout, size in zip(variables, layouts, sizes, strict=True):
        if size <= SMALL:
            own, address = shared[taken : taken + size], start + taken
            taken += size
        else:
            own = aligned_bytes(size)
            address = own.ctypes.data
        block = own.view(variable.dtype.value)
        storage: Storage = variable.attribute("storage")
        shape = tuple(dim or 1 for dim in variable.shape)
        storage.move_to(_plain_view(block, shape, layout), block)
        _PLACES[storage] = (storage.moves, address)
