"""The cache of compiled code: right whatever happens to its files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from quickprop import ops
from quickprop.execution import function
from quickprop.foundation.lru_cache import LruCache
from quickprop.graph import placeholder
from quickprop.native import jit

CODE = """
import numpy as np
from quickprop import ops
from quickprop.execution import function
from quickprop.foundation.lru_cache import LruCache
from quickprop.graph import placeholder
x = placeholder((None, 9))
print(function([x], ops.tanh(x * 3.25))(np.ones((2, 9), 'f4'))[0, 0])
"""


def compute() -> float:
    x = placeholder((None, 9))
    return float(function([x], ops.tanh(x * 3.25))(np.ones((2, 9), np.float32))[0, 0])


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QUICKPROP_CACHE_DIR", str(tmp_path / "cache"))
    # What is loaded already would not be looked for in the cache.
    monkeypatch.setattr(jit, "_LOADED", LruCache(0))
    return tmp_path / "cache"


def files(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.is_file()]


@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * 5000])
def test_a_damaged_file_is_replaced(cache: Path, damage: bytes):
    expected = compute()
    (path,) = files(cache)
    whole = path.read_bytes()
    path.write_bytes(damage)
    assert compute() == expected == pytest.approx(np.tanh(3.25), rel=1e-6)
    assert path.read_bytes() == whole


def test_one_flipped_bit_is_noticed(cache: Path):
    expected = compute()
    (path,) = files(cache)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 4
    path.write_bytes(whole)
    assert compute() == expected


def test_the_second_time_comes_from_the_file(cache: Path, monkeypatch: pytest.MonkeyPatch):
    expected = compute()

    def never(text: str) -> bytes:
        raise AssertionError("compiled again")

    monkeypatch.setattr("quickprop.native.jit.compile_object", never)
    assert compute() == expected


def test_a_cache_that_cannot_be_written_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("QUICKPROP_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert compute() == pytest.approx(np.tanh(3.25), rel=1e-6)


def test_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("QUICKPROP_CACHE_DIR", "")
    monkeypatch.chdir(tmp_path)
    assert compute() == pytest.approx(np.tanh(3.25), rel=1e-6)
    assert list(tmp_path.iterdir()) == []


def test_two_processes_at_once(cache: Path):
    started = [
        subprocess.Popen([sys.executable, "-c", CODE], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    results = {process.communicate(timeout=60)[0] for process in started}
    assert len(results) == 1
    assert float(results.pop()) == pytest.approx(np.tanh(3.25), rel=1e-6)
    assert len(files(cache)) == 1


def test_denormals_are_restored():
    """Native code flushes denormals while it runs; Python's own arithmetic must not notice."""
    compute()
    tiny = np.float32(1e-40)
    assert tiny * np.float32(0.5) > 0


def test_code_that_is_loaded_is_used_again(monkeypatch: pytest.MonkeyPatch):
    links = []
    link = jit._link

    def counted(*arguments):
        links.append(arguments)
        return link(*arguments)

    monkeypatch.setattr(jit, "_link", counted)
    monkeypatch.setattr(jit, "_LOADED", LruCache(1))
    assert compute() == compute()
    assert len(links) == 1
    x = placeholder((None, 3))
    function([x], ops.tanh(x * 1.5))(np.ones((1, 3)))
    compute()  # Only one is kept, so this was forgotten.
    assert len(links) == 3
