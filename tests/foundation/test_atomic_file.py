"""Files are there whole or not at all, with the permissions they had, and nothing else is left."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from quickprop.errors import DataFileError
from quickprop.foundation import atomic_file
from quickprop.foundation.atomic_file import replace_file
from quickprop.foundation.lru_cache import LruCache

#: Writes half a file and waits to be killed.
KILLED = """
import sys, time
from quickprop.foundation.atomic_file import replace_file
def write(stream):
    stream.write(b"half")
    stream.flush()
    print("half", flush=True)
    time.sleep(60)
replace_file(sys.argv[1], write)
"""


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def put(path: Path, content: bytes) -> None:
    replace_file(path, lambda stream: stream.write(content))


@pytest.fixture(autouse=True)
def _as_a_new_process(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(atomic_file, "_CLEANED", LruCache(256))


def test_what_a_killed_writer_left_is_cleaned_up_and_a_living_one_let_be(tmp_path, monkeypatch):
    path = tmp_path / "model"
    put(path, b"old")
    writers = [
        subprocess.Popen([sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.readline()
    try:
        assert len([*tmp_path.iterdir()]) == 3  # Two never share one.
        writers[0].send_signal(signal.SIGKILL)
        writers[0].wait()
        monkeypatch.setattr(atomic_file, "_CLEANED", LruCache(256))
        put(tmp_path / "another", b"new")
        names = sorted(one.name for one in tmp_path.iterdir())
        assert names[1:] == ["another", "model"]
        assert len(names) == 3
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    monkeypatch.setattr(atomic_file, "_CLEANED", LruCache(256))
    put(path, b"new")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["another", "model"]
    assert path.read_bytes() == b"new"


def test_only_what_looks_like_ours_is_cleaned_up(tmp_path):
    others = [tmp_path / name for name in (".x.part", "x.quickprop-part", ".x.12.quickprop-part")]
    for other in others:
        other.write_bytes(b"")
    link = tmp_path / f".x.{'0' * 16}.quickprop-part"
    link.symlink_to(others[0])
    put(tmp_path / "model", b"new")
    assert all(other.exists() for other in others)
    assert link.is_symlink()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o666])
def test_a_file_keeps_its_permissions(tmp_path, mode: int):
    path = tmp_path / "model"
    path.write_bytes(b"old")
    path.chmod(mode)
    seen = []

    def write(stream) -> None:
        seen.append(stat.S_IMODE(os.fstat(stream.fileno()).st_mode))

    replace_file(path, write)
    assert mode_of(path) == mode
    assert seen == [mode]  # At no time may others read what they may not read.


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_obeys_the_umask(tmp_path, umask: int):
    before = os.umask(umask)
    try:
        put(tmp_path / "model", b"new")
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "model") == 0o666 & ~umask


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "model"
    put(path, b"old")

    def write(stream) -> None:
        stream.write(b"half")
        raise error

    expected = DataFileError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        replace_file(path, write)
    assert [one.name for one in tmp_path.iterdir()] == ["model"]
    assert path.read_bytes() == b"old"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_full_device_is_named(tmp_path):
    with pytest.raises(DataFileError, match="No space left"):
        replace_file("/dev/full", lambda stream: stream.write(b"x" * 100_000))


def test_long_names_have_room(tmp_path):
    for name in ("x" * 250, "é" * 120):
        put(tmp_path / name, b"new")
    assert len([*tmp_path.iterdir()]) == 2


def test_many_writers_of_one_file(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """Each as a new process that cleans up first: none takes the file of another."""
    monkeypatch.setattr(atomic_file, "_CLEANED", LruCache(0))
    path = tmp_path / "model"
    errors = []

    def write_often(content: bytes) -> None:
        try:
            for _ in range(50):
                put(path, content * 1000)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write_often, args=(bytes([k]),)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(set(path.read_bytes())) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["model"]
