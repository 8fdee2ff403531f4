"""How good a network is beside a linear model and a dummy, and whether it is worth having."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from quickprop.models.inputs import network_inputs
from quickprop.models.prepared import Prepared
from quickprop.models.task import Scores, Task
from quickprop.models.trained import Trained


@dataclass(frozen=True)
class Judgement:
    """Scores on the test part by who was scored, and a sentence or two."""

    scores: dict[str, Scores]
    verdict: str


def judge(prepared: Prepared, model: Trained, linear: Trained | None) -> Judgement:
    """Score a network on the test part, beside what it must beat.

    Parameters
    ----------
    prepared : Prepared
    model : Trained
    linear : Trained, optional
        The linear model, which may be `model` itself. None where there was no time for one.
    """
    task, split = prepared.task, prepared.split
    truth = prepared.truth[split.test]
    test = prepared.matrices.take(split.test)

    def said(by: Trained) -> np.ndarray:
        return task.scored(by.network.predict(*network_inputs(by.network, test)))

    dummy = task.always_the_same(prepared.truth[split.train], len(truth))
    predicted = {"network": said(model)}
    if linear is not None:
        predicted["linear"] = predicted["network"] if linear is model else said(linear)
    predicted["dummy"] = dummy
    scores = {who: task.scores(truth, what) for who, what in predicted.items()}
    return Judgement(
        scores,
        verdict(
            task,
            truth,
            predicted["network"],
            None if linear is model else predicted.get("linear"),
            dummy,
            is_linear=linear is model,
        ),
    )


def verdict(
    task: Task,
    truth: np.ndarray,
    network: np.ndarray,
    linear: np.ndarray | None,
    dummy: np.ndarray,
    *,
    is_linear: bool = False,
) -> str:
    """One or two sentences on the test part.

    The network is compared with each baseline row by row: the mean difference of their losses over
    the test rows, and its standard error. A difference below two standard errors is called no
    difference.

    Parameters
    ----------
    task : Task
    truth : array
        Class codes, or numbers.
    network, linear, dummy : array
        Predictions as the task scores them; `linear` may be missing.
    is_linear : bool
        Whether the network is the linear model itself.
    """
    ours = task.row_losses(truth, network)
    over_dummy, dummy_error = _difference(task.row_losses(truth, dummy), ours)
    if over_dummy <= 2 * dummy_error:
        return (
            "Not worth having: on the test part it cannot be told from always giving the same "
            "answer. The columns may not tell anything about the target, or there are too few rows."
        )
    if linear is None:
        than = "Better than always giving the same answer on the test part"
        if is_linear:
            return f"{than}. This is the linear model; a hidden layer may find more."
        return f"{than}; there was no time left for the linear model to compare with."
    theirs = task.row_losses(truth, linear)
    gain, error = _difference(theirs, ours)
    amount = task.difference(gain, error, max(float(theirs.mean()), float(ours.mean())))
    if gain > 2 * error:
        return f"Worth having: better than the linear model on the test part, {amount}."
    if gain < -2 * error:
        return (
            f"Not worth having: the linear model is better on the test part, {amount}. "
            "Use that (model.linear, or hidden=[]), or more data."
        )
    return (
        "Not clearly worth having: the test part cannot tell it from the linear model, "
        f"{amount}. The linear model is simpler (model.linear, or hidden=[])."
    )


def _difference(theirs: np.ndarray, ours: np.ndarray) -> tuple[float, float]:
    """Mean gain a row and its standard error."""
    gain = theirs - ours
    spread = float(gain.std(ddof=1)) if len(gain) > 1 else math.inf
    return float(gain.mean()), spread / math.sqrt(len(gain))
