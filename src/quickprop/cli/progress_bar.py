"""A progress bar on standard error, when that is a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from quickprop.train import Callback
from quickprop.train import Progress as FitProgress


class Bar(Callback):
    """How far a fit has come."""

    def __init__(self, console: Console) -> None:
        self.progress = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[facts]}"),
            console=console,
            transient=True,
        )
        self.task: TaskID | None = None

    def on_stage(self, words: str) -> None:
        """A new stage has begun."""
        if self.task is None:
            self.progress.start()
            self.task = self.progress.add_task(words, total=1.0, facts="")
        self.progress.update(self.task, description=words.split(" the ")[0], facts="")

    def on_slice(self, progress: FitProgress) -> None:
        """Training has gone on a little."""
        if self.task is None:
            return
        done = (progress.epoch - 1 + progress.fraction) / progress.epochs
        facts = f"epoch {progress.epoch}/{progress.epochs}  loss {progress.train_loss:.4f}"
        record = progress.history.epochs[-1] if progress.history.epochs else None
        if record is not None and record.validation_loss is not None:
            facts += f"  validation {record.validation_loss:.4f}"
        if progress.seconds_left is not None:
            left = max(progress.seconds_left, 0.0)
            facts += f"  {left:.0f} s left"
            spent = progress.seconds / max(progress.seconds + left, 1e-9)
            done = max(done, spent)
        self.progress.update(self.task, completed=min(done, 1.0), facts=facts)

    def close(self) -> None:
        """Take the bar away."""
        if self.task is not None:
            self.progress.stop()
