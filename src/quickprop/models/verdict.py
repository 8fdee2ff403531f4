"""Whether the network is worth having, in words, with the doubt that the test rows leave."""

from __future__ import annotations

import math

import numpy as np

from quickprop.models.scores import row_losses


def verdict(
    task: str,
    true: np.ndarray,
    network: np.ndarray,
    linear: np.ndarray,
    dummy: np.ndarray,
) -> str:
    """One or two sentences on the test part.

    The network is compared with each baseline row by row: the mean difference of their losses over
    the test rows, and its standard error. A difference below two standard errors is called no
    difference.

    Parameters
    ----------
    task : {"classification", "regression"}
    true : array
        Class codes, or numbers.
    network, linear, dummy : array
        Probabilities (n, classes), or numbers (n,).
    """
    if task == "regression":
        # Only ratios of losses are said; in units of the largest number all squares are finite.
        size = max(float(np.abs(part).max()) for part in (true, network, linear, dummy)) or 1.0
        true, network, linear, dummy = (part / size for part in (true, network, linear, dummy))
    ours = row_losses(task, true, network)
    gain, error = _difference(row_losses(task, true, linear), ours)
    over_dummy, dummy_error = _difference(row_losses(task, true, dummy), ours)
    if over_dummy <= 2 * dummy_error:
        return (
            "Not worth having: on the test part it cannot be told from always giving the same "
            "answer. The columns may not tell anything about the target, or there are too few rows."
        )
    linear_losses = row_losses(task, true, linear)
    amount = _amount(task, gain, error, max(float(linear_losses.mean()), float(ours.mean())))
    if gain > 2 * error:
        return f"Worth having: better than the linear model on the test part, {amount}."
    if gain < -2 * error:
        return (
            f"Not worth having: the linear model is better on the test part, {amount}. "
            "Use that, or more data."
        )
    return (
        "Not clearly worth having: the test part cannot tell it from the linear model, "
        f"{amount}. The linear model is simpler."
    )


def _difference(theirs: np.ndarray, ours: np.ndarray) -> tuple[float, float]:
    """Mean gain a row and its standard error."""
    gain = theirs - ours
    spread = float(gain.std(ddof=1)) if len(gain) > 1 else math.inf
    return float(gain.mean()), spread / math.sqrt(len(gain))


def _amount(task: str, gain: float, error: float, larger: float) -> str:
    """How far apart the two are; `larger` is the mean loss of the worse one."""
    if task == "classification":
        return f"by {abs(gain) * 100:.1f} ± {error * 100:.1f} points of accuracy"
    if larger <= 0.0:
        return "both without error"
    share, doubt = abs(gain) / larger * 100, error / larger * 100
    return f"the mean squared errors differing by {share:.0f} ± {doubt:.0f} %"
