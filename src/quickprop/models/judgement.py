"""How good a network is beside a linear model and a dummy, and whether it is worth having."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from quickprop.models.evidence import FREE, LIKELY, SURE, TestRows, association, mean_gain
from quickprop.models.linear_fit import LinearFit, predictions
from quickprop.models.prepared import Prepared
from quickprop.models.report import ON_TEST
from quickprop.models.task import Scores, Task
from quickprop.models.trained import Trained


@dataclass(frozen=True)
class Judgement:
    """Scores on the test part by who was scored, and a sentence or two."""

    scores: dict[str, Scores]
    verdict: str
    ahead: dict[str, Scores] = field(default_factory=dict)


def judge(prepared: Prepared, model: Trained, linear: LinearFit | None) -> Judgement:
    """Score a network on the test part, beside what it must beat.

    Parameters
    ----------
    prepared : Prepared
    model : Trained
    linear : LinearFit, optional
        The linear model, which may be of `model` itself. None where there was no time for one.
    """
    task, rows = prepared.task, prepared.split.test
    truth = prepared.truth[rows]
    is_linear = linear is not None and linear.trained is model
    dummy = task.always_the_same(prepared.truth[prepared.split.train], len(truth))
    predicted = {"network": predictions(prepared, model, rows)}
    if linear is not None:
        predicted["linear"] = predicted["network"] if is_linear else linear.said(rows)
    predicted["dummy"] = dummy
    scores = {who: task.scores(truth, what) for who, what in predicted.items()}
    # Neighbours in time are neighbours in what is judged.
    order = np.arange(len(truth))
    if prepared.deal.times is not None and prepared.deal.ahead:
        order = np.argsort(prepared.deal.times[rows], kind="stable")
    words = verdict(
        task,
        truth[order],
        predicted["network"][order],
        None if is_linear or linear is None else predicted["linear"][order],
        dummy[order],
        is_linear=is_linear,
        rows=prepared.deal.test_rows,
    )
    words += words_on_giveaways(prepared)
    return Judgement(scores, words)


def words_on_giveaways(prepared: Prepared) -> str:
    """A sentence to add on columns that tell the target alone; empty where there are none."""
    if not prepared.alone:
        return ""
    names = ", ".join(map(repr, prepared.alone[:3]))
    tell = "tells" if len(prepared.alone) == 1 else "tell"
    return f" {names} alone {tell} the target: known when you predict?"


def look_ahead(judgement: Judgement, prepared: Prepared, earlier: Trained | None) -> Judgement:
    """What was judged on rows at random, with what a model of the earlier rows says of the last.

    Where that is about as good, and better than any single answer, nothing is added.

    Parameters
    ----------
    judgement : Judgement
    prepared : Prepared
        With a second way to deal its rows, `Deal.later`.
    earlier : Trained or None
        A network like the one that was judged, which has seen the earlier rows only; None where
        there was no time for it.
    """
    task, later, times = prepared.task, prepared.deal.later, prepared.deal.times
    assert later is not None
    assert times is not None
    if earlier is None or not earlier.history.epochs:
        words = (
            f" Rows are in order of time, by {prepared.deal.later_by}; there was no time left to "
            "judge it ahead: these scores are of rows between known ones."
        )
        return replace(judgement, verdict=judgement.verdict + words)
    last = later.test[np.argsort(times[later.test], kind="stable")]
    truth = prepared.truth[last]
    said = predictions(prepared, earlier, last)
    dummy = task.always_the_same(prepared.truth[later.train], len(last))
    scores = {"network": task.scores(truth, said), "dummy": task.scores(truth, dummy)}
    judged = replace(judgement, ahead=scores)
    ahead, looks_good = task.standing(scores["network"])
    at_random, _ = task.standing(judgement.scores["network"])
    by, share = prepared.deal.later_by, round(100 * len(last) / len(prepared.truth))
    # Two walks go up and down together for long: their order alone is no sign, if it comes with
    # numbers that are worse than the dummy's.
    # Nor is an offset that only the dummy lacks: the best answer for these rows must lose too.
    best = task.always_the_same(truth, len(last))
    better = _loss(task, truth, said) < min(_loss(task, truth, dummy), _loss(task, truth, best))
    if better and not task.falls_behind(scores["network"], judgement.scores["network"]):
        return judgement
    told = tells_something(task, truth, said, dummy, TestRows(ordered=True))
    if better and (told or looks_good):
        words = (
            f" Ahead in time (the last {share} % by {by}, learned from those before) it has "
            f"{ahead} instead of {at_random}: expect that of rows that are yet to come."
        )
        return replace(judged, verdict=judgement.verdict + words)
    return replace(
        judged,
        verdict=(
            f"Not worth having ahead in time: learned from the earlier rows, on the last {share} % "
            f"(by {by}) it cannot be told from always giving the same answer ({ahead}). On rows at "
            f"random it has {at_random}, as each has neighbours in time among those it was learned "
            "from; only for rows between known ones this counts."
        ),
    )


def tells_something(
    task: Task, truth: np.ndarray, predicted: np.ndarray, dummy: np.ndarray, rows: TestRows = FREE
) -> bool:
    """Whether predictions are better than the dummy's, or in an order like the truth's.

    By more than chance: either of the two is found in 1 of 100 tables whose columns tell nothing.
    """
    gain = task.row_losses(truth, dummy) - task.row_losses(truth, predicted)
    if mean_gain(gain, rows).above(SURE):
        return True
    return association(*task.ranked(truth, predicted), rows).above(SURE)


def verdict(
    task: Task,
    truth: np.ndarray,
    network: np.ndarray,
    linear: np.ndarray | None,
    dummy: np.ndarray,
    *,
    is_linear: bool = False,
    rows: TestRows = FREE,
    where: str = ON_TEST,
) -> str:
    """One or two sentences on rows that were not learned from.

    The network is compared with each baseline row by row: the mean difference of their losses over
    the test rows, and its standard error. A difference below two standard errors is called no
    difference. That it tells anything at all is also seen by the order of its predictions, which
    neither a few wild rows nor a rare class can hide.

    Parameters
    ----------
    task : Task
    truth : array
        Class codes, or numbers.
    network, linear, dummy : array
        Predictions as the task scores them; `linear` may be missing.
    is_linear : bool
        Whether the network is the linear model itself.
    rows : TestRows
        Whether rows of the test part are alike.
    where : str
        Which rows these are, in words.
    """
    scores = task.scores(truth, network)
    standing, good = task.standing(scores)
    if not tells_something(task, truth, network, dummy, rows):
        begin = f"Not worth having: {where} it cannot be told from always giving the same answer"
        if linear is not None and tells_something(task, truth, linear, dummy, rows):
            straight, _ = task.standing(task.scores(truth, linear))
            return (
                f"{begin}, but the linear model can ({straight}). "
                "Use that (model.linear, or hidden=[]), or more data."
            )
        if good:
            return (
                f"{begin}. {standing} looks good, but {len(truth)} test rows are too few "
                "to show it: give more rows."
            )
        return (
            f"{begin}. The columns may not tell anything about the target, "
            "or there are too few rows."
        )
    ours = task.row_losses(truth, network)
    if linear is None:
        than = f"Better than always giving the same answer {where} ({standing})"
        if _loss(task, truth, dummy) <= float(ours.mean()):
            than = f"Tells more than always giving the same answer {where} ({standing})"
        if is_linear:
            return f"{than}. This is the linear model; a hidden layer may find more."
        return f"{than}; there was no time left for the linear model to compare with."
    theirs = task.row_losses(truth, linear)
    gain = mean_gain(theirs - ours, rows)
    amount = task.difference(gain.mean, gain.error, max(float(theirs.mean()), float(ours.mean())))
    # What the mean loss cannot tell, another measure may.
    others = task.second_gains(truth, linear, network)
    second = None if others is None else mean_gain(others, rows)
    other = ""
    if others is not None and second is not None:
        other = task.second_difference(others, second.mean, second.error)
    # Of two that are hardly ever wrong none is worth more, however sure the rest of it.
    perfect = max(ours.mean(), theirs.mean()) <= task.nearly_nothing * _loss(task, truth, dummy)
    better = gain.above(LIKELY) and not perfect
    worse = gain.below(LIKELY) and not perfect
    amount = "both being nearly without error" if perfect else amount
    if second is not None and second.above(SURE) and not better:
        if worse:
            return (
                f"Worth having for some uses: better than the linear model {where} {other}"
                f", but worse by its mean loss, {amount}."
            )
        return f"Worth having: better than the linear model {where}, {other}."
    if second is not None and second.below(SURE) and not worse:
        if better:
            return (
                f"Worth having for some uses: better than the linear model {where}, "
                f"{amount}, but the linear model is better {other}."
            )
        worse, amount = True, other
    if better:
        return f"Worth having: better than the linear model {where}, {amount}."
    if worse:
        return (
            f"Not worth having: the linear model is better {where}, {amount}. "
            "Use that (model.linear, or hidden=[]), or more data."
        )
    rare = task.rare(truth)
    if rare is not None and good:
        return (
            f"Worth having to find {rare!r} ({standing} {where}), but the linear model, "
            f"which is simpler, cannot be told from it, {amount} (model.linear, or hidden=[])."
        )
    return (
        f"Not clearly worth having: {where} it cannot be told from the linear model, "
        f"{amount}. The linear model is simpler (model.linear, or hidden=[])."
    )


def _loss(task: Task, truth: np.ndarray, predicted: np.ndarray) -> float:
    return float(task.row_losses(truth, predicted).mean())
