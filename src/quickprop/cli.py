"""The command line: quickprop fit, predict, evaluate, demo."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
import typer.core
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from quickprop import __version__
from quickprop.data import SAMPLES, csv_text, read_table, write_table
from quickprop.errors import QuickpropError, SettingError
from quickprop.models import TableModel, fit
from quickprop.train import Callback
from quickprop.train import Progress as FitProgress


class _BrokenOffError(Exception):
    """Ctrl-C inside a command, which typer would end without a word."""


class _Commands(typer.core.TyperGroup):
    """The commands; Ctrl-C comes out of them."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise _BrokenOffError from None


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Neural networks, compiled: from a table to a trusted network.",
)

_UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_SCORE_NAMES = {
    "accuracy": "accuracy",
    "log_loss": "log-loss",
    "macro_f1": "macro-F1",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R2",
}
#: Exit codes: something given was wrong; the user broke off.
WRONG, BROKEN_OFF = 2, 130


def parse_budget(text: str) -> float:
    """Seconds from "30s", "2m", "500ms", "1.5h" or a plain number."""
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*(ms|s|min|m|h|)\s*", text.lower())
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not seconds > 0:
        raise SettingError(
            "not a time to train",
            where="--budget",
            allowed="a time above 0 such as 30s, 2m, 500ms",
            given=text,
        )
    return seconds


def parse_hidden(text: str | None) -> list[int] | None:
    """Widths from "64,64"."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",") if part.strip()]
    # int() refuses superscripts, which are digits too, and numbers of thousands of digits.
    if not all(part.isdecimal() and len(part) <= 9 for part in parts):
        raise SettingError(
            "not the widths of hidden layers",
            where="--hidden",
            allowed="whole numbers with commas, such as 64,64",
            given=text[:80],
        )
    return [int(part) for part in parts]


class _Bar(Callback):
    """A progress bar on standard error, when that is a terminal."""

    def __init__(self, console: Console) -> None:
        self.progress = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[facts]}"),
            console=console,
            transient=True,
        )
        self.task: TaskID | None = None
        self.losses = ""

    def on_stage(self, words: str) -> None:
        """A new stage has begun."""
        if self.task is None:
            self.progress.start()
            self.task = self.progress.add_task(words, total=1.0, facts="")
        self.progress.update(self.task, description=words.split(" the ")[0], facts="")

    def on_slice(self, progress: FitProgress) -> None:
        """Training has gone on a little."""
        if self.task is None:
            return
        done = (progress.epoch - 1 + progress.fraction) / progress.epochs
        facts = f"epoch {progress.epoch}/{progress.epochs}  loss {progress.train_loss:.4f}"
        record = progress.history.epochs[-1] if progress.history.epochs else None
        if record is not None and record.validation_loss is not None:
            facts += f"  validation {record.validation_loss:.4f}"
        if progress.seconds_left is not None:
            left = max(progress.seconds_left, 0.0)
            facts += f"  {left:.0f} s left"
            spent = progress.seconds / max(progress.seconds + left, 1e-9)
            done = max(done, spent)
        self.progress.update(self.task, completed=min(done, 1.0), facts=facts)

    def close(self) -> None:
        """Take the bar away."""
        if self.task is not None:
            self.progress.stop()


def _consoles(as_json: bool) -> tuple[Console, Console]:
    """Where results and where side remarks are written."""
    # Names of columns and files are shown as they are, even where they look like markup.
    aside = Console(stderr=True, highlight=False, markup=False)
    return (aside if as_json else Console(highlight=False, markup=False)), aside


def _fit(
    data: str | Path,
    target: str,
    *,
    task: str,
    hidden: list[int] | None,
    budget: float,
    seed: int,
    as_json: bool,
    aside: Console,
) -> TableModel:
    bar = _Bar(aside)
    show = aside.is_terminal and not as_json
    try:
        return fit(
            str(data),
            target,
            task=task,
            hidden=hidden,
            budget=budget,
            seed=seed,
            callbacks=[bar] if show else [],
            on_stage=bar.on_stage if show else None,
        )
    finally:
        bar.close()


def show_report(console: Console, model: TableModel) -> None:
    """The facts of a fit, for reading."""
    report = model.report
    rows = report.rows
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    facts.add_row("task", f"{report.task} of {report.target!r}: {report.reason}")
    used = f"{rows['train']:,} to train, {rows['validation']:,} to choose the epoch"
    facts.add_row("rows", f"{rows['read']:,} read: {used}, {rows['test']:,} to test")
    facts.add_row("columns", "\n".join(report.notes))
    facts.add_row("network", report.network)
    kept = f"{report.epochs} run, epoch {report.best_epoch} kept: the lowest validation loss"
    if not report.best_epoch:
        kept = f"{report.epochs} run, the starting weights kept"
    facts.add_row("epochs", kept)
    facts.add_row("stopped", report.stopped)
    seconds = report.seconds
    facts.add_row("time", f"{seconds['training']:.2f} s training, {seconds['total']:.2f} s in all")
    console.print(facts)
    if report.scores:
        console.print()
        console.print(_score_table(report.scores))
    console.print()
    console.print(report.verdict)


def _score_table(scores: dict[str, dict[str, float]]) -> Table:
    table = Table(title="on the test part", title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for name in scores["network"]:
        table.add_column(_SCORE_NAMES[name], justify="right")
    for who, values in scores.items():
        style = "bold" if who == "network" else None
        table.add_row(who, *(f"{value:.4g}" for value in values.values()), style=style)
    return table


def report_document(model: TableModel, path: Path | None) -> dict[str, Any]:
    """The facts of a fit, for programs."""
    document = model.report.to_document()
    document["model"] = None if path is None else str(path)
    document["version"] = __version__
    return _finite(document)


def _finite(value: Any) -> Any:
    """The same with null for numbers that JSON cannot hold."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def _default_out(data: str) -> Path:
    name = Path(data).name
    for ending in (".gz", ".csv", ".tsv", ".parquet", ".arrow", ".ipc", ".feather"):
        name = name.removesuffix(ending)
    return Path(f"{name or 'model'}.quickprop")


