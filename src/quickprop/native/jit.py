"""The one module that talks to LLVM: compile IR text, keep the result on disk, load it, run it."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm

from quickprop import config
from quickprop.errors import CompileError
from quickprop.native.machine import Machine

_LOCK = threading.RLock()


@functools.cache
def host_machine() -> Machine:
    """The machine this process runs on, as LLVM sees it."""
    features = llvm.get_host_cpu_features()
    triple = llvm.get_process_triple()
    if triple.startswith("x86_64"):
        if features.get("avx512f") and features.get("avx512vl") and features.get("avx512dq"):
            width, registers = 64, 32
        elif features.get("avx2") and features.get("fma"):
            width, registers = 32, 16
        else:
            width, registers = 16, 16
    else:
        width, registers = 16, 32
    return Machine(llvm.get_host_cpu_name(), features.flatten(), triple, width, registers)


@functools.cache
def _target_machine() -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = host_machine()
    return llvm.Target.from_triple(machine.triple).create_target_machine(
        cpu=machine.cpu, features=machine.features, opt=2, reloc="pic", codemodel="small", jit=True
    )


@functools.cache
def _engine() -> llvm.LLJIT:
    return llvm.create_lljit_compiler(_target_machine(), use_jit_link=False)


class NativeCode:
    """Loaded machine code. The code lives as long as this object."""

    def __init__(self, tracker: llvm.ResourceTracker, addresses: dict[str, int]) -> None:
        self._tracker = tracker
        self.addresses = addresses

    def function(self, name: str, returns: object, *arguments: object) -> Callable[..., object]:
        """A callable for an exported function; calling it releases the interpreter lock."""
        return ctypes.CFUNCTYPE(returns, *arguments)(self.addresses[name])  # type: ignore[arg-type]


def compile_object(text: str) -> bytes:
    """Machine code for the module `text`, as an object file."""
    with _LOCK:
        machine = _target_machine()
        try:
            module = llvm.parse_assembly(text)
            if __debug__ and os.environ.get("PYTEST_CURRENT_TEST"):
                module.verify()
            return machine.emit_object(module)
        except RuntimeError as error:
            raise CompileError(
                "LLVM did not accept the code written for this graph",
                where="native backend",
                given=" ".join(str(error).split()) or "no message",
                mend="use backend='reference' and report the graph",
            ) from error


def load(text: str, exported: tuple[str, ...]) -> NativeCode:
    """Compile the module, or take its code from the disk cache, and load it."""
    key = _cache_key(text)
    path = _cache_path(key)
    code = _read_cache(path)
    if code is not None:
        try:
            return _link(code, key, exported)
        except (RuntimeError, CompileError):
            # A damaged file that still had the right checksum would be one in 2^256; an object of
            # another build of LLVM with the same version string is the case meant here.
            code = None
    code = compile_object(text)
    _write_cache(path, code)
    return _link(code, key, exported)


_loaded = 0


def _link(code: bytes, key: str, exported: tuple[str, ...]) -> NativeCode:
    global _loaded
    with _LOCK:
        _loaded += 1
        builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
        for name in exported:
            builder.export_symbol(name)
        try:
            tracker = builder.link(_engine(), f"quickprop_{key[:16]}_{_loaded}")
        except RuntimeError as error:
            raise CompileError("machine code could not be loaded", given=str(error)) from error
        return NativeCode(tracker, {name: tracker[name] for name in exported})


# -- the disk cache -------------------------------------------------------------------------------
# A file is a SHA-256 of the object code and then the code. It is written beside its place and then
# renamed, so readers see a whole file or none; a file that does not match its checksum is ignored
# and replaced.


def _cache_key(text: str) -> str:
    machine = host_machine()
    versions = (llvmlite.__version__, *map(str, llvm.llvm_version_info))
    parts = ("quickprop object 1", machine.triple, machine.cpu, machine.features, *versions, text)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _cache_path(key: str) -> Path | None:
    folder = config.cache_dir()
    return None if folder is None else folder / "code" / key[:2] / f"{key[2:]}.o"


def _read_cache(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        content = path.read_bytes()
    except OSError:
        return None
    checksum, code = content[:32], content[32:]
    return code if hashlib.sha256(code).digest() == checksum else None


def _write_cache(path: Path | None, code: bytes) -> None:
    if path is None:
        return
    # The cache only saves time: a full disk or a read-only home must not stop a fit.
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(hashlib.sha256(code).digest() + code)
            os.replace(beside, path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    except OSError:
        return
