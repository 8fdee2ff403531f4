"""Graphs to machine code, through LLVM."""

from quickprop.native.arena import arena_bytes
from quickprop.native.runtime import NativeFunction, NativeMinibatches

__all__ = ["NativeFunction", "NativeMinibatches", "arena_bytes"]
