"""Graphs to machine code, through LLVM."""

from quickprop.native.runtime import NativeFunction, NativeMinibatches

__all__ = ["NativeFunction", "NativeMinibatches"]
