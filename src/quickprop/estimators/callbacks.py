"""Looking on while an estimator learns: functions, quickprop's callbacks and scikit-learn's."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from quickprop.errors import SettingError
from quickprop.train import Callback, EpochRecord, History, Progress


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


class Attributes(Callback):
    """Brings the attributes of an estimator up to date, before others look at them.

    Parameters
    ----------
    write : callable
        Of the estimator itself.
    """

    def __init__(self, write: Callable[[], None]) -> None:
        self._write = write

    def on_epoch(self, record: EpochRecord, progress: Progress) -> None:
        """After every epoch."""
        self._write()


class FunctionCallback(Callback):
    """A plain function of an `EpochReport`.

    Parameters
    ----------
    function : callable
    estimator : estimator
    score : callable
        Gives the last validation score, or None.
    """

    def __init__(
        self,
        function: Callable[[EpochReport], object],
        estimator: Any,
        score: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._function, self._estimator, self._score = function, estimator, score

    def on_epoch(self, record: EpochRecord, progress: Progress) -> bool:
        """Ends the fit when the function gives True."""
        rate = record.learning_rate
        report = EpochReport(
            record.epoch,
            progress.epochs,
            record.train_loss,
            self._score(),
            None if math.isnan(rate) else rate,
            record.seconds,
            self._estimator,
        )
        return self._function(report) is True


class ContextCallback(Callback):
    """scikit-learn's own callbacks, told through the context of the fit."""

    def __init__(
        self, context: Any, estimator: Any, look: Callable[[], None], X: Any, y: Any, weights: Any
    ) -> None:
        self._context, self._estimator, self._look = context, estimator, look
        metadata = None if weights is None else {"sample_weight": weights}
        self._told = {"X": X, "y": y, "metadata": metadata}
        self._epoch: Any = None

    def on_start(self, progress: Progress) -> None:
        """The task of the whole fit begins."""
        self._context.call_on_fit_task_begin(estimator=self._estimator, **self._told)

    def on_epoch_start(self, progress: Progress) -> None:
        """A task below it begins."""
        self._epoch = self._context.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(estimator=self._estimator, **self._told)

    def on_epoch(self, record: EpochRecord, progress: Progress) -> bool:
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
        self._look()
        return {
            name: [np.array(array) for array in getattr(self._estimator, name)]
            for name in ("coefs_", "intercepts_")
        }

    def on_end(self, history: History) -> None:
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
    callbacks: Sequence[Callback]


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


def callbacks_of(
    given: Any, estimator: Any, score: Callable[[], float | None] = lambda: None
) -> list[Callback]:
    """Callbacks for what users give as `callbacks`."""
    if given is None:
        return []
    made: list[Callback] = []
    for one in [given] if callable(given) or isinstance(given, Callback) else given:
        if isinstance(one, Callback):
            made.append(one)
        elif callable(one):
            made.append(FunctionCallback(one, estimator, score))
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
