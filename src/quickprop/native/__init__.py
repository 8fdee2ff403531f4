"""Graphs to machine code, through LLVM."""

from quickprop.native.arena import arena_bytes
from quickprop.native.runtime import NativeFunction, NativeMinibatches
from quickprop.native.sparse_rows import Rows, SparseRows, as_whole

__all__ = ["NativeFunction", "NativeMinibatches", "Rows", "SparseRows", "arena_bytes", "as_whole"]
