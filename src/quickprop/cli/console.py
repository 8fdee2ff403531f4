"""What the commands show, for reading and for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from quickprop.cli.streams import standard_output
from quickprop.foundation.version import __version__
from quickprop.models import Standing, TableModel
from quickprop.models.report import ON_TEST

SCORE_NAMES = {
    "accuracy": "accuracy",
    "log_loss": "log-loss",
    "macro_f1": "macro-F1",
    "auc": "AUC",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R2",
}


class _Plain(Console):
    """A console that ends no process."""

    def on_broken_pipe(self) -> None:
        """Leave it to who writes; by default the process would end with an error."""
        raise  # called while the error is handled


def console(aside: bool = False) -> Console:
    """Where results are shown, or side remarks."""
    # Names of columns and files are shown as they are, even where they look like markup.
    return _Plain(stderr=aside, highlight=False, markup=False)


def show_report(results: Console, model: TableModel) -> None:
    """The facts of a fit, for reading."""
    report = model.report
    rows = report.rows
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    facts.add_row("task", f"{report.task} of {report.target!r}: {report.reason}")
    used = f"{rows['train']:,} to train"
    if rows["validation"]:
        used += f", {rows['validation']:,} to choose the epoch"
    if rows["test"] or not report.plan:
        used += f", {rows['test']:,} to test"
    facts.add_row("rows", f"{rows['read']:,} read: {used}")
    if report.split != "at random":
        facts.add_row("split", report.split)
    facts.add_row("columns", "\n".join(report.notes))
    if report.plan:
        facts.add_row("plan", report.plan)
        facts.add_row("model", report.network)
    else:
        facts.add_row("network", report.network)
        kept = f"{report.epochs} run, epoch {report.best_epoch} kept: the lowest validation loss"
        if not report.best_epoch:
            kept = f"{report.epochs} run, the starting weights kept"
        facts.add_row("epochs", kept)
    facts.add_row("stopped", report.stopped)
    seconds = report.seconds
    facts.add_row("time", f"{seconds['training']:.2f} s training, {seconds['total']:.2f} s in all")
    results.print(facts)
    if report.leaderboard:
        results.print()
        results.print(_leaderboard(report.leaderboard))
    if report.scores and report.judged == ON_TEST:
        results.print()
        results.print(_score_table(report.scores, report.judged))
    if report.ahead:
        results.print()
        results.print(_score_table(report.ahead, "ahead in time"))
    results.print()
    results.print(report.verdict)


def _leaderboard(standings: Sequence[Standing]) -> Table:
    title = "out of fold (the loss of a row with its standard error, and scores)"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    table.add_column("loss", justify="right")
    for name in standings[0].scores:
        table.add_column(SCORE_NAMES[name], justify="right")
    for name in ("parameters", "seconds"):
        table.add_column(name, justify="right")
    for one in standings:
        table.add_row(
            f"{one.name} (kept)" if one.kept else one.name,
            f"{one.loss:.4g} ± {one.error:.2g}",
            *(f"{value:.4g}" for value in one.scores.values()),
            f"{one.parameters:,}" if one.networks else "",
            f"{one.seconds:.2f}",
            style="bold" if one.kept else None,
        )
    return table


def _score_table(scores: dict[str, dict[str, float]], title: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for name in scores["network"]:
        table.add_column(SCORE_NAMES[name], justify="right")
    for who, values in scores.items():
        style = "bold" if who == "network" else None
        table.add_row(who, *(f"{value:.4g}" for value in values.values()), style=style)
    return table


def report_document(model: TableModel, path: str | None) -> dict[str, Any]:
    """The facts of a fit, for programs."""
    document = model.report.to_document()
    document["model"] = path
    document["version"] = __version__
    return document


def print_json(document: dict[str, Any]) -> None:
    """One JSON object on standard output."""
    with standard_output():
        print(json.dumps(_finite(document)))


def _finite(value: Any) -> Any:
    """The same with null for numbers that JSON cannot hold."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
