"""The model of a search, as users get it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter

from quickprop.foundation.deadline import Deadline
from quickprop.models.judgement import Judgement, judge, look_ahead
from quickprop.models.linear_fit import LinearFit
from quickprop.models.prepared import Prepared
from quickprop.models.report import ON_TEST, OUT_OF_FOLD, FitReport
from quickprop.models.table_model import TableModel
from quickprop.models.trained import Trained, train_model
from quickprop.selection.best import Found, find_best

#: Of the time that is left when the table is ready, what is kept for a network of the earlier rows.
_AHEAD = 0.2
#: Seconds of training below which rows are not judged ahead.
_LEAST = 0.1


@dataclass(frozen=True)
class SearchRequest:
    """What is asked of a search; `fit` explains it."""

    seed: int
    folds: int | None
    fits: int | None
    prefer: str
    threads: int | None
    say: Callable[[str], None]


def fit_by_search(
    prepared: Prepared, asked: SearchRequest, deadline: Deadline, started: float
) -> TableModel | None:
    """Search, judge, and make a model of what was found; None where there was no time for it.

    Parameters
    ----------
    prepared : Prepared
    asked : SearchRequest
    deadline : Deadline
    started : float
        When the fit began.

    Raises
    ------
    KeyboardInterrupt
        Ctrl-C before anything was learned.
    """
    later = prepared.deal.later
    until = deadline
    if later is not None and deadline.limited:
        until = Deadline(deadline.left * (1.0 - _AHEAD))
    found = find_best(
        prepared,
        until,
        seed=asked.seed,
        folds=asked.folds,
        fits=asked.fits,
        prefer=asked.prefer,
        threads=asked.threads,
        say=asked.say,
    )
    if found is None:
        return None
    recipe = found.recipe
    judgement, where = found.judgement, OUT_OF_FOLD
    if len(prepared.split.test):
        model = Trained(found.network, found.history, recipe)
        linear = found.linear
        if found.is_linear and linear is not None:
            model = linear.trained
        judgement = judge(
            prepared if not found.is_linear or linear is None else linear.prepared, model, linear
        )
        where = ON_TEST
    if later is not None and not found.history.interrupted:
        earlier = None
        if deadline.left > _LEAST:
            asked.say("learning from the earlier rows, to judge ahead in time")
            earlier = train_model(
                prepared,
                recipe,
                rows=later.train,
                seed=asked.seed,
                budget=deadline.left if deadline.limited else None,
                threads=asked.threads,
            )
        judgement = look_ahead(judgement, prepared, earlier)
    total = perf_counter() - started

    def report(judged: Judgement, network: str) -> FitReport:
        return FitReport(
            task=prepared.choice.kind,
            reason=prepared.choice.reason,
            split=prepared.deal.way,
            ahead=judged.ahead,
            judged=where,
            plan=found.plan.words,
            leaderboard=found.leaderboard,
            target=prepared.target,
            rows=prepared.rows,
            notes=prepared.notes,
            network=network,
            scores=judged.scores,
            verdict=judged.verdict,
            epochs=len(found.history.epochs),
            best_epoch=found.history.best_epoch,
            stopped=found.stopped,
            seconds={"training": found.training, "baselines": found.judging, "total": total},
        )

    part = None if found.linear is None else _linear_model(prepared, found.linear, found, report)
    if found.is_linear and part is not None:
        return replace(
            part, report=replace(part.report, verdict=judgement.verdict, scores=judgement.scores)
        )
    return TableModel(
        prepared.preprocessor,
        prepared.task,
        found.network,
        found.history,
        report(judgement, _in_words(found)),
        prepared.data_hash,
        part,
        prepared.schema,
    )


def _linear_model(
    prepared: Prepared,
    linear: LinearFit,
    found: Found,
    report: Callable[[Judgement, str], FitReport],
) -> TableModel:
    """The linear model by itself."""
    scores = dict(found.judgement.scores)
    scores["network"] = scores["linear"]
    alone = Judgement(scores, "This is the linear model of a search.")
    network = linear.trained.network
    return TableModel(
        linear.prepared.preprocessor,
        prepared.task,
        network,
        linear.trained.history,
        report(alone, repr(network).strip("<>").removeprefix("Network ")),
        prepared.data_hash,
        schema=prepared.schema,
    )


def _in_words(found: Found) -> str:
    end = found.network.architecture.layers[-1]
    return f"ensemble of {len(end.sources)} members, {found.network.parameter_count:,} parameters"
