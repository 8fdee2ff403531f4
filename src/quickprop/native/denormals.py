"""Denormal numbers are taken as zero in native code, and the caller's setting is put back."""

from __future__ import annotations

from collections.abc import Callable

from quickprop.native.ir import FunctionWriter, literal
from quickprop.native.machine import Machine


def flush_denormals(w: FunctionWriter, machine: Machine) -> Callable[[], None]:
    """Switch to flushing denormals to zero; returns what writes the code that switches back.

    Denormal numbers cost a hundred times more on common processors, and no training needs them.
    """
    if machine.is_x86:
        saved = w.emit("ptr", "alloca i32")
        changed = w.emit("ptr", "alloca i32")
        w.call("llvm.x86.sse.stmxcsr", "void", saved)
        flags = w.binary("or", w.load(saved, "i32"), literal(0x8040, "i32"))
        w.store(flags, changed)
        w.call("llvm.x86.sse.ldmxcsr", "void", changed)
        return lambda: w.call("llvm.x86.sse.ldmxcsr", "void", saved) and None
    if machine.is_arm:
        before = w.emit("i64", "call i64 @llvm.aarch64.get.fpcr()")
        w.declarations.add("declare i64 @llvm.aarch64.get.fpcr()")
        w.call("llvm.aarch64.set.fpcr", "void", w.binary("or", before, literal(1 << 24, "i64")))
        return lambda: w.call("llvm.aarch64.set.fpcr", "void", before) and None
    return lambda: None
