"""The main job: from a table to a trained, judged and ready model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any, NoReturn

from quickprop.data import row_count, understand
from quickprop.errors import SettingError
from quickprop.foundation.deadline import Deadline
from quickprop.foundation.random_streams import SEED
from quickprop.foundation.settings import Rule, boolean, callback, integer, number, optional
from quickprop.models.enough_rows import enough_rows
from quickprop.models.judgement import Judgement, judge, look_ahead
from quickprop.models.linear_fit import LinearFit, fit_linear, seconds_of_linear
from quickprop.models.prepared import SHARE, Prepared, prepare
from quickprop.models.progress_lines import ProgressLines
from quickprop.models.recipe import MOST_LAYERS, WIDTHS, Recipe, linear_recipe, usual_recipe
from quickprop.models.report import FitReport
from quickprop.models.table_model import TableModel
from quickprop.models.trained import Trained, train_model
from quickprop.nn import Network
from quickprop.train import Callback, StopReason
from quickprop.train.history import Stop

_BUDGET = number(0.0, low_open=True)
_RULES: Mapping[str, Rule] = {
    "budget": optional(_BUDGET),
    "seed": SEED,
    "test": SHARE,
    "epochs": optional(integer(1)),
    "on_stage": optional(callback()),
    "threads": optional(integer(1)),
    "verbose": boolean(),
}
#: Of the time that is left when the table is ready, the most that is set aside for judging.
_MOST_ASIDE = 0.15
#: And for a second network, where the rows are in order of time.
_AHEAD = 0.35
#: Seconds for the code of the linear model and of predictions, when none is remembered.
_COMPILING = 0.2


def fit(
    data: Any,
    target: str,
    *others: Any,
    task: str = "auto",
    hidden: Sequence[int] | None = None,
    budget: float | None = 30.0,
    seed: int = 0,
    test: float = 0.2,
    group: str | None = None,
    time: str | None = None,
    epochs: int | None = None,
    callbacks: Sequence[Callback] = (),
    on_stage: Callable[[str], None] | None = None,
    backend: str | None = None,
    threads: int | None = None,
    verbose: bool = False,
    missing: Sequence[Any] | None = None,
) -> TableModel:
    """Train a network that predicts one column of a table from the others.

    A test part is set aside first and never seen by the fit. Of the rest, a validation part decides
    which epoch's weights are kept. The network is scored on the test part beside a model that
    always says the same and a linear model.

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
        Widths of the hidden layers, such as ``[64, 64]``; empty for a linear model, fitted to
        convergence. Chosen by the number of rows when not given.
    budget : float or None
        Seconds from the call to the return, reading the file apart; None for no limit.
    seed : int
        The same seed and data give the same model.
    test : float
        Share of the rows for the test part; 0 for none, and then there are no scores.
    group : str, optional
        A column that names a person or a device: rows of one stay in one part, so that the scores
        are of new ones, and it is not learned from. Taken without asking where a column repeats
        like one and its rows give each other away; "none" for never.
    time : str, optional
        A column of times: the test part is the last in time, and not drawn by lot. Without it, rows
        that are found to be in order of time are judged both ways; "none" for never.
    epochs : int, optional
        The most epochs to run.
    callbacks : sequence of Callback
        Look on while the network trains.
    on_stage : callable, optional
        Called with a few words when a new stage begins.
    backend : {"native", "reference"}, optional
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
    >>> model = quickprop.fit(sample_path("iris"), target="species", hidden=[16])
    >>> model.report.scores["network"]["accuracy"] > 0.9
    True
    >>> model.predict(sample_path("iris")).shape
    (150,)
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
    started, deadline = perf_counter(), Deadline(plain["budget"])

    def ready(rows: Any) -> Prepared:
        read = understand(rows, missing=missing)
        return prepare(
            read, target, task=task, seed=plain["seed"], test=plain["test"], group=group, time=time,
            deadline=deadline,
        )  # fmt: skip

    enough = enough_rows(data, deadline, plain["seed"], ready)
    reading = understand(enough.data, missing=missing)
    if row_count(data) is None:
        # Reading a file is not counted.
        started, deadline = perf_counter(), Deadline(plain["budget"])
        enough = enough_rows(reading, deadline, plain["seed"], ready)
        reading = enough.data
    say("preparing the columns")
    prepared = enough.counted(ready(reading))
    prepared_at = perf_counter()
    recipe = _recipe(prepared, widths, plain["epochs"])
    say("training")
    linear = None
    if recipe.linear and plain["epochs"] is None:
        linear = fit_linear(
            prepared,
            deadline=deadline,
            callbacks=listeners,
            backend=backend,
            threads=plain["threads"],
        )
    if linear is not None:
        prepared, model = linear.prepared, linear.trained
    else:
        model = train_model(
            prepared,
            recipe,
            seed=plain["seed"],
            budget=_time_to_train(prepared, recipe, deadline) if deadline.limited else None,
            callbacks=listeners,
            backend=backend,
            threads=plain["threads"],
        )
        if recipe.linear:
            linear = LinearFit(prepared, model)
    if model.history.interrupted and not model.history.epochs:
        raise KeyboardInterrupt
    if model.history.reason is StopReason.OUT_OF_TIME:
        # Training knows its own part of the time only.
        words = f"the budget of {budget:g} s was used up"
        if not model.history.epochs:
            words += (
                f" before the first step: preparing took {prepared_at - started:.2f} s; "
                "the weights are the starting ones"
            )
        model.history.end(Stop(StopReason.OUT_OF_TIME, words))
    trained = perf_counter()
    judgement = Judgement({}, "Not judged: no rows were held out for testing.")
    if not model.history.epochs:
        judgement = Judgement({}, "Not judged: the network still has its starting weights.")
    elif len(prepared.split.test):
        try:
            if linear is None:
                say("fitting the linear model to compare with")
                linear = fit_linear(
                    prepared, deadline=deadline, backend=backend, threads=plain["threads"]
                )
                if linear is not None and linear.trained.history.interrupted:
                    raise KeyboardInterrupt
            judgement = judge(prepared, model, linear)
            later, earlier = prepared.deal.later, None
            if later is not None and deadline.left > _COMPILING:
                say("learning from the earlier rows, to judge ahead in time")
                earlier = train_model(
                    prepared,
                    recipe,
                    rows=later.train,
                    validation=later.validation,
                    seed=plain["seed"],
                    budget=deadline.left if deadline.limited else None,
                    backend=backend,
                    threads=plain["threads"],
                )
            if later is not None:
                judgement = look_ahead(judgement, prepared, earlier)
        except KeyboardInterrupt:
            # The network is trained: breaking off here must not lose it.
            linear = None
            judgement = Judgement(
                {}, "Not judged: broken off while the linear model was being fitted."
            )
    done = perf_counter()
    report = _report(prepared, model, judgement, trained, done, started)
    result = TableModel(
        prepared.preprocessor,
        prepared.task,
        model.network,
        model.history,
        report,
        prepared.data_hash,
        schema=prepared.schema,
    )
    if linear is None or linear.trained is model:
        return result
    of_linear = {who: score for who, score in judgement.scores.items() if who != "network"}
    alone = Judgement(
        {"network": of_linear["linear"], **of_linear},
        "This is the linear model of a network's fit.",
    )
    return replace(
        result,
        linear_part=replace(
            result,
            preprocessor=linear.prepared.preprocessor,
            network=linear.trained.network,
            history=linear.trained.history,
            report=_report(linear.prepared, linear.trained, alone, trained, done, started),
        ),
    )


