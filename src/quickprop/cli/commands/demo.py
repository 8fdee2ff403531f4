"""quickprop demo: the main job on a small real table that ships with quickprop."""

from __future__ import annotations

from rich.table import Table

from quickprop.cli.commands.fit import fit_with_bar, save
from quickprop.cli.console import console, show_report
from quickprop.cli.endings import LEFT
from quickprop.cli.streams import check_writable, standard_output
from quickprop.data import SAMPLES, read_table
from quickprop.errors import SettingError, did_you_mean


def show_demo(name: str, *, budget: float, seed: int, out: str | None) -> None:
    """Fit, show the report and a few predictions."""
    if name not in SAMPLES:
        raise SettingError(
            "no such table",
            where="--data",
            allowed=", ".join(SAMPLES),
            given=name[:80],
            hint=did_you_mean(name, SAMPLES),
        )
    sample = SAMPLES[name]
    if out is not None:
        check_writable(out, str(sample.path))
    results = console()
    with standard_output():
        results.print(f"{sample.name}: {sample.about}", style="bold")
        results.print(f"{sample.source}. {sample.licence}\n", style="dim")
    model = fit_with_bar(
        str(sample.path), sample.target, "auto", None, budget, seed, console(aside=True)
    )
    frame = read_table(sample.path)
    some = frame[:5]
    table = Table(title="\nfive rows", title_justify="left", box=None, pad_edge=False)
    table.add_column("true", justify="right")
    table.add_column("predicted", justify="right")
    for true, predicted in zip(some[sample.target].to_list(), model.predict(some), strict=True):
        shown = predicted if isinstance(predicted, str) else f"{predicted:.4g}"
        table.add_row(str(true), str(shown))
    if out is not None:
        save(model, out)
    with standard_output():
        show_report(results, model)
        results.print(table)
        if out is not None:
            results.print(f"\nmodel written to {out}")
    LEFT.done()
