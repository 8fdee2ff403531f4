"""What happened in a fit."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from quickprop.errors import ModelFileError


@dataclass(frozen=True)
class EpochRecord:
    """One epoch.

    Parameters
    ----------
    epoch : int
        Counted from 1.
    train_loss : float
        The mean over the rows of the epoch, each taken before the step that learned from it.
    validation_loss : float or None
        After the epoch, over the whole validation part.
    learning_rate : float
        At the first step of the epoch.
    seconds : float
        Since the start of the fit, at the end of the epoch.
    fraction : float
        Below 1 when the fit was ended within the epoch.
    """

    epoch: int
    train_loss: float
    validation_loss: float | None
    learning_rate: float
    seconds: float
    fraction: float = 1.0

    @property
    def watched_loss(self) -> float:
        """The loss that decides which epoch is best: of validation, if there is any."""
        return self.train_loss if self.validation_loss is None else self.validation_loss


@dataclass
class History:
    """The epochs of a fit and how it ended.

    Parameters
    ----------
    epochs : list of EpochRecord
    best_epoch : int
        The epoch whose weights were kept; 0 stands for the starting weights.
    stopped : str
        Why the fit ended, as a sentence.
    seconds : float
        The whole time of the fit, compiling included.
    """

    epochs: list[EpochRecord] = field(default_factory=list)
    best_epoch: int = 0
    stopped: str = ""
    seconds: float = 0.0

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the fit."""
        return self.stopped.startswith("interrupted")

    @property
    def best(self) -> EpochRecord | None:
        """The record of the best epoch, or None when the starting weights were kept."""
        return self.epochs[self.best_epoch - 1] if self.best_epoch else None

    @property
    def best_loss(self) -> float:
        """The loss of the best epoch that decided, infinite when there is none."""
        best = self.best
        return math.inf if best is None else best.watched_loss

    def __repr__(self) -> str:
        best = f", best {self.best_epoch} with loss {self.best_loss:.4g}" if self.best else ""
        return (
            f"<History: {len(self.epochs)} epochs{best}, {self.seconds:.2f} s; "
            f"{self.stopped or 'not ended'}>"
        )

    def to_document(self) -> dict[str, Any]:
        """Plain data, as JSON can hold it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_document(cls, document: object) -> History:
        """The history of a document.

        Raises
        ------
        ModelFileError
            When a field is missing or holds what it may not.
        """
        fields = _fields(document, cls, "history")
        listed = fields["epochs"]
        if not isinstance(listed, list):
            raise ModelFileError("not a list", where="history.epochs")
        records = []
        for place, item in enumerate(listed):
            where = f"history.epochs[{place}]"
            values = _fields(item, EpochRecord, where)
            for name, value in values.items():
                if name == "epoch":
                    _whole(value, f"{where}.{name}")
                elif not (name == "validation_loss" and value is None):
                    _real(value, f"{where}.{name}")
            if values["epoch"] != place + 1:
                raise ModelFileError("epochs are missing", where=where, allowed=place + 1)
            records.append(EpochRecord(**values))
        _whole(fields["best_epoch"], "history.best_epoch")
        if fields["best_epoch"] > len(records):
            raise ModelFileError("no such epoch", where="history.best_epoch")
        _real(fields["seconds"], "history.seconds")
        if not isinstance(fields["stopped"], str):
            raise ModelFileError("not a text", where="history.stopped")
        return cls(records, fields["best_epoch"], fields["stopped"], float(fields["seconds"]))


def _fields(document: object, kind: type, where: str) -> dict[str, Any]:
    names = {item.name for item in dataclasses.fields(kind)}
    if not isinstance(document, dict) or set(document) != names:
        raise ModelFileError(
            "not the fields that are expected",
            where=where,
            allowed=", ".join(sorted(names)),
            given=", ".join(map(str, document))[:200] if isinstance(document, dict) else None,
        )
    return document


def _whole(value: object, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ModelFileError("not a count", where=where, given=repr(value)[:80])


def _real(value: object, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        raise ModelFileError("not a finite number", where=where, given=repr(value)[:80])


def _is_finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # A whole number beyond the largest float.
        return False
