"""quickprop fit: train a network on a table, say how good it is, and write a model file."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from quickprop.cli.console import console, print_json, report_document, show_report
from quickprop.cli.endings import LEFT
from quickprop.cli.streams import (
    STREAM,
    check_writable,
    default_out,
    input_table,
    standard_output,
)
from quickprop.data import TableFile
from quickprop.foundation.interrupts import held_interrupts
from quickprop.models import TableModel
from quickprop.selection import fit
from quickprop.train import StageBar


@dataclass(frozen=True)
class SearchOptions:
    """Options of a search, as `quickprop.fit` takes them."""

    test: float | None = None
    folds: int | None = None
    fits: int | None = None
    prefer: str = "simple"
    threads: int | None = None


_USUAL = SearchOptions()


def fit_table(
    data: TableFile,
    target: str,
    *,
    out: str | None,
    task: str,
    hidden: list[int] | None,
    budget: float,
    seed: int,
    group: str | None = None,
    time: str | None = None,
    as_json: bool,
    missing: list[str] | None = None,
    asked: SearchOptions = _USUAL,
) -> None:
    """Fit, write the model, show the report."""
    source = os.fsdecode(data.path)
    path = out or default_out(source)
    check_writable(path, source, named=out is not None)
    aside = console(aside=True)
    with input_table(data) as file:
        model = fit_with_bar(
            file, target, task, hidden, budget, seed, aside, bar=not as_json, group=group,
            time=time, missing=missing, asked=asked,
        )  # fmt: skip
    save(model, path)
    if as_json and path != STREAM:
        print_json(report_document(model, path))
    elif path == STREAM:
        show_report(aside, model)
    else:
        results = console()
        with standard_output():
            show_report(results, model)
            results.print(f"\nmodel written to {path}")
    LEFT.done()


def fit_with_bar(
    data: str | TableFile,
    target: str,
    task: str,
    hidden: list[int] | None,
    budget: float,
    seed: int,
    aside: Console,
    *,
    bar: bool = True,
    missing: list[str] | None = None,
    group: str | None = None,
    time: str | None = None,
    asked: SearchOptions = _USUAL,
) -> TableModel:
    """Fit, with a bar where someone can see it."""
    shown = StageBar(aside)
    show = bar and aside.is_terminal
    try:
        return fit(
            data,
            target,
            task=task,
            hidden=hidden,
            budget=budget,
            seed=seed,
            missing=missing,
            group=group,
            time=time,
            # A search tells of its stages alone: its networks train side by side.
            callbacks=[shown] if show and hidden is not None else [],
            test=asked.test,
            folds=asked.folds,
            fits=asked.fits,
            prefer=asked.prefer,
            threads=asked.threads,
            on_stage=shown.on_stage if show else None,
        )
    finally:
        shown.close()


def save(model: TableModel, path: str) -> None:
    """Write the model file; what was learned is not lost to a signal that comes meanwhile."""
    with held_interrupts() as interrupts:
        interrupts.closing = True
        if path != STREAM:
            model.save(path)
            LEFT.keep("model is", path)
            return
        with tempfile.TemporaryDirectory(prefix="quickprop-") as folder:
            written = Path(folder) / "model.quickprop"
            model.save(written)
            with standard_output(), written.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
