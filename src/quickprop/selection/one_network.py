"""One network of a table: trained, judged on a test part, beside the linear model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter

from quickprop.foundation.deadline import Deadline
from quickprop.models.judgement import Judgement, judge, look_ahead
from quickprop.models.linear_fit import LinearFit, fit_linear, seconds_of_linear
from quickprop.models.prepared import Prepared
from quickprop.models.recipe import Recipe, linear_recipe, usual_recipe
from quickprop.models.report import FitReport
from quickprop.models.table_model import TableModel
from quickprop.models.trained import Trained, train_model
from quickprop.train import Callback, StopReason
from quickprop.train.history import Stop

#: Of the time that is left when the table is ready, the most that is set aside for judging.
_MOST_ASIDE = 0.15
#: And for a second network, where the rows are in order of time.
_AHEAD = 0.35
#: Seconds for the code of the linear model and of predictions, when none is remembered.
_COMPILING = 0.2


@dataclass(frozen=True)
class OneNetwork:
    """What is asked of a fit of one network; `fit` explains it."""

    widths: tuple[int, ...] | None
    epochs: int | None
    seed: int
    budget: float | None
    callbacks: tuple[Callback, ...]
    backend: str | None
    threads: int | None
    say: Callable[[str], None]


def fit_one(
    prepared: Prepared, asked: OneNetwork, deadline: Deadline, started: float
) -> TableModel:
    """Train the network and judge it.

    Parameters
    ----------
    prepared : Prepared
    asked : OneNetwork
    deadline : Deadline
    started : float
        When the fit began.

    Raises
    ------
    KeyboardInterrupt
        Ctrl-C before anything was learned.
    """
    prepared_at = perf_counter()
    recipe = _recipe(prepared, asked.widths, asked.epochs)
    asked.say("training")
    linear = None
    if recipe.linear and asked.epochs is None:
        linear = fit_linear(
            prepared,
            deadline=deadline,
            callbacks=asked.callbacks,
            backend=asked.backend,
            threads=asked.threads,
        )
    if linear is not None:
        prepared, model = linear.prepared, linear.trained
    else:
        model = train_model(
            prepared,
            recipe,
            seed=asked.seed,
            budget=_time_to_train(prepared, recipe, deadline) if deadline.limited else None,
            callbacks=asked.callbacks,
            backend=asked.backend,
            threads=asked.threads,
        )
        if recipe.linear:
            linear = LinearFit(prepared, model)
    if model.history.interrupted and not model.history.epochs:
        raise KeyboardInterrupt
    if model.history.reason is StopReason.OUT_OF_TIME:
        # Training knows its own part of the time only.
        words = f"the budget of {asked.budget:g} s was used up"
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
                asked.say("fitting the linear model to compare with")
                linear = fit_linear(
                    prepared, deadline=deadline, backend=asked.backend, threads=asked.threads
                )
                if linear is not None and linear.trained.history.interrupted:
                    raise KeyboardInterrupt
            judgement = judge(prepared, model, linear)
            later, earlier = prepared.deal.later, None
            if later is not None and deadline.left > _COMPILING:
                asked.say("learning from the earlier rows, to judge ahead in time")
                earlier = train_model(
                    prepared,
                    recipe,
                    rows=later.train,
                    validation=later.validation,
                    seed=asked.seed,
                    budget=deadline.left if deadline.limited else None,
                    backend=asked.backend,
                    threads=asked.threads,
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
