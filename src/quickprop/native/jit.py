"""The one module that talks to LLVM: compile IR text, load the result, hand out its functions."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import secrets
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import llvmlite
import llvmlite.binding as llvm

from quickprop.errors import CompileError
from quickprop.foundation.core_budget import CORES
from quickprop.foundation.lru_cache import LruCache
from quickprop.foundation.single_flight import SingleFlight, once
from quickprop.native import code_cache
from quickprop.native.background_compile import in_time
from quickprop.native.code_cache import Plan
from quickprop.native.machine import Machine


@once
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


@once
def _target() -> llvm.Target:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_triple(host_machine().triple)


def _target_machine() -> llvm.TargetMachine:
    """One for each compilation: it must not be used by two threads at once."""
    machine = host_machine()
    return _target().create_target_machine(
        cpu=machine.cpu, features=machine.features, opt=2, reloc="pic", codemodel="small", jit=True
    )


class _Engines:
    """LLVM's loaders, each for so many pieces of code.

    A loader keeps nine kilobytes of every piece that was ever loaded with it, until it goes itself:
    with the last piece of its code.

    JITLink puts all sections of a piece of code side by side. The older way maps each by itself: in
    a process with more than 2 GiB mapped they may lie too far apart for the offsets between them,
    and LLVM ends the process.
    """

    PIECES = 32

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engine: llvm.LLJIT | None = None
        self._left = 0

    def next(self) -> llvm.LLJIT:
        """The loader for the next piece of code."""
        with self._lock:
            if not self._left:
                self._engine = llvm.create_lljit_compiler(_target_machine(), use_jit_link=True)
                self._left = self.PIECES
            self._left -= 1
            return self._engine


_ENGINES = _Engines()


class NativeCode:
    """Loaded machine code. It stays as long as this object, or any function of it.

    Parameters
    ----------
    tracker : ResourceTracker
        LLVM unloads the code when this goes.
    engine : LLJIT
        The loader, which must not go earlier.
    size : int
        Bytes of the object file.
    """

    def __init__(self, tracker: llvm.ResourceTracker, engine: llvm.LLJIT, size: int) -> None:
        self._tracker, self.size = tracker, size
        # Not by their own finalizers: in a circle of garbage these run in any order, and a loader
        # that goes before what it has loaded takes the process with it.
        unload = weakref.finalize(self, _unload, tracker, engine)
        unload.atexit = False

    def function(self, name: str, returns: object, *arguments: object) -> Callable[..., Any]:
        """A callable for an exported function; calling it releases the interpreter lock.

        It holds the code that it calls: nobody is given an address that could outlive the code.
        """
        kind = ctypes.CFUNCTYPE(returns, *arguments)  # type: ignore[arg-type]
        function: Any = kind(self._tracker[name])
        function.code = self
        return cast(Callable[..., Any], function)


def _unload(tracker: llvm.ResourceTracker, engine: llvm.LLJIT) -> None:
    """Unload a piece of code while its loader is surely there."""
    tracker.close()
    # The last piece takes the loader with it.
    del engine


@once
def _emitter() -> Callable[..., int | None]:
    """LLVM's code generation without the lock of its binding, which lets one thread in at a time.

    LLVM itself lets threads compile side by side as long as they share neither context nor target
    machine.
    """
    emit = ctypes.CDLL(llvm.ffi.lib._name).LLVMPY_TargetMachineEmitToMemory
    emit.restype = llvm.ffi.LLVMMemoryBufferRef
    emit.argtypes = (
        llvm.ffi.LLVMTargetMachineRef,
        llvm.ffi.LLVMModuleRef,
        ctypes.c_int,
        ctypes.POINTER(ctypes.c_char_p),
    )
    return cast(Callable[..., "int | None"], emit)


#: Whether LLVM shall look at each module whether it is well formed; the tests switch it on.
VERIFY = False


def compile_object(text: str) -> bytes:
    """Machine code for the module `text`, as an object file."""
    # The global context would keep every type and constant for ever.
    context = llvm.create_context()
    machine = _target_machine()
    try:
        with CORES.taken(), llvm.parse_assembly(text, context) as module:
            if VERIFY:
                module.verify()
            return _emit(machine, module)
    except RuntimeError as error:
        raise CompileError(
            "LLVM did not accept the code written for this graph",
            where="native backend",
            given=" ".join(str(error).split()) or "no message",
            hint="use backend='reference' and report the graph",
        ) from error
    finally:
        machine.close()
        context.close()


def _emit(machine: llvm.TargetMachine, module: llvm.ModuleRef) -> bytes:
    lib = llvm.ffi.lib
    with llvm.ffi.OutputString() as message:
        buffer = _emitter()(machine, module, 1, message)
        if not buffer:
            raise RuntimeError(str(message))
    try:
        return ctypes.string_at(lib.LLVMPY_GetBufferStart(buffer), lib.LLVMPY_GetBufferSize(buffer))
    finally:
        lib.LLVMPY_DisposeMemoryBuffer(buffer)


def load(
    key: str,
    write: Callable[[], tuple[str, Plan]],
    exported: tuple[str, ...],
    check: Callable[[Plan], object] = lambda plan: None,
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
    check : callable
        Raises an error when a plan from the disk makes no sense; then all is made anew.

    Raises
    ------
    NotInTimeError
        Within `compiling_within`, when the code is not there when the time is up.
    """
    digest = _cache_key(key)

    def there() -> _Loaded | None:
        return _LOADED.get(digest) or _from_disk(digest, exported, check)

    def make() -> _Loaded:
        known = _LOADED.get(digest)
        if known is not None:
            return known
        text, plan = write()
        code = compile_object(text)
        loaded = _remember(digest, plan, code, exported)
        code_cache.write(digest, plan, code)
        return loaded

    # What is on disk is loaded at once, whatever the time: it takes a millisecond.
    return _LOADED.get(digest) or _LOADING.do(digest, there) or in_time(digest, make)


