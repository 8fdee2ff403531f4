"""Looking on while an estimator learns: functions, callbacks of two kinds, lines and bars."""

from __future__ import annotations

import sys
from abc import ABC
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from quickprop import train
from quickprop.config import on_demand
from quickprop.errors import SettingError

#: What draws bars is loaded when one is first shown.
_HOMES = {"quickprop.estimators.bars": ("BarWatcher", "EnsembleBar")}

__getattr__ = on_demand(__name__, _HOMES)

# What type checkers and editors see; a test compares it with the table above.
if TYPE_CHECKING:
    from quickprop.estimators.bars import BarWatcher as BarWatcher
    from quickprop.estimators.bars import EnsembleBar as EnsembleBar


@dataclass(frozen=True)
class EpochReport:
    """What is known after an epoch, or after an iteration of L-BFGS.

    Parameters
    ----------
    epoch, epochs : int
        Counted from 1, and the most that will be run.
    loss : float
    score : float or None
        Of the validation part, if there is one.
    learning_rate : float or None
    seconds : float
        Since the fit began.
    estimator : estimator
        With its attributes as they are now.

    Examples
    --------
    >>> from quickprop import EpochReport, MLPRegressor
    >>> def enough(report: EpochReport) -> bool:
    ...     return report.epoch == 3
    >>> MLPRegressor(callbacks=[enough]).fit([[0.0], [1.0]], [0.0, 1.0]).n_iter_
    3
    """

    epoch: int
    epochs: int
    loss: float
    score: float | None
    learning_rate: float | None
    seconds: float
    estimator: Any


class Watcher(ABC):  # noqa: B024
    """Is told what happens in a fit; does nothing unless a method is written."""

    def begin(self, estimator: Any) -> None:  # noqa: B027
        """Before the first epoch."""

    def epoch_begins(self) -> None:  # noqa: B027
        """Before every epoch."""

    def epoch_ended(self, end: EpochReport) -> bool:
        """After every epoch; True ends the fit."""
        return False

    def end(self) -> None:  # noqa: B027
        """When the fit is over, whatever ended it."""


class FunctionWatcher(Watcher):
    """A plain function of an `EpochReport`."""

    def __init__(self, function: Any) -> None:
        self._function = function

    def epoch_ended(self, end: EpochReport) -> bool:
        """Ends the fit when the function gives True."""
        return self._function(end) is True


class CallbackWatcher(Watcher):
    """A `quickprop.train.Callback`."""

    def __init__(self, callback: train.Callback) -> None:
        self._callback = callback
        self._history = train.History()

    def begin(self, estimator: Any) -> None:
        """Calls `on_start`."""
        self._callback.on_start(self._progress(1, estimator.max_iter, float("nan"), 0.0, 0.0))

    def epoch_ended(self, end: EpochReport) -> bool:
        """Calls `on_epoch`; the score of a validation part is not a loss and is left out."""
        rate = float("nan") if end.learning_rate is None else end.learning_rate
        record = train.EpochRecord(end.epoch, end.loss, None, rate, end.seconds)
        self._history.epochs.append(record)
        self._history.seconds = end.seconds
        self._callback.on_epoch(
            record, self._progress(end.epoch, end.epochs, end.loss, end.seconds, 1.0)
        )
        return False

    def end(self) -> None:
        """Calls `on_end`."""
        self._callback.on_end(self._history)

    def _progress(
        self, epoch: int, epochs: int, loss: float, seconds: float, fraction: float
    ) -> train.Progress:
        return train.Progress(epoch, epochs, fraction, loss, seconds, None, self._history)


class ContextWatcher(Watcher):
    """scikit-learn's own callbacks, told through the context of the fit."""

    def __init__(self, context: Any, X: Any, y: Any, sample_weight: Any) -> None:
        self._context = context
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._told = {"X": X, "y": y, "metadata": metadata}
        self._epoch: Any = None
        self._estimator: Any = None

    def begin(self, estimator: Any) -> None:
        """The task of the whole fit begins."""
        self._estimator = estimator
        self._context.call_on_fit_task_begin(estimator=estimator, **self._told)

    def epoch_begins(self) -> None:
        """A task below it begins."""
        self._epoch = self._context.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(estimator=self._estimator, **self._told)

    def epoch_ended(self, end: EpochReport) -> bool:
        """The task of the epoch ends; a callback may end the fit with it."""
        return self._end_epoch()

    def _end_epoch(self) -> bool:
        epoch, self._epoch = self._epoch, None
        return epoch is not None and bool(
            epoch.call_on_fit_task_end(
                estimator=self._estimator,
                # Only worked out when a callback asks for the fitted estimator.
                reconstruction_attributes=self._weights,
                **self._told,
            )
        )

    def _weights(self) -> dict[str, Any]:
        self._estimator._look()
        return {
            name: [np.array(array) for array in getattr(self._estimator, name)]
            for name in ("coefs_", "intercepts_")
        }

    def end(self) -> None:
        """All tasks end."""
        self._end_epoch()
        self._context.call_on_fit_task_end(
            estimator=self._estimator, reconstruction_attributes=self._weights, **self._told
        )


class Membership(NamedTuple):
    """What an ensemble gives one of its members while it is fitted."""

    member: Any
    #: Stands in front of its lines.
    prefix: str
    #: Look on beside those that its parameters name.
    watchers: Sequence[Watcher]


#: Of the network that this thread fits. No attribute of it, as that would have to be pickled.
MEMBERSHIP: ContextVar[Membership | None] = ContextVar("membership", default=None)


def membership_of(estimator: Any) -> Membership | None:
    """That of a network, if an ensemble is fitting it."""
    found = MEMBERSHIP.get()
    return found if found is not None and found.member is estimator else None


def say(estimator: Any, line: str) -> None:
    """Print a line about a fit, in one piece: networks may learn side by side."""
    found = membership_of(estimator)
    print(f"{found.prefix if found else ''}{line}\n", end="")


def on_terminal() -> bool:
    """Whether standard output is a terminal, where a bar takes the place of lines."""
    return sys.stdout is not None and sys.stdout.isatty()


def watchers_of(callbacks: Any) -> list[Watcher]:
    """Watchers for what users give as `callbacks`."""
    if callbacks is None:
        return []
    alone = callable(callbacks) or isinstance(callbacks, train.Callback)
    given = [callbacks] if alone else callbacks
    made: list[Watcher] = []
    for one in given:
        if isinstance(one, train.Callback):
            made.append(CallbackWatcher(one))
        elif callable(one):
            made.append(FunctionWatcher(one))
        else:
            raise SettingError(
                "not a callback",
                where="callbacks",
                allowed="functions, or objects of classes made from quickprop.Callback",
                given=repr(one)[:80],
                hint="give callbacks of scikit-learn to set_callbacks(...)"
                if hasattr(one, "on_fit_task_end")
                else None,
            )
    return made


@contextmanager
def watched(watchers: Sequence[Watcher], estimator: Any) -> Iterator[None]:
    """Begin all watchers, and end those that were begun, whatever happens."""
    with ExitStack() as stack:
        for one in watchers:
            one.begin(estimator)
            stack.callback(one.end)
        yield


def epoch_ended(watchers: Sequence[Watcher], end: EpochReport) -> bool:
    """Tell all watchers of an epoch, also when the first wants to stop; True when any does."""
    answers = [one.epoch_ended(end) for one in watchers]
    return any(answers)
