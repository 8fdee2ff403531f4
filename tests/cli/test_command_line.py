"""The main job as a user runs it: good input, and every bad input with its one-line error."""

from __future__ import annotations

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from quickprop import load
from quickprop.cli import app as cli


def table(rows: int = 120, seed: int = 0) -> dict[str, list]:
    """Price is a noisy rule of size and colour; kind is a class."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(20, 200, rows)
    colour = rng.choice(["red", "green", "blue"], rows)
    price = size * 3 + np.where(colour == "red", 100, 0) + rng.normal(size=rows) * 5
    return {
        "size": size.round(3).tolist(),
        "colour": colour.tolist(),
        "price": price.round(3).tolist(),
        "kind": np.where(price > 350, "high", "low").tolist(),
    }


def write(path: Path, columns: dict[str, list]) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def run(*arguments: object, capsys) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    code = cli.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


@pytest.fixture
def fitted(here: Path, capsys) -> Path:
    columns = table()
    del columns["kind"]
    write(here / "houses.csv", columns)
    code, _, err = run("fit", "houses.csv", "--target", "price", "--budget", "20s", capsys=capsys)
    assert code == 0, err
    return here / "houses.quickprop"


def test_fit_shows_what_was_done_and_writes_the_model(here: Path, capsys):
    write(here / "houses.csv", table())
    code, out, _ = run(
        "fit", "houses.csv", "--target", "price", "--out", "m.quickprop", capsys=capsys
    )
    assert code == 0
    for word in [
        "regression",
        "RMSE",
        "MAE",
        "R2",
        "network",
        "linear",
        "dummy",
        "kept",
        "stopped",
    ]:
        assert word in out
    assert (here / "m.quickprop").is_file()
    assert sorted(path.name for path in here.iterdir()) == ["houses.csv", "m.quickprop"]


def test_json_is_one_object_and_nothing_else(here: Path, capsys):
    write(here / "houses.csv", table())
    code, out, _ = run("fit", "houses.csv", "--target", "kind", "--json", capsys=capsys)
    facts = json.loads(out)
    assert code == 0
    assert facts["task"] == "classification"
    assert set(facts["scores"]) == {"network", "single", "linear", "dummy"}
    assert set(facts["scores"]["network"]) == {"accuracy", "log_loss", "macro_f1", "auc"}
    assert facts["rows"]["read"] == 120
    assert facts["rows"]["train"] + facts["rows"]["validation"] + facts["rows"]["test"] == 120
    assert facts["model"] == "houses.quickprop"


@pytest.mark.parametrize("ending", [".csv.gz", ".parquet", ".arrow"])
def test_other_kinds_of_file(here: Path, capsys, ending: str):
    frame = pl.DataFrame(table())
    path = here / f"houses{ending}"
    if ending == ".csv.gz":
        path.write_bytes(gzip.compress(frame.write_csv().encode()))
    elif ending == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_ipc(path)
    code, out, err = run("fit", path, "--target", "kind", "--json", capsys=capsys)
    assert code == 0, err
    assert json.loads(out)["task"] == "classification"


def test_predict_takes_columns_in_any_order(fitted: Path, here: Path, capsys):
    columns = table(10, seed=1)
    shuffled = {"extra": list(range(10)), "colour": columns["colour"], "size": columns["size"]}
    plain = {"size": columns["size"], "colour": columns["colour"], "kind": columns["kind"]}
    write(here / "a.csv", shuffled)
    write(here / "b.csv", plain)
    code, _, err = run("predict", fitted, "a.csv", "--out", "a.out.csv", capsys=capsys)
    assert code == 0
    assert "kind" in err or "not used" in err
    run("predict", fitted, "b.csv", "--out", "b.out.csv", capsys=capsys)
    a, b = (pl.read_csv(here / name)["price"].to_list() for name in ("a.out.csv", "b.out.csv"))
    assert a == b
    error = np.abs(np.array(a) - columns["price"]).mean()
    assert error < np.abs(np.array(columns["price"]) - np.mean(columns["price"])).mean()


def test_predict_handles_unseen_and_missing_cells(fitted: Path, here: Path, capsys):
    (here / "odd.csv").write_text("size,colour\n50,purple\n,red\n70,\n")
    code, _, err = run("predict", fitted, "odd.csv", "--out", "p.parquet", capsys=capsys)
    assert code == 0, err
    assert np.isfinite(pl.read_parquet(here / "p.parquet")["price"].to_numpy()).all()


def test_probabilities(here: Path, capsys):
    write(here / "houses.csv", table())
    run("fit", "houses.csv", "--target", "kind", "--budget", "2s", capsys=capsys)
    code, _, _ = run(
        "predict", "houses.quickprop", "houses.csv", "--proba", "--out", "p.csv", capsys=capsys
    )
    assert code == 0
    shares = pl.read_csv(here / "p.csv")
    assert shares.columns == ["high", "low"]
    np.testing.assert_allclose(shares.to_numpy().sum(axis=1), 1, atol=1e-6)


def test_evaluate_gives_the_scores_of_a_file(fitted: Path, here: Path, capsys):
    write(here / "more.csv", table(50, seed=2))
    code, out, _ = run("evaluate", fitted, "more.csv", "--json", capsys=capsys)
    assert code == 0
    scores = json.loads(out)["scores"]
    assert set(scores) == {"rmse", "mae", "r2"}
    assert scores["r2"] > 0.9


def test_target_cells_that_are_missing_are_set_aside(here: Path, capsys):
    columns = table()
    columns["price"][:7] = [""] * 7
    write(here / "holes.csv", columns)
    code, out, _ = run("fit", "holes.csv", "--target", "price", "--json", capsys=capsys)
    facts = json.loads(out)
    assert code == 0
    assert facts["rows"]["set_aside"] == 7
    assert any("7 rows" in note for note in facts["notes"])


COLUMNS = table(40)
TEXT_LATER = {**COLUMNS, "size": ["big"] * 40}
#: name, content of data.csv (None: no file), arguments after "fit data.csv", words of the error
BAD = [
    ("no such file", None, ["--target", "price"], "no such file"),
    ("no such target", COLUMNS, ["--target", "prise"], "did you mean 'price'"),
    ("empty file", "", ["--target", "price"], "empty"),
    ("header only", "size,price\n", ["--target", "price"], "no rows"),
    ("one row", "size,price\n1,2\n", ["--target", "price"], "row"),
    ("constant target", {**COLUMNS, "price": [1.5] * 40}, ["--target", "price"],
     "every cell is the same"),
    ("one class", {**COLUMNS, "kind": ["low"] * 40}, ["--target", "kind"], "one class"),
    ("missing target", {**COLUMNS, "price": [""] * 40}, ["--target", "price"], "missing"),
    ("infinite target", {**COLUMNS, "price": [1.5, "inf"] * 20}, ["--target", "price"], "infinite"),
    ("no columns", {"price": COLUMNS["price"]}, ["--target", "price"], "no column"),
    ("only constants", {"a": [1] * 40, "price": COLUMNS["price"]}, ["--target", "price"],
     "no column"),
    ("budget 0", COLUMNS, ["--target", "price", "--budget", "0"], "above 0"),
    ("budget below 0", COLUMNS, ["--target", "price", "--budget=-3s"], "above 0"),
    ("budget text", COLUMNS, ["--target", "price", "--budget", "soon"], "30s"),
    ("hidden text", COLUMNS, ["--target", "price", "--hidden", "a,b"], "64,64"),
    ("hidden zero", COLUMNS, ["--target", "price", "--hidden", "0"], "1 to 16384"),
    ("unknown task", COLUMNS, ["--target", "price", "--task", "regresion"], "did you mean"),
    ("text as regression", COLUMNS, ["--target", "kind", "--task", "regression"], "kind"),
    ("seed below 0", COLUMNS, ["--target", "price", "--seed", "-1"], "seed"),
    ("out is a folder", COLUMNS, ["--target", "price", "--out", "."], "folder"),
    ("out in no folder", COLUMNS, ["--target", "price", "--out", "no/where/m"], "folder"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "arguments", "words"), BAD, ids=[b[0] for b in BAD])
def test_bad_input_is_one_line_and_nothing_is_written(
    here: Path, capsys, name: str, content, arguments: list[str], words: str
):
    if isinstance(content, str):
        (here / "data.csv").write_text(content)
    elif content is not None:
        write(here / "data.csv", content)
    before = sorted(here.rglob("*"))
    code, out, err = run("fit", "data.csv", *arguments, capsys=capsys)
    assert code != 0
    assert words.lower() in err.lower()
    assert err.startswith("error: ")
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in out + err
    assert sorted(here.rglob("*")) == before


def test_strange_columns_are_treated(here: Path, capsys):
    rows = 60
    columns = {
        **table(rows),
        "nothing": [""] * rows,
        "same": ["x"] * rows,
        "id": [f"row {k}" for k in range(rows)],
        "infinite": [1.0, "inf", -2.0] * (rows // 3),
    }
    write(here / "strange.csv", columns)
    code, out, err = run("fit", "strange.csv", "--target", "price", "--json", capsys=capsys)
    assert code == 0, err
    notes = " ".join(json.loads(out)["notes"])
    for name in ("nothing", "same", "id", "infinite"):
        assert name in notes


#: content of the table to predict, words of the error
BAD_NEW = [
    ("size\n1\n", "colour"),
    ("size,colour\nbig,red\n", "size"),
    ("", "empty"),
]


@pytest.mark.parametrize(("content", "words"), BAD_NEW)
def test_bad_new_tables(fitted: Path, here: Path, capsys, content: str, words: str):
    (here / "new.csv").write_text(content)
    code, _, err = run("predict", fitted, "new.csv", "--out", "p.csv", capsys=capsys)
    assert code != 0
    assert words in err
    assert not (here / "p.csv").exists()


def test_probabilities_of_a_regression_are_refused(fitted: Path, here: Path, capsys):
    code, _, err = run("predict", fitted, "houses.csv", "--proba", capsys=capsys)
    assert code != 0
    assert "no class probabilities" in err


def test_an_unknown_class_is_named(here: Path, capsys):
    write(here / "houses.csv", table())
    run("fit", "houses.csv", "--target", "kind", "--budget", "1s", capsys=capsys)
    other = table(10)
    other["kind"][3] = "middling"
    write(here / "other.csv", other)
    code, _, err = run("evaluate", "houses.quickprop", "other.csv", capsys=capsys)
    assert code != 0
    assert "middling" in err


def test_demo(here: Path, capsys):
    given = ("--data", "iris", "--budget", "10s", "--out", "iris.quickprop")
    code, out, _ = run("demo", *given, capsys=capsys)
    assert code == 0
    assert load("iris.quickprop").report.task == "classification"
    assert "accuracy" in out
    assert "predicted" in out


#: Starts the command as the installed script does; the first heavy import is met by Ctrl-C.
LOADING = """
import sys

