"""Graphs to machine code, through LLVM."""

from quickprop.native.arena import arena_bytes
from quickprop.native.runtime import NativeFunction, NativeMinibatches
from quickprop.native.sparse_rows import SparseRows

__all__ = ["NativeFunction", "NativeMinibatches", "SparseRows", "arena_bytes"]
