"""From a table that is ready to its best model: folds, search, baselines, verdict."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from quickprop.data.folds import Folds, deal_folds, folds_in_time
from quickprop.foundation.core_budget import core_limit
from quickprop.foundation.deadline import Deadline
from quickprop.foundation.interrupts import held_interrupts
from quickprop.models.evidence import LIKELY, TestRows, mean_gain
from quickprop.models.judgement import Judgement, verdict, words_on_giveaways
from quickprop.models.leaderboard import Standing
from quickprop.models.linear_fit import LinearFit, seconds_of_linear
from quickprop.models.prepared import Prepared
from quickprop.models.recipe import Recipe
from quickprop.models.report import OUT_OF_FOLD
from quickprop.models.task import Scores
from quickprop.nn import Network
from quickprop.selection.baselines import (
    Baseline,
    boosting_out_of_fold,
    dummy_out_of_fold,
    linear_on_all,
    linear_out_of_fold,
)
from quickprop.selection.plan import Plan, plan_search
from quickprop.selection.pool import Pool
from quickprop.selection.portfolio import portfolio
from quickprop.selection.search import Search, SearchProgress
from quickprop.train import History
from quickprop.train.history import Stop, StopReason

#: Parts of the time that is left when the table is ready: the most for lines, and for trees.
_FOR_LINES, _FOR_TREES = 0.1, 0.12
#: What the end takes: weights, scores, the network put together.
_FOR_THE_END = 0.08
#: Trees are not asked of fewer rows, nor in less time: their library alone takes a second to load.
_ROWS_FOR_TREES, _SECONDS_FOR_TREES = 200, 4.0
#: Blocks for nested weights where one part is held out.
_BLOCKS = 5


@dataclass(frozen=True, eq=False)
class Found:
    """What a search has found.

    Attributes
    ----------
    network : Network
        The ensemble, or the linear model where that is as good.
    history : History
        Of the best single network's first fold.
    linear : LinearFit or None
        Learned from all rows that train.
    is_linear : bool
        Whether the model is the linear one.
    judgement : Judgement
    leaderboard : tuple of Standing
    plan : Plan
    stopped : str
        Why the search ended.
    folds : Folds
    predicted : array
        What the model says of the held-out rows, as the task scores them.
    training, judging : float
        Seconds.
    recipe : Recipe
        Of the best single network.
    """

    network: Network
    history: History
    linear: LinearFit | None
    is_linear: bool
    judgement: Judgement
    leaderboard: tuple[Standing, ...]
    plan: Plan
    stopped: str
    folds: Folds
    predicted: np.ndarray
    training: float
    judging: float
    recipe: Recipe


def find_best(
    prepared: Prepared,
    deadline: Deadline,
    *,
    seed: int,
    folds: int | None,
    fits: int | None,
    prefer: str,
    threads: int | None,
    say: Callable[[str], None],
) -> Found | None:
    """Search for the best ensemble, judge it, and keep the linear model where that is as good.

    Parameters
    ----------
    prepared : Prepared
        Its validation part is empty.
    deadline : Deadline
        By when all is to be done.
    seed : int
    folds, fits : int, optional
        What was asked for.
    prefer : {"simple", "accurate"}
    threads : int, optional
    say : callable
        Is told what is being done.

    Returns
    -------
    Found or None
        None where there was no time for a single network.

    Raises
    ------
    KeyboardInterrupt
        Ctrl-C before anything was learned.
    """
    task = prepared.task
    rows = prepared.split.train
    groups = prepared.deal.groups
    units = len(rows) if groups is None else len(np.unique(groups[rows]))
    entries = portfolio(classes=task.classes is not None)
    plan = plan_search(
        entries,
        prepared.interface,
        len(rows),
        units=units,
        budget=deadline.left if deadline.limited and fits is None else None,
        cores=core_limit(threads),
        folds=folds,
        fits=fits,
    )
    dealt = _deal(prepared, plan, seed)
    blocks = _blocks(dealt, prepared, seed)
    pool = Pool(prepared, dealt, blocks)
    say(f"searching: {plan.words}")
    with held_interrupts() as interrupts:
        begun = time.perf_counter()
        dummy = dummy_out_of_fold(prepared, dealt)
        of_lines = _lines(prepared, dealt, blocks, deadline)
        linear = None if of_lines is None else linear_on_all(prepared, of_lines[1], deadline)
        trees = _wants_trees(prepared, deadline)
        aside = (_FOR_TREES if trees else 0.0) + _FOR_THE_END
        until = Deadline(max(deadline.left * (1.0 - aside), 1e-6) if deadline.limited else None)
        judging = time.perf_counter() - begun
        begun = time.perf_counter()
        search = Search(
            prepared,
            plan,
            pool,
            until,
            seed,
            interrupts,
            threads,
            lambda now: say(_progress_words(now)),
        )
        search.run()
        training = time.perf_counter() - begun
        if not pool.candidates:
            if interrupts.raised:
                raise KeyboardInterrupt
            if of_lines is None or linear is None:
                return None
            return _line_alone(pool, plan, dummy, of_lines[0], linear, training, judging)
        begun = time.perf_counter()
        boosting = None
        if trees and not interrupts.raised:
            say("fitting boosted trees to compare with")
            left = deadline.left * 0.8 if deadline.limited else None
            boosting = boosting_out_of_fold(prepared, dealt, Deadline(left), seed)
        nested = pool.nested()
        blend = pool.blend()
        ensemble = pool.ensemble(blend)
        test_rows = _test_rows(prepared, dealt)
        judged = {"ensemble": nested, "best single network": pool.nested_best()}
        seconds = {
            "ensemble": sum(bag.seconds for bag in pool.bags),
            "best single network": pool.best.bag.seconds,
        }
        others: list[Baseline] = [dummy]
        if of_lines is not None and linear is not None:
            others.insert(0, of_lines[0])
        if boosting is not None:
            others.insert(0, boosting)
        for one in others:
            judged[one.name] = one.predicted
            seconds[one.name] = one.seconds
        said_linear = judged.get("linear")
        is_linear = (
            prefer == "simple"
            and said_linear is not None
            and _as_good(prepared, pool.truth, nested, said_linear, test_rows)
        )
        sizes = _sizes(pool, ensemble, linear)
        board = _leaderboard(prepared, pool, judged, seconds, sizes, is_linear=is_linear)
        kept = said_linear if is_linear and said_linear is not None else nested
        judgement = _judge(prepared, pool, judged, kept, test_rows, is_linear=is_linear)
        history = pool.best.bag.networks[0].history
        if interrupts.raised:
            history.end(Stop(StopReason.INTERRUPTED, search.stopped))
        if is_linear:
            assert linear is not None
            network = linear.trained.network
        else:
            network = ensemble
        judging += time.perf_counter() - begun
    return Found(
        network,
        history,
        linear,
        is_linear,
        judgement,
        board,
        plan,
        search.stopped,
        dealt,
        kept,
        training,
        judging,
        pool.best.bag.plan.recipe,
    )


def _line_alone(
    pool: Pool,
    plan: Plan,
    dummy: Baseline,
    line: Baseline,
    linear: LinearFit,
    training: float,
    judging: float,
) -> Found:
    """The linear model, where there was no time for a network."""
    prepared = pool.prepared
    judged = {"linear": line.predicted, "dummy": dummy.predicted}
    seconds = {"linear": line.seconds, "dummy": dummy.seconds}
    size = {"linear": (1, linear.trained.network.parameter_count)}
    task = prepared.task
    words = verdict(
        task,
        pool.truth,
        line.predicted,
        None,
        dummy.predicted,
        is_linear=True,
        rows=_test_rows(prepared, pool.folds),
        where=OUT_OF_FOLD,
    )
    words += " There was no time for a network: give more (--budget)."
    scores = {
        "network": task.scores(pool.truth, line.predicted),
        "linear": task.scores(pool.truth, line.predicted),
        "dummy": task.scores(pool.truth, dummy.predicted),
    }
    model = linear.trained
    return Found(
        model.network,
        model.history,
        linear,
        True,
        Judgement(scores, words + words_on_giveaways(prepared)),
        _leaderboard(prepared, pool, judged, seconds, size, is_linear=True),
        plan,
        "the budget was used up before the first network was trained",
        pool.folds,
        line.predicted,
        training,
        judging,
        model.recipe,
    )


def _deal(prepared: Prepared, plan: Plan, seed: int) -> Folds:
    """The folds of the rows that train."""
    rows, deal, task = prepared.split.train, prepared.deal, prepared.task
    if deal.ahead and deal.times is not None:
        dealt = folds_in_time(deal.times[rows], plan.folds)
    else:
        truth = prepared.truth[rows]
        dealt = deal_folds(
            len(rows),
            plan.folds,
            seed=seed,
            classes=truth if task.strata else None,
            numbers=None if task.strata else truth,
            groups=None if deal.groups is None else deal.groups[rows],
        )
    return replace(dealt, used=plan.used).placed(rows, len(prepared.truth))


def _blocks(folds: Folds, prepared: Prepared, seed: int) -> np.ndarray:
    """Which held-out rows get their weights together: their fold, or a part of the only one."""
    rows = folds.rows
    if folds.used > 1:
        return np.asarray(folds.fold_of[rows])
    groups = prepared.deal.groups
    units = len(rows) if groups is None else len(np.unique(groups[rows]))
    count = min(_BLOCKS, units)
    if count < 2:
        return np.arange(len(rows)) % 2
    return deal_folds(
        len(rows), count, seed=seed, groups=None if groups is None else groups[rows]
    ).fold_of


def _test_rows(prepared: Prepared, folds: Folds) -> TestRows:
    """How the held-out rows hang together."""
    groups = prepared.deal.groups
    if groups is None:
        return TestRows(ordered=prepared.deal.ahead)
    return TestRows(np.unique(groups[folds.rows], return_inverse=True)[1])


def _lines(
    prepared: Prepared, folds: Folds, blocks: np.ndarray, deadline: Deadline
) -> tuple[Baseline, int] | None:
    """The linear model, where it takes little of the time."""
    if deadline.limited:
        needed = (folds.used + 1) * seconds_of_linear(prepared)
        if needed > _FOR_LINES * deadline.left:
            return None
    return linear_out_of_fold(prepared, folds, blocks, deadline)


def _wants_trees(prepared: Prepared, deadline: Deadline) -> bool:
    enough = len(prepared.split.train) >= _ROWS_FOR_TREES
    return enough and deadline.left >= _SECONDS_FOR_TREES


def _as_good(
    prepared: Prepared, truth: np.ndarray, ours: np.ndarray, theirs: np.ndarray, rows: TestRows
) -> bool:
    """Whether the others' predictions cannot be told from ours, or are better."""
    task = prepared.task
    gain = task.row_losses(truth, theirs) - task.row_losses(truth, ours)
    return not mean_gain(gain, rows).above(LIKELY)


