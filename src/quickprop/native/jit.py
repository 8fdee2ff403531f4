"""The one module that talks to LLVM: compile IR text, keep the result on disk, load it, run it."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import json
import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from quickprop import config
from quickprop.errors import CompileError
from quickprop.native.in_time import in_time
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
                hint="use backend='reference' and report the graph",
            ) from error


Plan = dict[str, Any]


def load(
    key: str, write: Callable[[], tuple[str, Plan]], exported: tuple[str, ...]
) -> tuple[Plan, NativeCode]:
    """Load the code that `write` gives the text of, or take it from the disk cache.

    Parameters
    ----------
    key : str
        Says all that the text depends on, apart from the machine and the versions of LLVM.
    write : callable
        Gives the module's text, and what its caller must know to use it, as JSON can hold it.
    exported : tuple of str
        Functions to find in the code.

    Raises
    ------
    NotInTimeError
        Within `compiling_within`, when the code is not there when the time is up.
    """
    digest = _cache_key(key)
    with _LOCK:
        loaded = _LOADED.get(digest)
        if loaded is not None:
            _LOADED.move_to_end(digest)
            return loaded
    path = _cache_path(digest)
    cached = _read_cache(path)
    if cached is not None:
        try:
            return _remember(digest, cached[0], _link(cached[1], digest, exported))
        except (RuntimeError, CompileError):
            # A damaged file that still had the right checksum would be one in 2^256; an object of
            # another build of LLVM with the same version string is the case meant here.
            pass

    def make() -> tuple[Plan, NativeCode]:
        text, plan = write()
        code = compile_object(text)
        _write_cache(path, plan, code)
        return _remember(digest, plan, _link(code, digest, exported))

    return in_time(digest, make)


#: So much code is kept loaded after its last use, and used again.
KEPT = 64

_LOADED: OrderedDict[str, tuple[Plan, NativeCode]] = OrderedDict()
_loaded = 0


def _remember(digest: str, plan: Plan, code: NativeCode) -> tuple[Plan, NativeCode]:
    with _LOCK:
        _LOADED[digest] = (plan, code)
        while len(_LOADED) > KEPT:
            _LOADED.popitem(last=False)
    return plan, code


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
# A file is a SHA-256 of the rest, the length of the plan, the plan as JSON, the object code. It is
# written beside its place and then renamed, so readers see a whole file or none; a file that does
# not match its checksum is ignored and replaced.


def _cache_key(key: str) -> str:
    versions = (llvmlite.__version__, *map(str, llvm.llvm_version_info))
    parts = ("quickprop object 2", repr(host_machine()), *versions, _writers(), key)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@functools.cache
def _writers() -> str:
    """A hash of the modules that write code: what an older one wrote is never taken for new."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _cache_path(key: str) -> Path | None:
    folder = config.cache_dir()
    return None if folder is None else folder / "code" / key[:2] / f"{key[2:]}.o"


def _read_cache(path: Path | None) -> tuple[Plan, bytes] | None:
    if path is None:
        return None
    try:
        content = path.read_bytes()
    except OSError:
        return None
    checksum, rest = content[:32], content[32:]
    if hashlib.sha256(rest).digest() != checksum:
        return None
    size = int.from_bytes(rest[:4], "little")
    return json.loads(rest[4 : 4 + size]), rest[4 + size :]


def _write_cache(path: Path | None, plan: Plan, code: bytes) -> None:
    if path is None:
        return
    told = json.dumps(plan).encode()
    rest = len(told).to_bytes(4, "little") + told + code
    # The cache only saves time: a full disk or a read-only home must not stop a fit.
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(hashlib.sha256(rest).digest() + rest)
            os.replace(beside, path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    except OSError:
        return
