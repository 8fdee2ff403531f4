"""Settings that every test shares."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_code_cache(tmp_path_factory: pytest.TempPathFactory):
    """Compiled code goes to a folder of the test run, never to the user's cache."""
    before = os.environ.get("QUICKPROP_CACHE_DIR")
    os.environ["QUICKPROP_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["QUICKPROP_CACHE_DIR"]
    else:
        os.environ["QUICKPROP_CACHE_DIR"] = before


@pytest.fixture(scope="session", autouse=True)
def _verified_code():
    """Every module that is compiled is looked at by LLVM's verifier."""
    from quickprop.native import jit

    jit.VERIFY = True


@pytest.fixture(scope="module")
def working_memory_full_of_nan():
    """Nothing may be taken for granted of memory that nobody has written."""
    from quickprop.native.workspace import Workspace

    grow = Workspace.grow

    def grow_and_fill(space: Workspace, rows: int) -> None:
        before = space.arena
        grow(space, rows)
        if space.arena is not before:
            space.arena[:] = 255

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Workspace, "grow", grow_and_fill)
        yield


@pytest.fixture
def before_compiling(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Sets what happens before each compilation; nothing is in the cache on disk."""
    from quickprop.native import jit

    monkeypatch.setenv("QUICKPROP_CACHE_DIR", str(tmp_path))
    compile_object = jit.compile_object

    def set_to(act: Callable[[], None]) -> None:
        def compile_after(text: str) -> bytes:
            act()
            return compile_object(text)

        monkeypatch.setattr(jit, "compile_object", compile_after)

    return set_to
