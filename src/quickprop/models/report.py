"""What a fit did and how good the result is, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from quickprop.data.documents import Fields
from quickprop.models.scores import Scores


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
        Scores on the test part for "network", "linear" and "dummy"; empty without a test part.
    verdict : str
        Whether the network is worth having.
    epochs, best_epoch : int
        Epochs run, and the one whose weights were kept.
    stopped : str
        Why training ended.
    seconds : dict
        Wall-clock seconds: training, baselines, total.
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

    def to_document(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self) | {"notes": list(self.notes)}

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
        for name in ("rows", "seconds", "scores"):
            if not isinstance(document.get(name), dict):
                fields.refuse(f"{name!r} is not an object")
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
            rows=dict(document["rows"]),
            notes=tuple(notes),
            scores={name: dict(scores) for name, scores in document["scores"].items()},
            seconds=dict(document["seconds"]),
        )
