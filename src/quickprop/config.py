"""Settings of the whole package: number types, environment flags, optional packages.

Environment flags, all of them:

``QUICKPROP_BACKEND``
    ``native`` (default) or ``reference``, the plain NumPy interpreter.
``QUICKPROP_CACHE_DIR``
    Where compiled code is kept. Empty switches the cache off. Default: the user's cache folder.
    A folder that is not the user's own, or that others may write to, is not used.
``QUICKPROP_CACHE_SIZE``
    The most megabytes of compiled code to keep there, 1000 by default; what was not used for
    longest goes first.
``QUICKPROP_NUM_THREADS``
    The most threads that all fits of a process use together: 1, 2, 3, ... When it is not set,
    ``OMP_NUM_THREADS`` is obeyed, its first number if it is a list; what is no count there is
    ignored, as OpenMP does. Else: the cores that the process may run on.
"""

from __future__ import annotations

import importlib
import os
import sys
from enum import Enum
from pathlib import Path
from types import ModuleType

from quickprop.errors import MissingPackageError, SettingError, did_you_mean


class DType(Enum):
    """The number types of a tensor."""

    float32 = "float32"
    float64 = "float64"
    int32 = "int32"

    @property
    def itemsize(self) -> int:
        """Bytes of one number."""
        return 8 if self is DType.float64 else 4

    @property
    def is_float(self) -> bool:
        """True for the types that have derivatives."""
        return self is not DType.int32

    def __repr__(self) -> str:
        return self.value


_THREADS, _CACHE_SIZE = "QUICKPROP_NUM_THREADS", "QUICKPROP_CACHE_SIZE"
#: Of compiled code on disk, if the user does not say otherwise.
CACHE_MEGABYTES = 1000
BACKENDS = ("native", "reference")


def one_of(value: object, allowed: tuple[str, ...], where: str) -> str:
    """Return `value` when it is one of `allowed`, else raise the error that says so."""
    if isinstance(value, str) and value in allowed:
        return value
    raise SettingError(
        "unknown name",
        where=where,
        allowed=", ".join(allowed),
        given=repr(value),
        hint=did_you_mean(value, allowed),
    )


def as_dtype(value: object) -> DType:
    """The `DType` for a `DType`, its name, or anything NumPy names the same way."""
    if isinstance(value, DType):
        return value
    name = value if isinstance(value, str) else getattr(value, "__name__", str(value))
    return DType(one_of(name, tuple(kind.value for kind in DType), "dtype"))


def default_backend() -> str:
    """The backend used when a call names none."""
    return one_of(os.environ.get("QUICKPROP_BACKEND", "native"), BACKENDS, "QUICKPROP_BACKEND")


def backend_of(given: object, where: str) -> str:
    """The backend that a call names, or the default when it names none."""
    return default_backend() if given is None else one_of(given, BACKENDS, where)


def cache_dir() -> Path | None:
    """The folder for compiled code; None when caching is switched off, or there is no home."""
    set_by_user = os.environ.get("QUICKPROP_CACHE_DIR")
    if set_by_user is not None:
        return _expanded(set_by_user)
    if sys.platform == "darwin":
        return _expanded("~/Library/Caches/quickprop")
    # The rule for it: a path that is not absolute is to be ignored.
    base = os.environ.get("XDG_CACHE_HOME", "")
    return Path(base, "quickprop") if os.path.isabs(base) else _expanded("~/.cache/quickprop")


def _expanded(text: str) -> Path | None:
    """A path with the home folder in place; None when it is empty or there is no such home."""
    full = os.path.expanduser(text)
    if not full or full.startswith("~"):
        return None
    try:
        return Path(os.path.abspath(full))
    except OSError:  # The folder it would be relative to is gone.
        return None


def cache_bytes() -> int:
    """The most bytes of compiled code to keep on disk.

    Raises
    ------
    SettingError
        When ``QUICKPROP_CACHE_SIZE`` is not a number of megabytes.
    """
    text = os.environ.get(_CACHE_SIZE, "").strip() or str(CACHE_MEGABYTES)
    if len(text) > 9 or not (text.isascii() and text.isdigit()):
        raise SettingError(
            "not a number of megabytes", where=_CACHE_SIZE, allowed="0, 1, 2, ...", given=repr(text)
        )
    return int(text) * 10**6


def thread_limit() -> int:
    """The most threads that all fits use together, from the environment or the usable cores.

    Raises
    ------
    SettingError
        When ``QUICKPROP_NUM_THREADS`` is set to something else than a number of threads.
    """
    own = os.environ.get(_THREADS, "").strip()
    if own:
        count = _count(own)
        if count is None:
            raise SettingError(
                "not a number of threads", where=_THREADS, allowed="1, 2, 3, ...", given=repr(own)
            )
        return count
    # It is others' too: what makes no sense is ignored, as OpenMP does. A list is for nested teams.
    count = _count(os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip())
    if count is not None:
        return count
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _count(text: str) -> int | None:
    """The count from 1 on that a text stands for; other digits than 0 to 9 make none."""
    fits = len(text) < 10 and text.isascii() and text.isdigit() and int(text) > 0
    return int(text) if fits else None


def try_import(name: str, needed_for: str, extra: str | None = None) -> ModuleType:
    """Import an optional package, or say which one to install and why.

    Parameters
    ----------
    name : str
        Module to import.
    needed_for : str
        What the caller was doing, completing "needed for ...".
    extra : str, optional
        The extra of quickprop that brings it, if there is one.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = f"'quickprop[{extra}]'" if extra else name.split(".")[0]
        raise MissingPackageError(
            f"the package {name.split('.')[0]} is needed for {needed_for}",
            given=str(error),
            hint=f"install it with: pip install {package}",
        ) from error
