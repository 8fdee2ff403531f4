"""Graphs to machine code, through LLVM."""

from quickprop.native.arena import arena_bytes
from quickprop.native.in_time import NotInTimeError, compiling_within
from quickprop.native.runtime import NativeFunction, NativeMinibatches
from quickprop.native.sparse_rows import Rows, SparseRows, as_whole

__all__ = [
    "NativeFunction",
    "NativeMinibatches",
    "NotInTimeError",
    "Rows",
    "SparseRows",
    "arena_bytes",
    "as_whole",
    "compiling_within",
]