def _sizes(pool: Pool, ensemble: Network, linear: LinearFit | None) -> dict[str, tuple[int, int]]:
    """Of each how many networks it is, and their parameters."""
    end = ensemble.architecture.layers[-1]
    one = pool.best.bag.networks[0].network
    sizes = {
        "ensemble": (len(end.sources), ensemble.parameter_count),
        "best single network": (1, one.parameter_count),
    }
    if linear is not None:
        sizes["linear"] = (1, linear.trained.network.parameter_count)
    return sizes


def _leaderboard(
    prepared: Prepared,
    pool: Pool,
    judged: dict[str, np.ndarray],
    seconds: dict[str, float],
    sizes: dict[str, tuple[int, int]],
    *,
    is_linear: bool,
) -> tuple[Standing, ...]:
    made = []
    for name, predicted in judged.items():
        losses = prepared.task.row_losses(pool.truth, predicted)
        networks, parameters = sizes.get(name, (0, 0))
        made.append(
            Standing(
                name,
                pool.scores(predicted),
                float(losses.mean()),
                float(losses.std()) / math.sqrt(len(losses)),
                networks,
                parameters,
                seconds[name],
                name == ("linear" if is_linear else "ensemble"),
            )
        )
    return tuple(sorted(made, key=lambda one: one.loss))


