"""Files of the wrong kind or size are refused in words, before they are read to their end."""

from __future__ import annotations

import gzip
import io
import os
from pathlib import Path

import numpy as np
import pytest

import quickprop
from quickprop.data import read_table
from quickprop.errors import DataFileError, ModelFileError
from quickprop.foundation import bounded_file
from quickprop.foundation.bounded_file import decompressed, read_stream


def loop(folder: Path) -> Path:
    (folder / "loop.csv").symlink_to("loop.csv")
    return folder / "loop.csv"


def dangling(folder: Path) -> Path:
    (folder / "link.csv").symlink_to("nothing.csv")
    return folder / "link.csv"


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.csv")
    return folder / "pipe.csv"


def sparse(folder: Path) -> Path:
    with (folder / "huge.csv").open("wb") as stream:
        stream.truncate(2**37)
    return folder / "huge.csv"


REFUSED = [
    (loop, "a link that leads back to itself"),
    (dangling, "a link to a file that is not there (given: it leads to nothing.csv)"),
    (pipe, "not a file that can be read to its end (given: a pipe)"),
    (sparse, "the file is too large"),
    (lambda _: Path("/dev/zero"), "not a file that can be read to its end (given: a device)"),
    (lambda folder: folder / ("a" * 5000 + ".csv"), "a name longer than a file can have"),
    (lambda folder: folder, "this is a folder, not a file"),
    (lambda folder: folder / "no.csv", "no such file"),
]


@pytest.mark.parametrize(("make", "expected"), REFUSED)
def test_what_cannot_be_read_is_said_of_tables_and_models(make, expected, tmp_path: Path):
    path = make(tmp_path)
    for read, error in ((read_table, DataFileError), (quickprop.load, ModelFileError)):
        with pytest.raises(error) as caught:
            read(path)
        assert expected in str(caught.value)
        assert len(str(caught.value)) < 600


def test_of_a_large_file_that_is_no_model_only_the_beginning_is_read(tmp_path: Path):
    path = tmp_path / "no.quickprop"
    with path.open("wb") as stream:
        stream.write((100).to_bytes(8, "little") + b"no JSON")
        stream.truncate(2**32 - 1)
    with pytest.raises(ModelFileError, match="not a quickprop model"):
        quickprop.load(path)


def test_gzip_that_grows_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounded_file, "_HARMLESS", 2**20)
    packed = gzip.compress(b"1,2\n" * 2**20)
    with pytest.raises(DataFileError, match="what is packed in it is too large"):
        decompressed(packed, "x.csv.gz", DataFileError, most=2**30)
    with pytest.raises(DataFileError, match=r"too large .*allowed: 1 MB"):
        decompressed(packed, "x.csv.gz", DataFileError, most=10**6)
    (tmp_path / "zeros.csv.gz").write_bytes(gzip.compress(bytes(2**22)))
    with pytest.raises(DataFileError, match="line 1 holds a zero byte"):
        read_table(tmp_path / "zeros.csv.gz")


def test_gzip_is_unpacked_as_the_library_does():
    random = np.random.default_rng(0)
    parts = [random.integers(0, 5, size, np.uint8).tobytes() for size in (0, 1, 10**5, 2**23)]
    packed = b"".join(gzip.compress(part) for part in parts)
    assert decompressed(packed, "x", DataFileError, most=2**30) == b"".join(parts)
    assert decompressed(packed + bytes(100), "x", DataFileError, most=2**30) == b"".join(parts)


def test_a_stream_is_read_to_a_bound():
    assert read_stream(io.BytesIO(b"a" * 100), "x", DataFileError, most=100) == b"a" * 100
    with pytest.raises(DataFileError, match="more than can be taken"):
        read_stream(io.BytesIO(b"a" * 101), "x", DataFileError, most=100)


def test_standard_input_is_a_table(monkeypatch: pytest.MonkeyPatch):
    class Stdin:
        buffer = io.BytesIO(gzip.compress(b"a;b\n1,5;x\n2;y\n"))

    monkeypatch.setattr("sys.stdin", Stdin)
    assert read_table("-").to_dict(as_series=False) == {"a": [1.5, 2.0], "b": ["x", "y"]}