def _recipe(prepared: Prepared, widths: tuple[int, ...] | None, epochs: int | None) -> Recipe:
    """The usual settings with what was asked for."""
    rows = len(prepared.split.train)
    recipe = usual_recipe(rows)
    if widths == ():
        recipe = linear_recipe(prepared.task.linear_penalty(rows))
    elif widths is not None:
        recipe = replace(recipe, hidden=widths)
    return recipe if epochs is None else replace(recipe, epochs=epochs)


def _time_to_train(prepared: Prepared, recipe: Recipe, deadline: Deadline) -> float:
    """Seconds for training: what is left, less what judging will take."""
    left = deadline.left
    aside = 0.0
    if len(prepared.split.test) and not recipe.linear:
        aside = min(_COMPILING + seconds_of_linear(prepared), _MOST_ASIDE * left)
    if prepared.deal.later is not None:
        aside += _AHEAD * left
    # What is not above zero is no budget; training then says that there was no time.
    return max(left - aside, 1e-6)


def _report(
    prepared: Prepared,
    model: Trained,
    judgement: Judgement,
    trained: float,
    done: float,
    started: float,
) -> FitReport:
    history = model.history
    return FitReport(
        task=prepared.choice.kind,
        reason=prepared.choice.reason,
        split=prepared.deal.way,
        ahead=judgement.ahead,
        target=prepared.target,
        rows=prepared.rows,
        notes=prepared.notes,
        network=repr(model.network).strip("<>").removeprefix("Network "),
        scores=judgement.scores,
        verdict=judgement.verdict,
        epochs=len(history.epochs),
        best_epoch=history.best_epoch,
        stopped=history.stopped,
        seconds={
            "training": history.seconds,
            "baselines": done - trained,
            "total": done - started,
        },
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
