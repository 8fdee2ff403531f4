"""The cache of compiled code: right whatever happens to its files."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from quickprop import config, ops
from quickprop.errors import SettingError
from quickprop.execution import function
from quickprop.foundation.lru_cache import LruCache
from quickprop.graph import placeholder
from quickprop.native import code_cache, jit

CODE = """
import numpy as np
from quickprop import config, ops
from quickprop.errors import SettingError
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


def resealed(path: Path, content: bytes) -> bytes:
    """Content with a checksum that fits the key of a file."""
    key = path.parent.name + path.stem
    return hashlib.sha256(key.encode() + b"\0" + content).digest() + content


def test_code_of_another_key_is_not_taken(cache: Path):
    expected = compute()
    (mine,) = files(cache)
    x = placeholder((None, 9))
    function([x], ops.tanh(x * 7.5))(np.ones((2, 9), np.float32))
    (other,) = set(files(cache)) - {mine}
    mine.write_bytes(other.read_bytes())
    assert compute() == expected


@pytest.mark.parametrize("part", range(12))
def test_damage_under_a_right_checksum_is_compiled_anew(cache: Path, part: int):
    expected = compute()
    (path,) = files(cache)
    rest = path.read_bytes()[32:]
    size = int.from_bytes(rest[:4], "little")
    code = rest[4 + size :]
    damaged = [
        b"",
        rest[:3],
        b"\xff" * 4 + rest[4:],
        b"\0" * 4 + rest[4:],
        rest[:4] + b"{" * size + code,
        rest[:4] + b"[" * size + code,
        rest[:4] + b"\xff" * size + code,
        (2).to_bytes(4, "little") + b"{}" + code,
        (2).to_bytes(4, "little") + b"[]" + code,
        rest[: 4 + size],
        rest[: 4 + size + len(code) // 2],
        rest[: 4 + size] + b"no object file" * 100,
    ][part]
    path.write_bytes(resealed(path, damaged))
    assert compute() == expected


def never(text: str) -> bytes:
    raise AssertionError("compiled again")


@pytest.mark.parametrize("levels", [0, 1, 2, 3])
def test_what_others_may_write_is_not_used(cache: Path, monkeypatch, levels: int):
    expected = compute()
    (path,) = files(cache)
    (path, *path.parents)[levels].chmod(0o777 if levels else 0o666)
    with pytest.warns(UserWarning, match="kept in memory alone.*others may write to"):
        assert compute() == expected
    assert compute() == expected  # It is said once.
    (path, *path.parents)[levels].chmod(0o700)
    monkeypatch.setattr(jit, "compile_object", never)
    assert compute() == expected


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no owners")
def test_what_belongs_to_another_is_not_used(cache: Path, monkeypatch):
    expected = compute()
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with pytest.warns(UserWarning, match="belongs to another user"):
        assert compute() == expected


@pytest.mark.parametrize("levels", [0, 1, 2, 3])
def test_links_are_not_followed(cache: Path, levels: int):
    expected = compute()
    (path,) = files(cache)
    linked = (path, *path.parents)[levels]
    elsewhere = cache.parent / "elsewhere"
    linked.rename(elsewhere)
    linked.symlink_to(elsewhere)
    with pytest.warns(UserWarning, match="is a link"):
        assert compute() == expected


@pytest.mark.parametrize("umask", [0, 0o077, 0o777])
def test_folders_are_for_the_user_alone(cache: Path, umask: int):
    before = os.umask(umask)
    try:
        compute()
    finally:
        os.umask(before)
    folders = [cache, *(path for path in cache.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


@pytest.mark.parametrize("home", ["/dev/null/home", None, "~nobody-of-this-name"])
def test_no_home_is_no_reason_to_stop(home, monkeypatch: pytest.MonkeyPatch):
    for flag in ("QUICKPROP_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(flag, raising=False)
    monkeypatch.setattr(jit, "_LOADED", LruCache(0))
    if home is None:
        monkeypatch.setattr(os.path, "expanduser", lambda text: text)
        assert config.cache_dir() is None
    elif home.startswith("~"):
        monkeypatch.setenv("QUICKPROP_CACHE_DIR", home)
        assert config.cache_dir() is None
    else:
        monkeypatch.setenv("QUICKPROP_CACHE_DIR", home)
    assert compute() == pytest.approx(np.tanh(3.25), rel=1e-6)


def test_a_relative_cache_home_is_ignored(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("QUICKPROP_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "somewhere")
    monkeypatch.setattr(sys, "platform", "linux")
    assert config.cache_dir() == Path(os.path.expanduser("~/.cache/quickprop"))
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert config.cache_dir() == Path("/somewhere/quickprop")


def test_what_was_not_used_for_longest_goes_first(cache: Path, monkeypatch):
    monkeypatch.setattr(code_cache, "LOOK_AFTER", 0.0)
    keys = [f"{k:064x}" for k in range(8)]
    for age, key in enumerate(keys):
        code_cache.write(key, {}, b"x" * 300_000)
        path = code_cache._path(cache, key)
        os.utime(path, (1e9 + age, 1e9 + age))
    assert code_cache.read(keys[0]) is not None  # Used last.
    monkeypatch.setenv("QUICKPROP_CACHE_SIZE", "1")
    code_cache.write(f"{9:064x}", {}, b"x")
    left = [key for key in keys if code_cache.read(key) is not None]
    assert left == [keys[0], *keys[-1:]]
    assert sum(path.stat().st_size for path in files(cache)) < 10**6


@pytest.mark.parametrize("text", ["x", "-1", "²", "1e3"])
def test_a_wrong_size_is_refused_in_words(text: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("QUICKPROP_CACHE_SIZE", text)
    with pytest.raises(SettingError, match="QUICKPROP_CACHE_SIZE"):
        config.cache_bytes()


def test_the_second_time_comes_from_the_file(cache: Path, monkeypatch: pytest.MonkeyPatch):
    expected = compute()
    monkeypatch.setattr(jit, "compile_object", never)
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


CIRCLES = """
import gc
import numpy as np
import quickprop
from llvmlite import binding as llvm
from quickprop.native import jit

jit._LOADED.__init__(2)
jit._Engines.PIECES = 4
order = []
for kind in (llvm.LLJIT, llvm.orcjit.ResourceTracker):
    def close(self, close=kind.close, name=kind.__name__):
        if not self.closed:
            order.append((name, id(self)))
        close(self)
    kind.close = close
of = {}
remember = jit.NativeCode.__init__
def made(self, tracker, engine, size):
    of.setdefault(id(engine), []).append(id(tracker))
    remember(self, tracker, engine, size)
jit.NativeCode.__init__ = made
gc.disable()
for number in range(24):
    x = quickprop.placeholder((None, 3))
    run = quickprop.function([x], quickprop.mean(x * (number + 1.0)) + number)
    run(np.ones((2, 3)))
    circle = {"run": run}
    circle["itself"] = circle
    del run, circle
    if number % 8 == 7:
        gc.collect()
gone = [name for name, _ in order].count("LLJIT")
for place, (name, who) in enumerate(order):
    if name == "LLJIT" and who in of:
        after = {other for kind, other in order[place:] if kind == "ResourceTracker"}
        assert not after & set(of.pop(who)), "a loader went before what it had loaded"
print(gone > 0)
"""


def test_a_loader_goes_after_all_that_it_loaded_even_in_circles(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CIRCLES],
        env={**os.environ, "QUICKPROP_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("True", "")


FAR_APART = """
import mmap
import numpy as np
from quickprop import LSTM, Dense, Network, function, gradients, ops

# Small holes far above where large blocks go.
small = [mmap.mmap(-1, 16384) for _ in range(3000)]
large = mmap.mmap(-1, 6 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
for block in small[::2]:
    block.close()
network = Network([LSTM(17, sequence=True), LSTM(5), Dense(2)], (9, 3), dtype="float64")
y = ops.sum(ops.square(network.output()))
wanted = [y, *gradients(y, [*network.inputs, *network.parameters])]
native, reference = (
    function(network.inputs, wanted, backend=backend) for backend in ("native", "reference")
)
x = np.random.default_rng(0).normal(size=(7, 9, 3))
assert all(np.allclose(a, b, 1e-11, 1e-11) for a, b in zip(native(x), reference(x)))
print("equal")
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="maps memory without reserving it as Linux does"
)
def test_code_and_its_constants_lie_within_reach_in_a_large_process(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FAR_APART],
        env={**os.environ, "QUICKPROP_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("equal", "")
