"""Progress bars on a terminal: of a network, of all networks of an ensemble, of a command."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.errors import LiveError
from rich.progress import BarColumn, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

from quickprop.train.callbacks import Callback, Progress
from quickprop.train.history import EpochRecord, History

#: What is longer does not fit beside a bar.
_SHORT = 50
#: Taken while a bar is shown: a fit beside or within another one shows none.
_SHOWN = threading.Lock()


class ProgressBar:
    """A bar between what is done and what is said of it; nothing while another one is shown.

    Parameters
    ----------
    task : str
        What stands before the bar, a format of ``task.completed``, ``task.total``,
        ``task.description`` and ``task.fields[...]``.
    console : rich.console.Console, optional
        Where it is shown; standard output unless given.
    passing : bool
        Whether it goes when it is done, and takes the whole line; else it stays, with its time.

    Examples
    --------
    >>> from quickprop.train import ProgressBar
    >>> bar = ProgressBar("{task.completed:.0f} of {task.total:.0f} files")
    >>> bar.update(completed=1)  # nothing is shown before `show`
    """

    def __init__(self, task: str, console: Console | None = None, *, passing: bool = False) -> None:
        columns: list[ProgressColumn] = [
            TextColumn(task),
            BarColumn(bar_width=None if passing else 40),
            TextColumn("{task.fields[said]}"),
        ]
        if not passing:
            columns.append(TimeElapsedColumn())
        self._progress = RichProgress(*columns, console=console, transient=passing)
        self.shown = False

    def show(self, total: float, description: str = "", **fields: Any) -> None:
        """Begin to show it.

        Parameters
        ----------
        total : float
            What `update` counts up to.
        description : str, optional
        **fields
            What else stands before the bar.
        """
        if self.shown or not _SHOWN.acquire(blocking=False):
            return
        try:
            self._progress.start()
        except LiveError:  # The program shows one of its own.
            _SHOWN.release()
            return
        self.shown = True
        self._task = self._progress.add_task(description, total=total, said="", **fields)

    def update(self, **fields: Any) -> None:
        """Move it on (`completed`, `advance`), or say something else (`said`, `description`)."""
        if self.shown:
            self._progress.update(self._task, **fields)

    def say(self, words: str) -> None:
        """A line above the bar, which stays."""
        if self.shown:
            self._progress.console.print(words)

    def leave(self) -> None:
        """Leave it as it is, or take it away."""
        if self.shown:
            self.shown = False
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
        self._bar = ProgressBar("epoch {task.completed:.0f} of {task.total:.0f}")
        self._score = score

    def on_start(self, progress: Progress) -> None:
        """Shows the bar."""
        self._bar.show(progress.epochs)

    def on_epoch(self, record: EpochRecord, progress: Progress) -> None:
        """Moves it on."""
        score = None if self._score is None else self._score()
        said = replace(progress, train_loss=record.train_loss, seconds_left=None).said
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
        self._bar = ProgressBar(f"{{task.fields[done]}} of {networks} networks")
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


class StageBar(Callback):
    """The stages of a command, and the epochs of the network that it trains.

    Parameters
    ----------
    console : rich.console.Console, optional

    Examples
    --------
    >>> from quickprop import Callback
    >>> from quickprop.train import StageBar
    >>> isinstance(StageBar(), Callback)  # for quickprop.fit(..., callbacks=[bar], on_stage=...)
    True
    """

    def __init__(self, console: Console | None = None) -> None:
        self._bar = ProgressBar("{task.description:<16}", console, passing=True)

    def on_stage(self, words: str) -> None:
        """A new stage has begun."""
        stage, _, said = words.partition(": ")
        stage = stage.split(" the ")[0]
        self._bar.show(1.0, stage)
        if len(said) > _SHORT:
            # What is long stands above, and stays.
            self._bar.say(words)
            said = ""
        # How long it takes is not known: the bar moves to and fro.
        self._bar.update(description=stage, said=said, total=None)

    def on_slice(self, progress: Progress) -> None:
        """Training has gone on a little."""
        if not self._bar.shown:
            return
        done = (progress.epoch - 1 + progress.fraction) / progress.epochs
        if progress.seconds_left is not None:
            whole = progress.seconds + max(progress.seconds_left, 0.0)
            done = max(done, progress.seconds / max(whole, 1e-9))
        said = f"epoch {progress.epoch} of {progress.epochs}, {progress.said}"
        self._bar.update(total=1.0, completed=min(done, 1.0), said=said)

    def close(self) -> None:
        """Take it away."""
        self._bar.leave()