class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise KeyboardInterrupt

sys.meta_path.insert(0, CtrlC())
sys.argv = ["quickprop", "--version"]
from quickprop.__main__ import run
run()
"""


def test_ctrl_c_while_packages_are_loaded_is_one_line():
    done = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True)
    assert done.returncode == 128 + signal.SIGINT
    assert done.stderr == "stopped before there was anything to keep\n"
    assert done.stdout == ""


def test_module_is_a_command():
    command = [sys.executable, "-m", "quickprop", "--version"]
    assert subprocess.run(command, capture_output=True, text=True).stdout.startswith("quickprop ")


def test_version_and_help(here: Path, capsys):
    assert "quickprop" in run("--version", capsys=capsys)[1]
    assert "predict" in run("--help", capsys=capsys)[1]


#: Ctrl-C while the code of the network is compiled.
COMPILING = """
import os, signal, sys, time
from quickprop.__main__ import run
from quickprop.native import jit

compile_object = jit.compile_object

def interrupted(text):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.2)
    return compile_object(text)

jit.compile_object = interrupted
sys.argv = ["quickprop", "fit", "houses.csv", "--target", "price", "--hidden", "53"]
run()
"""


def test_ctrl_c_before_anything_was_learned_keeps_nothing(here: Path):
    write(here / "houses.csv", table(400))
    done = subprocess.run(
        [sys.executable, "-c", COMPILING],
        cwd=here, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "QUICKPROP_CACHE_DIR": str(here / "cache")},
    )  # fmt: skip
    assert done.returncode == 128 + signal.SIGINT
    assert done.stderr.splitlines()[-1] == "stopped before there was anything to keep"
    assert not list(here.glob("*.quickprop"))


def test_a_budget_too_small_to_learn_anything_is_not_judged(here: Path, capsys):
    write(here / "houses.csv", table(400))
    code, out, _ = run("fit", "houses.csv", "--target", "price", "--budget", "1ms", capsys=capsys)
    assert code == 0
    # Whether making the table ready or the step's code used it up depends on the machine.
    words = " ".join(out.split())
    assert "before the first step" in words or "too small for a single step" in words
    assert "Not judged: the network still has its starting weights." in " ".join(out.split())


#: The command line, which sends itself the signal of the first argument after the third epoch.
#: A signal after a time would come before or after the training on another machine.
SIGNALLED = """
import os, signal, sys
from quickprop.__main__ import run
from quickprop.cli.commands import fit as command
from quickprop.train import Callback

number = getattr(signal, sys.argv.pop(1))
train = command.fit

class Signal(Callback):
    def on_epoch(self, record, progress):
        if record.epoch == 3:
            os.kill(os.getpid(), number)

command.fit = lambda *a, callbacks=(), **k: train(*a, callbacks=[*callbacks, Signal()], **k)
run()
"""


def signalled(here: Path, name: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", SIGNALLED, name, "fit", "houses.csv", "--target", "price", "--json"],
        cwd=here, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_saves_the_best_so_far(here: Path, capsys, name: str):
    write(here / "houses.csv", table(400))
    done = signalled(here, name)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert "Ctrl-C" in facts["stopped"] or "interrupt" in facts["stopped"].lower()
    assert facts["epochs"] == 3
    code, _, err = run("evaluate", "houses.quickprop", "houses.csv", capsys=capsys)
    assert code == 0, err


def test_a_killed_fit_leaves_no_half_file(here: Path):
    write(here / "houses.csv", table(400))
    assert signalled(here, "SIGKILL").returncode == -signal.SIGKILL
    assert sorted(path.name for path in here.iterdir()) == ["houses.csv"]
