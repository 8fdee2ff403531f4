"""What happened in a fit."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from quickprop.errors import ModelFileError


class StopReason(Enum):
    """What ended a fit.

    Examples
    --------
    >>> from quickprop import Dense, MeanSquaredError, Network
    >>> from quickprop.train import StopReason, fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> history = fit(network, x, y, loss=MeanSquaredError(), epochs=3)
    >>> history.reason is StopReason.ALL_EPOCHS
    True
    """

    ALL_EPOCHS = "all epochs"
    LOSS_REACHED = "loss reached"
    NO_PROGRESS = "no progress"
    OUT_OF_TIME = "out of time"
    INTERRUPTED = "interrupted"
    CALLBACK = "callback"
    NOT_FINITE = "not finite"
    #: A full-batch method that cannot go on, or need not.
    CONVERGED = "converged"


@dataclass(frozen=True)
class Stop:
    """The end of a fit.

    Parameters
    ----------
    reason : StopReason
        For programs.
    message : str
        A sentence for people.
    """

    reason: StopReason
    message: str


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

    Examples
    --------
    >>> from quickprop import Dense, EpochRecord, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> record = fit(network, x, y, loss=MeanSquaredError(), epochs=3).epochs[-1]
    >>> isinstance(record, EpochRecord), record.epoch, record.validation_loss
    (True, 3, None)
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
    reason : StopReason or None
        Why the fit ended, for programs; None before its end.
    kept_loss : float or None
        The loss of the weights that were kept: of validation, or of the training rows, on which
        it is measured once more when the fit has ended (`EpochRecord.train_loss` is taken while
        the weights change). None when there was no time to measure it.

    Examples
    --------
    >>> from quickprop import Dense, History, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> history = fit(network, x, y, loss=MeanSquaredError(), epochs=3)
    >>> isinstance(history, History), len(history.epochs), history.stopped
    (True, 3, 'all 3 epochs were run')
    """

    epochs: list[EpochRecord] = field(default_factory=list)
    best_epoch: int = 0
    stopped: str = ""
    seconds: float = 0.0
    reason: StopReason | None = None
    kept_loss: float | None = None

    def end(self, stop: Stop) -> None:
        """Take down why the fit ended."""
        self.reason, self.stopped = stop.reason, stop.message

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the fit."""
        return self.reason is StopReason.INTERRUPTED

    @property
    def best(self) -> EpochRecord | None:
        """The record of the best epoch, or None when the starting weights were kept."""
        return self.epochs[self.best_epoch - 1] if self.best_epoch else None

    @property
    def best_loss(self) -> float:
        """The loss of the weights that were kept; infinite when none is known."""
        if self.kept_loss is not None:
            return self.kept_loss
        best = self.best
        return math.inf if best is None else best.watched_loss

    def __repr__(self) -> str:
        which = f"best {self.best_epoch}" if self.best_epoch else "the starting weights kept"
        known = math.isfinite(self.best_loss)
        best = f", {which} with loss {self.best_loss:.4g}" if known else ""
        return (
            f"<History: {len(self.epochs)} epochs{best}, {self.seconds:.2f} s; "
            f"{self.stopped or 'not ended'}>"
        )

    def to_document(self) -> dict[str, Any]:
        """Plain data, as JSON can hold it."""
        document = dataclasses.asdict(self)
        document["reason"] = None if self.reason is None else self.reason.value
        return document

    @classmethod
    def from_document(cls, document: object) -> History:
        """The history of a document.

        Raises
        ------
        ModelFileError
            When a field is missing or holds what it may not.
        """
        fields = _fields(document, cls, "history", later=("reason", "kept_loss"))
        listed = fields["epochs"]
        if not isinstance(listed, list):
            raise ModelFileError("not a list", where="history.epochs")
        records = []
        for place, item in enumerate(listed):
            where = f"history.epochs[{place}]"
            values = _fields(item, EpochRecord, where)
            for name, value in values.items():
                if name == "epoch":
                    _check_count(value, f"{where}.{name}")
                elif not (name == "validation_loss" and value is None):
                    _check_number(value, f"{where}.{name}")
            if values["epoch"] != place + 1:
                raise ModelFileError("epochs are missing", where=where, allowed=place + 1)
            records.append(EpochRecord(**values))
        _check_count(fields["best_epoch"], "history.best_epoch")
        if fields["best_epoch"] > len(records):
            raise ModelFileError("no such epoch", where="history.best_epoch")
        _check_number(fields["seconds"], "history.seconds")
        stopped, kept = fields["stopped"], fields.get("kept_loss")
        if not isinstance(stopped, str):
            raise ModelFileError("not a text", where="history.stopped")
        if kept is not None:
            _check_number(kept, "history.kept_loss")
        return cls(
            records,
            fields["best_epoch"],
            stopped,
            float(fields["seconds"]),
            _reason(fields["reason"]) if "reason" in fields else _reason_of_old(stopped),
            kept,
        )


#: How the sentences of version 0.1 begin, whose documents have no reason beside them.
_OLD_SENTENCES = {
    "all ": StopReason.ALL_EPOCHS,
    "the training loss reached": StopReason.LOSS_REACHED,
    "the validation loss reached": StopReason.LOSS_REACHED,
    "no better validation loss": StopReason.NO_PROGRESS,
    "the budget of": StopReason.OUT_OF_TIME,
    "interrupted": StopReason.INTERRUPTED,
    "the loss was no longer finite": StopReason.NOT_FINITE,
    "the loss of the starting weights is not finite": StopReason.NOT_FINITE,
    "": StopReason.CONVERGED,
}


def _reason_of_old(stopped: str) -> StopReason | None:
    if not stopped:
        return None
    return next(reason for words, reason in _OLD_SENTENCES.items() if stopped.startswith(words))


def _reason(value: object) -> StopReason | None:
    if value is None:
        return None
    try:
        return StopReason(value)
    except ValueError:
        raise ModelFileError(
            "not a reason to stop",
            where="history.reason",
            allowed=", ".join(reason.value for reason in StopReason),
            given=repr(value)[:80],
        ) from None


def _fields(
    document: object, kind: type, where: str, later: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The fields of a document; those of a later version may all be missing."""
    names = {item.name for item in dataclasses.fields(kind)}
    known = set(document) if isinstance(document, dict) else None
    if not isinstance(document, dict) or known not in (names, names.difference(later)):
        raise ModelFileError(
            "not the fields that are expected",
            where=where,
            allowed=", ".join(sorted(names)),
            given=", ".join(map(str, document))[:200] if isinstance(document, dict) else None,
        )
    return document


def _check_count(value: object, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ModelFileError("not a count", where=where, given=repr(value)[:80])


def _check_number(value: object, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        raise ModelFileError("not a finite number", where=where, given=repr(value)[:80])


def _is_finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # A whole number beyond the largest float.
        return False