def _judge(
    prepared: Prepared,
    pool: Pool,
    judged: dict[str, np.ndarray],
    kept: np.ndarray,
    rows: TestRows,
    *,
    is_linear: bool,
) -> Judgement:
    """Scores out of fold, and the verdict."""
    task, truth = prepared.task, pool.truth
    names = {"best single network": "single", "linear": "linear", "boosting": "boosting"}
    scores: dict[str, Scores] = {"network": task.scores(truth, kept)}
    scores |= {
        short: task.scores(truth, judged[name]) for name, short in names.items() if name in judged
    }
    scores["dummy"] = task.scores(truth, judged["dummy"])
    order = np.arange(len(truth))
    if prepared.deal.times is not None and prepared.deal.ahead:
        order = np.argsort(prepared.deal.times[pool.folds.rows], kind="stable")
    linear = judged.get("linear")
    words = verdict(
        task,
        truth[order],
        judged["ensemble"][order],
        None if linear is None else linear[order],
        judged["dummy"][order],
        rows=rows,
        where=OUT_OF_FOLD,
    )
    words += words_on_giveaways(prepared)
    if is_linear:
        words += " The model is the linear one (--prefer accurate for the networks)."
    return Judgement(scores, words)


def _progress_words(now: SearchProgress) -> str:
    left = "" if now.seconds_left is None else f", {max(now.seconds_left, 0.0):.0f} s left"
    return f"{now.networks} networks: loss {now.loss:.4g} ± {now.error:.2g}{left}"
