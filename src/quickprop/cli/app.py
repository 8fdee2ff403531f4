"""The commands: what they are called, what they take, and how an error of theirs is told."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, cast

import typer
import typer.core

from quickprop.cli import commands
from quickprop.cli.arguments import SAMPLES, TASKS, parse_budget, parse_hidden, parser
from quickprop.cli.endings import DONE, LEFT, SIGNALLED, WRONG
from quickprop.data.files.table_file import TableFile
from quickprop.errors import QuickpropError
from quickprop.foundation.version import __version__


class _PipeClosedError(Exception):
    """The reader of our output, such as head, has seen enough."""


class _Commands(typer.core.TyperGroup):
    """The commands; a closed pipe comes out of them, for which typer has an ending of its own."""

    def make_context(self, *args: Any, **settings: Any) -> Any:
        """Read the arguments; the help is shown here."""
        with _pipe_errors_pass():
            return super().make_context(*args, **settings)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        with _pipe_errors_pass():
            return super().invoke(ctx)


@contextmanager
def _pipe_errors_pass() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise _PipeClosedError from None


app = typer.Typer(
    cls=_Commands,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    # Frames and colours round the help would take longer to load than all else that it needs.
    rich_markup_mode=None,
    help="Neural networks, compiled: from a table to a trusted network.",
)
#: What typer raises where it does not understand the command line.
UsageError = cast("type[Exception]", typer.BadParameter.__mro__[1])

Seed = Annotated[int, typer.Option(metavar="NUMBER", help="The same seed gives the same model.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="An error, not a note, where cells are not as the model knows them: new levels, cells "
        "that cannot be read, numbers far out of range.",
    ),
]
ModelFile = Annotated[str, typer.Argument(metavar="MODEL", help="A model file that fit wrote.")]


Encoding = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="How DATA's text is written, such as latin-1."),
]
Delimiter = Annotated[
    str | None,
    typer.Option(metavar="SIGN", help="What stands between cells: a sign, tab or blanks."),
]
Header = Annotated[
    bool | None,
    typer.Option("--header/--no-header", help="Whether the first line of DATA holds names."),
]
OneTable = Annotated[
    str | None,
    typer.Option(
        "--table", metavar="NAME", help="Which table of a database, sheet or file in an archive."
    ),
]


def _budget(default: str) -> Any:
    return typer.Option(
        parser=parser(parse_budget),
        metavar="TIME",
        # What typer calls a default of another type than the text stands in two pairs of brackets.
        help=f"Time to train: 30s, 2m, 500ms. Default: {default}.",
        show_default=False,
    )


@app.command("fit")
def fit(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="CSV or other text, Parquet, Arrow, Excel, JSON lines, SQLite, packed or not; "
            "a folder of Parquet; - reads standard input.",
        ),
    ],
    target: Annotated[str, typer.Option(metavar="COLUMN", help="The column to predict.")],
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The model file. Default: DATA's name with .quickprop."),
    ] = None,
    task: Annotated[
        str,
        typer.Option(
            metavar="TASK",
            help="auto, regression or classification.",
            autocompletion=lambda: list(TASKS),
        ),
    ] = "auto",
    hidden: Annotated[
        Any,
        typer.Option(
            parser=parser(parse_hidden),
            metavar="WIDTHS",
            help="Widths of the hidden layers, such as 64,64; none for a linear model.",
        ),
    ] = None,
    budget: Annotated[Any, _budget("20s; less where more does not help")] = 20.0,
    test: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Share of the rows to set aside for a last test, such as 0.2. Default: none, as "
            "scores are of rows that were not learned from anyway.",
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", help="How many folds. Default: by the number of rows."),
    ] = None,
    fits: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            help="How many networks to train, in place of a time: the same bits every time.",
        ),
    ] = None,
    prefer: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="simple: the linear model, where networks cannot be told from it; or accurate.",
        ),
    ] = "simple",
    jobs: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="The most threads to use.")
    ] = None,
    missing: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SIGN",
            help="What stands for a missing cell, such as -999 or unknown; none for no sign. May "
            "be given several times. Default: what stands far apart.",
        ),
    ] = None,
    seed: Seed = 0,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Rows of one value stay in one part: a person, a device. none for never.",
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Test on the last rows in time. none for never."),
    ] = None,
    as_json: AsJson = False,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    header: Header = None,
    table: OneTable = None,
) -> None:
    """Train a network on a table and write a model file."""
    source = TableFile(data, encoding, delimiter, header, table)
    commands.fit_table(
        source,
        target,
        out=out,
        task=task,
        hidden=hidden,
        budget=budget,
        seed=seed,
        group=group,
        time=time,
        as_json=as_json,
        missing=missing,
        asked=commands.SearchOptions(test, folds, fits, prefer, jobs),
    )


@app.command("predict")
def predict(
    model: ModelFile,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="A table with the same columns; - reads standard input."
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="CSV or Parquet file. Default: CSV on standard output."),
    ] = None,
    proba: Annotated[bool, typer.Option("--proba", help="The probability of each class.")] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="A column of the table to write beside the predictions, such as one that names "
            "the row. May be given several times, or with commas.",
        ),
    ] = None,
    strict: Strict = False,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    header: Header = None,
    table: OneTable = None,
) -> None:
    """Predict the target for the rows of a table."""
    source = TableFile(data, encoding, delimiter, header, table)
    commands.predict_table(model, source, out=out, proba=proba, keep=keep or (), strict=strict)


@app.command("evaluate")
def evaluate(
    model: ModelFile,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A table with the same columns and the target; - reads standard input.",
        ),
    ],
    as_json: AsJson = False,
    strict: Strict = False,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    header: Header = None,
    table: OneTable = None,
) -> None:
    """Score a model on a labelled table."""
    source = TableFile(data, encoding, delimiter, header, table)
    commands.evaluate_model(model, source, as_json=as_json, strict=strict)


@app.command("demo")
def demo(
    name: Annotated[
        str,
        typer.Option(
            "--data",
            metavar="NAME",
            help="german_credit, abalone or iris.",
            autocompletion=lambda: list(SAMPLES),
        ),
    ] = "abalone",
    budget: Annotated[float, _budget("10s")] = 10.0,
    seed: Seed = 0,
    out: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the model to this file.")
    ] = None,
) -> None:
    """The main job on a small real table that ships with quickprop."""
    commands.show_demo(name, budget=budget, seed=seed, out=out)


@app.callback()
def _all(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if version:
        print(f"quickprop {__version__}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code. Whatever ends it is told in one line.

    Raises
    ------
    KeyboardInterrupt
        Ctrl-C, or a request to terminate; `LEFT` says what is left of the work.
    """
    LEFT.begin()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows only ASCII is shown escapes for the rest, not a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    command = typer.main.get_command(app)
    try:
        code = command.main(arguments, prog_name="quickprop", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except QuickpropError as error:
        return _refused(error.one_line())
    except UsageError as error:
        return _refused(_usage(error))
    except typer.Abort:
        raise KeyboardInterrupt from None
    except (_PipeClosedError, BrokenPipeError):
        _drop_output()
        return DONE
    except OSError as error:
        of = f"{error.filename}: " if error.filename else ""
        return _refused(f"{of}{error.strerror or error}")
    # typer has caught a Ctrl-C of its own where it read the arguments.
    if code == SIGNALLED + 2:
        raise KeyboardInterrupt
    return code if isinstance(code, int) else DONE


def _refused(line: str) -> int:
    print(f"error: {line}", file=sys.stderr)
    _drop_output()
    return WRONG


def _usage(error: Any) -> str:
    """What typer has to say, and where to read on."""
    text = " ".join(error.format_message().split()).rstrip(".")
    path = getattr(getattr(error, "ctx", None), "command_path", "quickprop")
    return f"{text}. See {path} --help"


def _drop_output() -> None:
    """What is still in the buffer must not be tried again when Python ends."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
