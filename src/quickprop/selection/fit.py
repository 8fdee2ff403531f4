"""The main job: from a table to its best model, judged and ready."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any, NoReturn

from quickprop.data import row_count, understand
from quickprop.errors import SettingError
from quickprop.foundation.deadline import Deadline
from quickprop.foundation.random_streams import SEED
from quickprop.foundation.settings import (
    Rule,
    boolean,
    callback,
    choice,
    integer,
    number,
    optional,
    text,
)
from quickprop.models.enough_rows import enough_rows
from quickprop.models.prepared import SHARE, Prepared, prepare
from quickprop.models.progress_lines import ProgressLines
from quickprop.models.recipe import MOST_LAYERS, WIDTHS
from quickprop.models.table_model import TableModel
from quickprop.nn import Network
from quickprop.selection.one_network import OneNetwork, fit_one
from quickprop.selection.searched import SearchRequest, fit_by_search
from quickprop.train import Callback

_BUDGET = number(0.0, low_open=True)
_RULES: Mapping[str, Rule] = {
    "budget": optional(_BUDGET),
    "seed": SEED,
    "test": optional(SHARE),
    "group": optional(text()),
    "time": optional(text()),
    "epochs": optional(integer(1)),
    "folds": optional(integer(2, 100)),
    "fits": optional(integer(1, 10**6)),
    "prefer": choice({"simple": None, "accurate": None}),
    "on_stage": optional(callback()),
    "threads": optional(integer(1)),
    "verbose": boolean(),
}
#: Seconds below which one network is trained: a search would not come to its end.
_LEAST_FOR_A_SEARCH = 1.5
#: The share of the rows that tests one network, or is the last in time; and of the rest the share
#: that chooses the epoch of one network.
_TEST, _VALIDATION = 0.2, 0.15


def fit(
    data: Any,
    target: str,
    *others: Any,
    task: str = "auto",
    hidden: Sequence[int] | None = None,
    budget: float | None = 20.0,
    seed: int = 0,
    test: float | None = None,
    group: str | None = None,
    time: str | None = None,
    folds: int | None = None,
    fits: int | None = None,
    prefer: str = "simple",
    epochs: int | None = None,
    callbacks: Sequence[Callback] = (),
    on_stage: Callable[[str], None] | None = None,
    backend: str | None = None,
    threads: int | None = None,
    verbose: bool = False,
    missing: Sequence[Any] | None = None,
) -> TableModel:
    """Find the best model that predicts one column of a table from the others.

    The rows are dealt into folds. Networks of several kinds are trained, each without one fold, and
    asked about that fold; of those the best ensemble is put together. Its score is of rows that
    were neither learned from nor chosen by: the weights for the rows of a fold are found on the
    others. The linear model, boosted trees and a model that always says the same are judged on the
    same folds, and where the linear model is as good it is the model.

    With `hidden`, `epochs`, `callbacks` or `backend` one network is trained in place of that: a
    validation part decides which epoch's weights are kept, and the network is scored on a test part
    that was set aside.

    Parameters
    ----------
    data : path or table
        A file as `quickprop.data.read_table` takes it (CSV, Parquet, Excel, SQLite and others), a
        `quickprop.data.TableFile` that says how to read one, or a pandas, polars or pyarrow table.
    target : str
        The column to predict.
    *others
        Refused: this function takes a table. Arrays are learned by `MLPClassifier().fit(X, y)` or
        `MLPRegressor().fit(X, y)`, and a `Network` of yours by `quickprop.train.fit`.
    task : {"auto", "regression", "classification"}
        "auto" decides by the target column; `TableModel.report` says why.
    hidden : sequence of int, optional
        Widths of the hidden layers of one network, such as ``[64, 64]``; empty for a linear model,
        fitted to convergence.
    budget : float or None
        Seconds from the call to the return, reading the file apart; None for no limit. Less is used
        where more does not help. Below 1.5 seconds one network is trained.
    seed : int
        The same seed, data and `fits` give the same model. With a budget in seconds the clock may
        end the search sooner or later.
    test : float, optional
        Share of the rows to set aside as a test part, never seen by the fit: 0 for none. By default
        none, as scores out of fold are of all rows; 0.2 for one network, and with `time`.
    group : str, optional
        A column that names a person or a device: rows of one stay in one part, so that the scores
        are of new ones, and it is not learned from. Taken without asking where a column repeats
        like one and its rows give each other away; "none" for never.
    time : str, optional
        A column of times: the test part is the last in time, and not drawn by lot. Without it, rows
        that are found to be in order of time are judged both ways; "none" for never.
    folds : int, optional
        How many folds. Chosen by the number of rows and the budget when not given.
    fits : int, optional
        The most networks to train, in place of a budget: the result has the same bits on any
        machine of a kind, for any number of threads.
    prefer : {"simple", "accurate"}
        Whether the linear model is the model where the networks cannot be told from it.
    epochs : int, optional
        The most epochs of one network.
    callbacks : sequence of Callback
        Look on while one network trains.
    on_stage : callable, optional
        Called with a few words when a new stage begins.
    backend : {"native", "reference"}, optional
        Of one network.
    threads : int, optional
        The most threads to use.
    verbose : bool
        Whether a line on standard error says what is being done, and how training goes on.
    missing : sequence of str or number, optional
        What stands for a missing cell in this table, such as ``[-999, "unknown"]``. When not given,
        numbers such as -999 that stand apart from all others are taken for it; ``[]`` for none.

    Returns
    -------
    TableModel

    Raises
    ------
    DataError, DataFileError
        The table cannot be read or used.
    SettingError
        An option outside what is allowed.
    KeyboardInterrupt
        Ctrl-C before anything was learned; later it ends the fit, and what was learned is returned.

    Examples
    --------
    >>> import quickprop
    >>> from quickprop.data import sample_path
    >>> model = quickprop.fit(sample_path("iris"), target="species", fits=5)
    >>> model.report.scores["network"]["accuracy"] > 0.9
    True
    >>> model.predict(sample_path("iris")).shape
    (150,)
    >>> one = quickprop.fit(sample_path("iris"), target="species", hidden=[16], epochs=50)
    >>> one.report.rows["test"]
    31
    """
    if others or not isinstance(target, str) or isinstance(data, Network):
        _refuse_arrays(data, target)
    given = locals()
    plain = {name: rule.checked(given[name], name) for name, rule in _RULES.items()}
    widths = None if hidden is None else _checked_widths(hidden)
    if not isinstance(callbacks, list | tuple):
        raise SettingError(
            "not a list of callbacks", where="callbacks", given=repr(callbacks)[:80],
            hint="put it into a list: [callback]",
        )  # fmt: skip
    single = widths is not None or epochs is not None or bool(callbacks) or backend is not None
    _check_ways(single=single, folds=folds, fits=fits)
    # One network with its scores is more than half a search.
    single = single or (fits is None and budget is not None and budget < _LEAST_FOR_A_SEARCH)
    share = plain["test"]
    if share is None:
        share = _TEST if single or (time is not None and time != "none") else 0.0
    listeners = [*callbacks]
    stages: list[Callable[[str], None]] = [] if on_stage is None else [on_stage]
    if verbose:
        lines = ProgressLines()
        listeners.append(lines)
        stages.append(lines.on_stage)

    def say(words: str) -> None:
        for stage in stages:
            stage(words)

    say("reading the table")
    seconds = plain["budget"] if fits is None else None
    started, deadline = perf_counter(), Deadline(seconds)

    def ready(rows: Any) -> Prepared:
        read = understand(rows, missing=missing)
        return prepare(
            read, target, task=task, seed=plain["seed"], test=share, group=group, time=time,
            validation=_VALIDATION if single else 0.0, deadline=deadline,
        )  # fmt: skip

    enough = enough_rows(data, deadline, plain["seed"], ready)
    reading = understand(enough.data, missing=missing)
    if row_count(data) is None:
        # Reading a file is not counted.
        started, deadline = perf_counter(), Deadline(seconds)
        enough = enough_rows(reading, deadline, plain["seed"], ready)
        reading = enough.data
    say("preparing the columns")
    prepared = enough.counted(ready(reading))
    if not single:
        request = SearchRequest(plain["seed"], folds, fits, prefer, plain["threads"], say)
        found = fit_by_search(prepared, request, deadline, started)
        if found is not None:
            return found
        # No time for a single network of a search: one network may still have some, and says so.
        prepared = prepared.with_validation(_VALIDATION, plain["seed"])
    request_one = OneNetwork(
        widths, plain["epochs"], plain["seed"], plain["budget"], tuple(listeners), backend,
        plain["threads"], say,
    )  # fmt: skip
    return fit_one(prepared, request_one, deadline, started)


def _check_ways(*, single: bool, folds: int | None, fits: int | None) -> None:
    """What is asked of a search and what of one network do not go together."""
    asked = [name for name, value in (("folds", folds), ("fits", fits)) if value is not None]
    if single and asked:
        raise SettingError(
            "a setting of a search, and one network was asked for",
            where=asked[0],
            hint="leave it out, or leave out hidden, epochs, callbacks and backend",
        )


def _refuse_arrays(data: object, target: object) -> NoReturn:
    """Two functions are called fit: say which one was meant."""
    if isinstance(data, Network):
        raise SettingError(
            "quickprop.fit learns from a table, and this is a network",
            where="fit",
            hint="call quickprop.train.fit(network, x, y, loss=...) to train a network of yours",
        )
    if isinstance(target, str):
        raise SettingError(
            "more arguments than a table and the name of its target",
            where="fit",
            hint="give settings by their names, for example hidden=[64, 64]",
        )
    tabular = isinstance(data, Mapping) or hasattr(data, "columns")
    if not tabular and (isinstance(target, Iterable) or hasattr(target, "__array__")):
        raise SettingError(
            "quickprop.fit learns from a table and the name of a column in it",
            where="fit",
            given=f"{type(data).__name__} and {type(target).__name__}",
            hint="for arrays call quickprop.MLPClassifier().fit(X, y) or "
            "quickprop.MLPRegressor().fit(X, y); for a table quickprop.fit(table, 'column')",
        )
    raise SettingError(
        "not the name of a column",
        where="target",
        allowed="the name of the column to predict",
        given=repr(target)[:80],
        hint="put the target into the table and name it, for example target='price'",
    )


def _checked_widths(hidden: Sequence[int]) -> tuple[int, ...]:
    widths: tuple[int, ...] = WIDTHS.checked(hidden, "hidden")
    if len(widths) > MOST_LAYERS:
        raise SettingError("too many layers", where="hidden", allowed=f"at most {MOST_LAYERS}")
    return widths
