"""Names that look like markup, outputs that would overwrite inputs, and streams that fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from quickprop import cli

ROWS = 60
COLUMNS = {
    "size": [(k * 37 % 101) / 3 for k in range(ROWS)],
    "kind": ["high" if k * 37 % 101 > 50 else "low" for k in range(ROWS)],
}


def run(*arguments: str) -> int:
    try:
        cli.main(list(arguments))
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


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


@pytest.mark.parametrize("text", ["²", "9" * 5000, "٤x"])
def test_digits_that_are_no_width(here: Path, capsys, text: str):
    assert run("fit", "data.csv", "--target", "kind", "--hidden", text) == cli.WRONG
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert len(error) < 400


def in_a_process(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "quickprop.cli", *arguments], stderr=subprocess.PIPE, **options
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
