"""What a fit did and how good the result is, as plain data."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from quickprop.foundation.documents import Fields
from quickprop.models.leaderboard import Standing, score_numbers
from quickprop.models.task import Scores
from quickprop.models.tasks import TASKS

#: Which rows scores and verdict are about: a part set aside, or all rows, each by what did not
#: learn it.
ON_TEST, OUT_OF_FOLD = "on the test part", "out of fold"
_ROWS = ("read", "set_aside", "train", "validation", "test")
_SECONDS = ("training", "baselines", "total")
_JUDGED = ("network", "dummy")
#: Who is judged beside them where there was time, or rows enough.
_OTHERS = ("single", "linear", "boosting")


@dataclass(frozen=True)
class FitReport:
    """The facts of a fit.

    Attributes
    ----------
    task, reason : str
        Regression or classification, and why.
    target : str
        Name of the target column.
    rows : dict
        Numbers of rows: read, set aside, train, validation, test.
    notes : tuple of str
        What was done to the columns.
    network : str
        The network in short.
    scores : dict
        Scores on the test part for "network", "linear" and "dummy"; empty without a test part, and
        without "linear" where there was no time for one.
    verdict : str
        Whether the network is worth having.
    epochs, best_epoch : int
        Epochs run, and the one whose weights were kept.
    stopped : str
        Why training ended.
    seconds : dict
        Wall-clock seconds: training, baselines, total.
    split : str
        How the rows were dealt: at random, by group, ahead in time.
    ahead : dict
        Where the rows are in order of time and were dealt at random: scores for "network" and
        "dummy" on the last rows, learned from those before.
    judged : str
        The rows of `scores`: on the test part, or out of fold.
    plan : str
        What was to be trained, where a search was made.
    leaderboard : tuple of Standing
        Who was judged on the same rows, the best first.

    Examples
    --------
    >>> import quickprop
    >>> from quickprop.data import sample_path
    >>> report = quickprop.fit(sample_path("iris"), target="species", epochs=20).report
    >>> isinstance(report, quickprop.FitReport), report.rows["read"], sorted(report.scores)
    (True, 150, ['dummy', 'linear', 'network'])
    """

    task: str
    reason: str
    target: str
    rows: dict[str, int]
    notes: tuple[str, ...]
    network: str
    scores: dict[str, Scores]
    verdict: str
    epochs: int
    best_epoch: int
    stopped: str
    seconds: dict[str, float]
    split: str = "at random"
    ahead: dict[str, Scores] = field(default_factory=dict)
    judged: str = ON_TEST
    plan: str = ""
    leaderboard: tuple[Standing, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """As JSON can hold it."""
        document = asdict(self) | {"notes": list(self.notes)}
        document["leaderboard"] = [one.to_document() for one in self.leaderboard]
        return document

    @classmethod
    def from_document(cls, document: object) -> FitReport:
        """Read back what `to_document` wrote (`ModelFileError`)."""
        fields = Fields(document, "report")
        assert isinstance(document, dict)
        texts = {
            name: fields.text(name)
            for name in ("task", "reason", "target", "network", "verdict", "stopped")
        }
        counts = {name: int(fields.number(name)) for name in ("epochs", "best_epoch")}
        rows = score_numbers(document.get("rows"), "report: rows", _ROWS)
        if not all(float(count).is_integer() and count >= 0 for count in rows.values()):
            fields.refuse("'rows' holds what is no number of rows")
        seconds = score_numbers(document.get("seconds"), "report: seconds", _SECONDS)
        if not all(math.isfinite(value) for value in seconds.values()):
            fields.refuse("'seconds' holds what is no time")
        scores = document.get("scores")
        known = {*_JUDGED, *_OTHERS}
        if not isinstance(scores, dict) or (scores and set(scores) | {*_OTHERS} != known):
            fields.refuse(f"'scores' does not hold {', '.join(_JUDGED)}")
        ahead = document.get("ahead", {})
        if not isinstance(ahead, dict) or (ahead and set(ahead) != {"network", "dummy"}):
            fields.refuse("'ahead' does not hold network, dummy")
        if texts["task"] not in TASKS:
            fields.refuse("an unknown task", given=repr(texts["task"])[:80])
        notes = document.get("notes")
        if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
            fields.refuse("'notes' is not a list of texts")
            raise AssertionError
        return cls(
            task=texts["task"],
            reason=texts["reason"],
            target=texts["target"],
            network=texts["network"],
            verdict=texts["verdict"],
            stopped=texts["stopped"],
            epochs=counts["epochs"],
            best_epoch=counts["best_epoch"],
            rows={name: int(count) for name, count in rows.items()},
            notes=tuple(notes),
            scores={
                name: score_numbers(
                    values,
                    f"report: scores of {name}",
                    TASKS[texts["task"]].score_names,
                    TASKS[texts["task"]].later_scores,
                )
                for name, values in scores.items()
            },
            seconds=seconds,
            split=fields.text("split") if "split" in fields else "at random",
            judged=fields.text("judged") if "judged" in fields else ON_TEST,
            plan=fields.text("plan") if "plan" in fields else "",
            leaderboard=tuple(
                Standing.from_fields(one, TASKS[texts["task"]])
                for one in (fields.objects("leaderboard") if "leaderboard" in fields else ())
            ),
            ahead={
                name: score_numbers(
                    values,
                    f"report: scores ahead of {name}",
                    TASKS[texts["task"]].score_names,
                    TASKS[texts["task"]].later_scores,
                )
                for name, values in ahead.items()
            },
        )
