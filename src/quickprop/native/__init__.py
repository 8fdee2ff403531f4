"""Graphs to machine code, through LLVM."""

from quickprop.foundation.deadline import NotInTimeError
from quickprop.native.background_compile import compiling_within
from quickprop.native.csr import CsrMatrix, Rows, as_dense
from quickprop.native.memory_estimate import arena_bytes
from quickprop.native.native_function import NativeFunction
from quickprop.native.native_minibatches import NativeMinibatches

__all__ = [
    "CsrMatrix",
    "NativeFunction",
    "NativeMinibatches",
    "NotInTimeError",
    "Rows",
    "arena_bytes",
    "as_dense",
    "compiling_within",
]