_Loaded = tuple[Plan, NativeCode]
#: So many pieces of code, of so many bytes together, are kept loaded after their last use.
KEPT, KEPT_BYTES = 64, 2**26
_LOADED: LruCache[str, _Loaded] = LruCache(KEPT, KEPT_BYTES, lambda loaded: loaded[1].size)
_LOADING: SingleFlight[str, _Loaded | None] = SingleFlight()


def _from_disk(
    digest: str, exported: tuple[str, ...], check: Callable[[Plan], object]
) -> _Loaded | None:
    cached = code_cache.read(digest)
    if cached is None:
        return None
    # The user's own file, whole and for this key. Whatever is wrong with it still, such as another
    # build of LLVM with the same version: it is compiled anew, and replaced.
    try:
        check(cached[0])
        return _remember(digest, *cached, exported)
    except Exception:
        return None


def _remember(digest: str, plan: Plan, code: bytes, exported: tuple[str, ...]) -> _Loaded:
    loaded = plan, _link(code, digest, exported)
    _LOADED.put(digest, loaded)
    return loaded


def _link(code: bytes, key: str, exported: tuple[str, ...]) -> NativeCode:
    builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
    for name in exported:
        builder.export_symbol(name)
    engine = _ENGINES.next()
    try:
        # A name is never used again.
        tracker = builder.link(engine, f"quickprop_{key[:16]}_{secrets.token_hex(8)}")
    except RuntimeError as error:
        raise CompileError("machine code could not be loaded", given=str(error)) from error
    return NativeCode(tracker, engine, len(code))


def _cache_key(key: str) -> str:
    versions = (llvmlite.__version__, *map(str, llvm.llvm_version_info))
    parts = ("quickprop object 3", repr(host_machine()), *versions, _writers(), key)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@functools.cache
def _writers() -> str:
    """A hash of the modules that write code: what an older one wrote is never taken for new."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
