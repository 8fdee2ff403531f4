"""Looking on while a network trains."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from quickprop.foundation.interrupts import Interrupts
from quickprop.train.history import EpochRecord, History


@dataclass(frozen=True)
class Progress:
    """How far a fit has come.

    Parameters
    ----------
    epoch, epochs : int
        The running epoch, counted from 1, and the most that will be run. In `Callback.on_epoch` it
        is the one that has just ended.
    fraction : float
        The part of that epoch that is done.
    train_loss : float
        The mean over the rows of the running epoch so far.
    seconds : float
        Since the start of the fit.
    seconds_left : float or None
        Time left of the budget, if there is one.
    history : History
        The epochs that are complete.

    Examples
    --------
    >>> from quickprop import Callback, Dense, MeanSquaredError, Network, Progress
    >>> from quickprop.train import fit
    >>> class Print(Callback):
    ...     def on_epoch(self, record, progress: Progress):
    ...         print(record.epoch, "of", progress.epochs)
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> history = fit(network, x, y, loss=MeanSquaredError(), epochs=2, callbacks=[Print()])
    1 of 2
    2 of 2
    """

    epoch: int
    epochs: int
    fraction: float
    train_loss: float
    seconds: float
    seconds_left: float | None
    history: History

    @property
    def said(self) -> str:
        """What there is to say of it: losses, and the time left."""
        records = self.history.epochs
        said = f"loss {self.train_loss:.4g}"
        if records and records[-1].validation_loss is not None:
            said += f", validation {records[-1].validation_loss:.4g}"
        if self.seconds_left is not None:
            said += f", {max(self.seconds_left, 0.0):.0f} s left"
        return said


class Callback(ABC):  # noqa: B024
    """Called by a fit; every method does nothing unless it is written.

    A method that gives True ends the fit, which then returns as after its last epoch. An error
    ends the fit too and is passed on; the network then has the best weights so far.

    Examples
    --------
    >>> from quickprop import Callback, Dense, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> class Print(Callback):
    ...     def on_epoch(self, record, progress):
    ...         print("epoch", record.epoch)
    >>> network, x, y = Network([Dense(1)], features=1), [[0.0], [1.0]], [[1.0], [3.0]]
    >>> history = fit(network, x, y, loss=MeanSquaredError(), epochs=2, callbacks=[Print()])
    epoch 1
    epoch 2
    """

    def on_start(self, progress: Progress) -> bool | None:  # noqa: B027
        """Before the first step."""

    def on_epoch_start(self, progress: Progress) -> bool | None:  # noqa: B027
        """Before every epoch."""

    def on_slice(self, progress: Progress) -> bool | None:  # noqa: B027
        """After every slice of a few milliseconds."""

    def on_epoch(self, record: EpochRecord, progress: Progress) -> bool | None:  # noqa: B027
        """After every epoch."""

    def on_end(self, history: History) -> None:  # noqa: B027
        """When the fit has ended, whatever ended it, with the best weights in place."""


Tell = Callable[[Callback, Progress], bool | None]


class CallbackList:
    """All who look on at one fit, and whether one of them wants it to end.

    Parameters
    ----------
    callbacks : sequence of Callback
    interrupts : Interrupts
        KeyboardInterrupt out of a callback counts as Ctrl-C.
    """

    def __init__(self, callbacks: Sequence[Callback], interrupts: Interrupts) -> None:
        self._callbacks, self._interrupts = tuple(callbacks), interrupts
        self.want_to_stop = False

    def __bool__(self) -> bool:
        return bool(self._callbacks)

    @contextmanager
    def looking_on(self, progress: Callable[[], Progress], history: History) -> Iterator[None]:
        """Tell all of the start, and those who were told of the end, whatever happens between."""
        if not self._callbacks:
            yield
            return
        now = progress()
        with ExitStack() as ends:
            for callback in self._callbacks:
                self._tell(_start, callback, now)
                ends.callback(self._end, callback, history)
            yield

    def tell(self, tell: Tell, progress: Callable[[], Progress]) -> None:
        """Call every callback, also when the first wants to stop."""
        if not self._callbacks:
            return
        now = progress()
        for callback in self._callbacks:
            self._tell(tell, callback, now)

    def _tell(self, tell: Tell, callback: Callback, now: Progress) -> None:
        try:
            # Not what is merely true, such as an array or a count.
            if tell(callback, now) is True:
                self.want_to_stop = True
        except KeyboardInterrupt:
            self._interrupts.raised = True

    def _end(self, callback: Callback, history: History) -> None:
        try:
            callback.on_end(history)
        except KeyboardInterrupt:
            self._interrupts.raised = True


def epoch_start(callback: Callback, progress: Progress) -> bool | None:
    """Tell a callback that an epoch begins."""
    return callback.on_epoch_start(progress)


def slice_done(callback: Callback, progress: Progress) -> bool | None:
    """Tell a callback that some steps were made."""
    return callback.on_slice(progress)


def _start(callback: Callback, progress: Progress) -> bool | None:
    return callback.on_start(progress)