def _check_writable(path: Path, *sources: str | Path) -> None:
    """Find out before the work, not after it, that a path cannot or must not be written."""
    for source in sources:
        given = Path(source).expanduser()
        if path.exists() and given.exists() and path.samefile(given):
            raise SettingError(
                "this would overwrite a file that is read",
                where=f"--out {path}",
                hint="choose another name",
            )
    parent = path.expanduser().absolute().parent
    if path.is_dir() or not parent.is_dir():
        raise SettingError(
            "this is a folder" if path.is_dir() else "its folder does not exist",
            where=f"--out {path}",
            hint="name a file in a folder that exists",
        )


@app.command("fit")
def fit_command(
    data: Annotated[str, typer.Argument(help="CSV (also .gz), Parquet or Arrow file.")],
    target: Annotated[str, typer.Option(help="The column to predict.")],
    out: Annotated[
        Path | None, typer.Option(help="The model file. Default: DATA's name with .quickprop.")
    ] = None,
    task: Annotated[str, typer.Option(help="auto, regression or classification.")] = "auto",
    hidden: Annotated[
        str | None, typer.Option(help="Widths of the hidden layers, such as 64,64.")
    ] = None,
    budget: Annotated[str, typer.Option(help="Time to train: 30s, 2m, 500ms.")] = "30s",
    seed: Annotated[int, typer.Option(help="The same seed gives the same model.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Train a network on a table, say how good it is, and write a model file."""
    results, aside = _consoles(as_json)
    seconds, widths = parse_budget(budget), parse_hidden(hidden)
    path = out or _default_out(data)
    _check_writable(path, data)
    model = _fit(
        data, target, task=task, hidden=widths, budget=seconds, seed=seed, as_json=as_json,
        aside=aside,
    )  # fmt: skip
    model.save(path)
    if as_json:
        print(json.dumps(report_document(model, path)))
        return
    show_report(results, model)
    results.print(f"\nmodel written to {path}")


@app.command("predict")
def predict_command(
    model: Annotated[Path, typer.Argument(help="A model file that fit wrote.")],
    data: Annotated[str, typer.Argument(help="A table with the same columns.")],
    out: Annotated[
        Path | None, typer.Option(help="CSV or Parquet file. Default: CSV on stdout.")
    ] = None,
    proba: Annotated[bool, typer.Option("--proba", help="The probability of each class.")] = False,
) -> None:
    """Predict the target for the rows of a table."""
    if out is not None:
        _check_writable(out, data, model)
    loaded = TableModel.load(model)
    frame = read_table(data)
    aside = _consoles(True)[1]
    extra = loaded.extra_columns(frame)
    if extra:
        shown = ", ".join(extra[:8]) + (", ..." if len(extra) > 8 else "")
        aside.print(f"note: columns that are not used: {shown}")
    columns = predictions(loaded, frame, proba)
    if out is not None:
        write_table(columns, out)
        count = len(next(iter(columns.values())))
        aside.print(f"{count:,} predictions written to {out}")
        return
    print(csv_text(columns), end="")


def predictions(model: TableModel, frame: Any, proba: bool) -> dict[str, Any]:
    """Columns of predictions by name."""
    if not proba:
        return {model.report.target: model.predict(frame)}
    probabilities = model.predict_proba(frame)
    classes = model.classes or ()
    return {str(name): probabilities[:, k] for k, name in enumerate(classes)}


@app.command("evaluate")
def evaluate_command(
    model: Annotated[Path, typer.Argument(help="A model file that fit wrote.")],
    data: Annotated[str, typer.Argument(help="A table with the same columns and the target.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Score a model on a labelled table."""
    loaded = TableModel.load(model)
    scores = loaded.evaluate(data)
    if as_json:
        document = {"task": loaded.task, "target": loaded.report.target, "scores": scores}
        print(json.dumps(_finite(document)))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in scores.items():
        table.add_row(_SCORE_NAMES[name], f"{value:.4g}")
    _consoles(False)[0].print(table)


@app.command("demo")
def demo_command(
    name: Annotated[
        str, typer.Option("--data", help="german_credit, abalone or iris.")
    ] = "abalone",
    budget: Annotated[str, typer.Option(help="Time to train.")] = "10s",
    seed: Annotated[int, typer.Option(help="The same seed gives the same model.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Write the model to this file.")] = None,
) -> None:
    """The main job on a small real table that ships with quickprop."""
    results, aside = _consoles(False)
    if name not in SAMPLES:
        raise SettingError("no such table", where="--data", allowed=", ".join(SAMPLES), given=name)
    sample = SAMPLES[name]
    if out is not None:
        _check_writable(out, sample.path)
    results.print(f"{sample.name}: {sample.about}", style="bold")
    results.print(f"{sample.source}. {sample.licence}\n", style="dim")
    model = _fit(
        sample.path, sample.target, task="auto", hidden=None, budget=parse_budget(budget),
        seed=seed, as_json=False, aside=aside,
    )  # fmt: skip
    show_report(results, model)
    frame = read_table(sample.path)
    some = frame[:5]
    table = Table(title="\nfive rows", title_justify="left", box=None, pad_edge=False)
    table.add_column("true", justify="right")
    table.add_column("predicted", justify="right")
    for true, predicted in zip(some[sample.target].to_list(), model.predict(some), strict=True):
        shown = predicted if isinstance(predicted, str) else f"{predicted:.4g}"
        table.add_row(str(true), str(shown))
    results.print(table)
    if out is not None:
        model.save(out)
        results.print(f"\nmodel written to {out}")


def _version(asked: bool) -> None:
    if asked:
        print(f"quickprop {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; errors of ours become one line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows only ASCII is shown escapes for the rest, not a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            app(arguments)
        finally:
            sys.stdout.flush()
    except QuickpropError as error:
        print(f"error: {error.one_line()}", file=sys.stderr)
        sys.exit(WRONG)
    except (KeyboardInterrupt, _BrokenOffError):
        print("stopped before there was anything to keep", file=sys.stderr)
        sys.exit(BROKEN_OFF)
    except BrokenPipeError:
        # The reader of our output, such as head, has seen enough.
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        # What is still in the buffer must not be tried again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"error: standard output: cannot be written ({error.strerror})", file=sys.stderr)
        sys.exit(WRONG)


if __name__ == "__main__":
    main()
