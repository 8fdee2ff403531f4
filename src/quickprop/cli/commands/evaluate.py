"""quickprop evaluate: score a model on a labelled table."""

from __future__ import annotations

from rich.table import Table

from quickprop.cli.commands.predict import say_deviations
from quickprop.cli.console import SCORE_NAMES, console, print_json
from quickprop.cli.endings import LEFT
from quickprop.cli.streams import STREAM, input_file, input_table, standard_output
from quickprop.data import TableFile
from quickprop.errors import SettingError
from quickprop.models import TableModel


def evaluate_model(model: str, data: TableFile, *, as_json: bool, strict: bool) -> None:
    """Read, predict, and show the scores."""
    if model == STREAM and data.path == STREAM:
        raise SettingError("standard input can only be one of the two", where="MODEL, DATA")
    with input_file(model, ".quickprop") as source:
        loaded = TableModel.load(source)
    with input_table(data) as file:
        reading = loaded.read(file)
        say_deviations(loaded, reading, strict=strict)
        scores = loaded.evaluate(reading)
    if as_json:
        print_json({"task": loaded.task, "target": loaded.report.target, "scores": scores})
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        for name, value in scores.items():
            table.add_row(SCORE_NAMES[name], f"{value:.4g}")
        with standard_output():
            console().print(table)
    LEFT.done()
