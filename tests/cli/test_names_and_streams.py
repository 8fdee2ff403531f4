"""Names that look like markup, outputs that would overwrite inputs, and streams that fail."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from quickprop.cli import app as cli

ROWS = 60
COLUMNS = {
    "size": [(k * 37 % 101) / 3 for k in range(ROWS)],
    "kind": ["high" if k * 37 % 101 > 50 else "low" for k in range(ROWS)],
}


def run(*arguments: str) -> int:
    return cli.main(list(arguments))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    pl.DataFrame(COLUMNS).write_csv("data.csv")
    return tmp_path


@pytest.fixture
def model(here: Path) -> str:
    assert run("fit", "data.csv", "--target", "kind", "--budget", "1s", "--out", "m.quickprop") == 0
    return "m.quickprop"


@pytest.mark.parametrize("name", ["a[/b]", "[red]", "[link=x]y"])
def test_names_that_look_like_markup_are_shown(here: Path, capsys, name: str):
    odd = {name: COLUMNS["size"], f"same {name}": [1] * ROWS, f"k{name}": COLUMNS["kind"]}
    pl.DataFrame(odd).write_csv("odd.csv")
    assert run("fit", "odd.csv", "--target", f"k{name}", "--budget", "1s") == 0
    assert name in capsys.readouterr().out
    pl.DataFrame({**odd, f"more{name}": [2] * ROWS}).write_csv("new.csv")
    assert run("predict", "odd.quickprop", "new.csv", "--out", "p.csv") == 0
    assert f"more{name}" in capsys.readouterr().err


def test_fit_does_not_overwrite_its_table(here: Path, capsys):
    before = (here / "data.csv").read_bytes()
    assert run("fit", "data.csv", "--target", "kind", "--out", "./data.csv") == cli.WRONG
    assert "overwrite" in capsys.readouterr().err
    assert (here / "data.csv").read_bytes() == before


@pytest.mark.parametrize("out", ["data.csv", "m.quickprop", "link.csv"])
def test_predict_does_not_overwrite_what_it_reads(here: Path, capsys, model: str, out: str):
    (here / "link.csv").symlink_to(here / "data.csv")
    before = {path: path.read_bytes() for path in here.iterdir()}
    assert run("predict", model, "data.csv", "--out", out) == cli.WRONG
    assert "overwrite" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in here.iterdir()} == before


@pytest.mark.parametrize("text", ["²", "9" * 5000, "٤x", "64,,64", "64,", "", ","])
def test_what_is_no_width(here: Path, capsys, text: str):
    assert run("fit", "data.csv", "--target", "kind", "--hidden", text) == cli.WRONG
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert len(error) < 400


def in_a_process(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "quickprop", *arguments], stderr=subprocess.PIPE, **options
    )


def test_an_ascii_terminal_gets_escapes(here: Path):
    done = in_a_process(
        "fit", "data.csv", "--target", "kind", "--budget", "1s",
        env={**os.environ, "PYTHONIOENCODING": "ascii"}, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert b"having" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_full_output_is_one_line(here: Path, model: str, command: str):
    with Path("/dev/full").open("w") as full:
        done = in_a_process(command, model, "data.csv", stdout=full)
    assert done.returncode == cli.WRONG
    assert b"Traceback" not in done.stderr
    assert done.stderr.decode().strip().splitlines()[-1].startswith("error: standard output")


def test_columns_are_kept_beside_the_predictions(here: Path, capsys, model: str):
    table = {"id": [f"n{k}" for k in range(ROWS)], "a,b": list(range(ROWS)), **COLUMNS}
    pl.DataFrame(table).write_csv("new.csv")
    given = ("predict", model, "new.csv", "--out", "p.csv", "--keep", "id,size", "--keep", "a,b")
    assert run(*given) == 0
    assert "id" not in capsys.readouterr().err
    found = pl.read_csv("p.csv")
    assert found.columns == ["id", "size", "a,b", "kind"]
    assert found["id"].to_list() == table["id"]
    assert run("predict", model, "new.csv", "--keep", "idd") == cli.WRONG
    assert "did you mean 'id'" in capsys.readouterr().err.lower()
    assert run("predict", model, "new.csv", "--keep", "kind") == cli.WRONG
    assert "'kind'" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet", "arrow"])
def test_dash_is_standard_input_and_output(here: Path, kind: str):
    frame = pl.DataFrame(COLUMNS)
    raw = io.BytesIO()
    if kind == "parquet":
        frame.write_parquet(raw)
    elif kind == "arrow":
        frame.write_ipc(raw)
    else:
        text = frame.write_csv().encode()
        raw = io.BytesIO(gzip.compress(text) if kind.endswith("gz") else text)
    fitted = in_a_process(
        "fit", "-", "--target", "kind", "--budget", "2s", "--out", "-",
        input=raw.getvalue(), stdout=subprocess.PIPE,
    )  # fmt: skip
    assert fitted.returncode == 0, fitted.stderr
    (here / "m.quickprop").write_bytes(fitted.stdout)
    plain = in_a_process("predict", "m.quickprop", "data.csv", stdout=subprocess.PIPE)
    piped = in_a_process(
        "predict", "-", "data.csv", "--out", "-", input=fitted.stdout, stdout=subprocess.PIPE
    )
    assert piped.returncode == 0, piped.stderr
    assert piped.stdout == plain.stdout
    assert len(piped.stdout.splitlines()) == ROWS + 1


def test_what_is_wrong_with_standard_input_is_said_of_it(here: Path):
    done = in_a_process("fit", "-", "--target", "kind", input=b"size,kind\n1,2,3\n")
    assert done.returncode == cli.WRONG
    assert b"standard input" in done.stderr
    assert b"quickprop-" not in done.stderr
    with Path("/dev/zero").open("rb") as zeros:
        done = in_a_process("fit", "-", "--target", "kind", stdin=zeros, timeout=60)
    assert done.returncode == cli.WRONG
    assert b"standard input: not a file or a pipe" in done.stderr


@pytest.mark.parametrize("command", ["predict", "evaluate", "--help", "--version"])
def test_a_reader_that_has_seen_enough_is_no_error(here: Path, model: str, command: str):
    arguments = [command] if command.startswith("-") else [command, model, "data.csv"]
    read, write = os.pipe()
    os.close(read)
    done = in_a_process(*arguments, stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("command", ["predict", "evaluate", "--help", "--version"])
def test_a_closed_output_is_one_line(here: Path, model: str, command: str):
    arguments = command if command.startswith("-") else f"{command} {model} data.csv"
    line = f'exec "{sys.executable}" -m quickprop {arguments} >&-'
    done = subprocess.run(["sh", "-c", line], stderr=subprocess.PIPE, text=True)
    assert done.returncode == (0 if command.startswith("-") else cli.WRONG)
    assert len(done.stderr.splitlines()) == (0 if command.startswith("-") else 1)
    assert "Traceback" not in done.stderr


#: name of an output, words of the error
BAD_OUT = [
    ("n" * 5000, "too long"),
    ("~nobody-of-that-name/m.quickprop", "folder does not exist"),
    ("nowhere/m.quickprop", "folder does not exist"),
]


@pytest.mark.parametrize(("out", "words"), BAD_OUT, ids=[b[1] for b in BAD_OUT])
def test_an_output_that_cannot_be(here: Path, capsys, out: str, words: str):
    assert run("fit", "data.csv", "--target", "kind", "--out", out) == cli.WRONG
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("error: --out")
    assert len(error) < 500


@pytest.mark.parametrize("data", ["n" * 5000, "~nobody-of-that-name/a.csv", "loop.csv"])
def test_data_that_cannot_be(here: Path, capsys, data: str):
    (here / "loop.csv").symlink_to(here / "loop.csv")
    assert run("fit", data, "--target", "kind") == cli.WRONG
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "output" not in error
    assert f"mean {data!r}" not in error
    assert len(error) < 500
