"""Progress bars on a terminal: of one network, and one for all networks of an ensemble."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

from rich.errors import LiveError
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

from quickprop.train.callbacks import Callback, Progress
from quickprop.train.history import EpochRecord, History

#: Taken while a bar is shown: a fit beside or within another one shows none.
_SHOWN = threading.Lock()


class _Bar:
    """A bar behind what is counted, and what is said of it; nothing while another one is shown."""

    def __init__(self, counted: str) -> None:
        self._progress = RichProgress(
            TextColumn(counted),
            BarColumn(),
            TextColumn("{task.fields[said]}"),
            TimeElapsedColumn(),
        )
        self._shows = False

    def show(self, total: int, **fields: Any) -> None:
        """Begin to show it."""
        if not _SHOWN.acquire(blocking=False):
            return
        try:
            self._progress.start()
        except LiveError:  # The program shows one of its own.
            _SHOWN.release()
            return
        self._shows = True
        self._task = self._progress.add_task("", total=total, said="", **fields)

    def update(self, **fields: Any) -> None:
        """Move it on, or say something else."""
        if self._shows:
            self._progress.update(self._task, **fields)

    def leave(self) -> None:
        """Leave it as it is."""
        if self._shows:
            self._shows = False
            self._progress.stop()
            _SHOWN.release()


class EpochBar(Callback):
    """The epochs of a network.

    Parameters
    ----------
    score : callable, optional
        Gives the last score of a validation part, or None.

    Examples
    --------
    >>> from quickprop import Callback
    >>> from quickprop.train import EpochBar
    >>> isinstance(EpochBar(), Callback)  # for fit(..., callbacks=[EpochBar()])
    True
    """

    def __init__(self, score: Any = None) -> None:
        self._bar = _Bar("epoch {task.completed:.0f} of {task.total:.0f}")
        self._score = score

    def on_start(self, progress: Progress) -> None:
        """Shows the bar."""
        self._bar.show(progress.epochs)

    def on_epoch(self, record: EpochRecord, progress: Progress) -> None:
        """Moves it on."""
        score = None if self._score is None else self._score()
        said = f"loss {record.train_loss:.4g}"
        if record.validation_loss is not None:
            said += f", validation {record.validation_loss:.4g}"
        if score is not None:
            said += f", score {score:.4g}"
        self._bar.update(completed=record.epoch, said=said)

    def on_end(self, history: History) -> None:
        """Leaves it as it is."""
        self._bar.leave()


class EnsembleBar:
    """The epochs of all networks of an ensemble, which learn in several threads.

    Parameters
    ----------
    networks, epochs : int
        How many there are, and the most epochs of each.

    Examples
    --------
    >>> from quickprop import Callback
    >>> from quickprop.train import EnsembleBar
    >>> isinstance(EnsembleBar(networks=5, epochs=200).member(0), Callback)
    True
    """

    def __init__(self, networks: int, epochs: int) -> None:
        self._networks, self._epochs = networks, epochs
        self._bar = _Bar(f"{{task.fields[done]}} of {networks} networks")
        self._done: list[int] = []
        #: The last one of each network.
        self._losses: dict[int, float] = {}

    def __enter__(self) -> EnsembleBar:
        self._bar.show(self._networks * self._epochs, done=0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.leave()

    def member(self, network: int) -> Callback:
        """Who looks on at one of the networks."""
        return _MemberCallback(self, network, self._epochs)

    def learned(self, network: int, loss: float) -> None:
        """An epoch of a network is over."""
        self._losses[network] = loss
        # A copy: other threads put theirs in.
        losses = list(self._losses.values())
        self._bar.update(advance=1, said=f"mean loss {sum(losses) / len(losses):.4g}")

    def finished(self, network: int, spared: int) -> None:
        """A network is done, with so many epochs spared."""
        self._done.append(network)
        self._bar.update(advance=spared, done=len(self._done))


class _MemberCallback(Callback):
    """Tells the bar of an ensemble about one of its networks."""

    def __init__(self, bar: EnsembleBar, network: int, epochs: int) -> None:
        self._bar, self._network, self._left = bar, network, epochs

    def on_epoch(self, record: EpochRecord, progress: Progress) -> None:
        """Moves the bar on."""
        self._left -= 1
        self._bar.learned(self._network, record.train_loss)

    def on_end(self, history: History) -> None:
        """Moves it on by what is left."""
        self._bar.finished(self._network, self._left)
