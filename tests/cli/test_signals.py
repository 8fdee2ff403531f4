"""Ctrl-C and requests to terminate, at any moment of a command's life."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from quickprop import load

WORDS = "stopped"


@dataclass(frozen=True)
class Shot:
    """A command, a signal after a time, and what became of it."""

    number: int
    delay: float
    understood: bool
    seconds: float
    code: int
    out: str
    error: str
    kept: bool

    def fault(self) -> str | None:
        """What a user would not have understood."""
        if not self.understood and self.code in (-self.number, 1):
            # Python itself was starting and had not come to our first line.
            return None
        if self.code == 0:
            return None if self.kept and self.out else "no answer and no error"
        if self.code != 128 + self.number:
            return f"exit code {self.code}"
        if len(self.error.splitlines()) != 1 or WORDS not in self.error:
            return "not one line"
        return None


def catches(process: subprocess.Popen, number: int) -> bool:
    """Whether the process has a handler for the signal."""
    status = Path(f"/proc/{process.pid}/status")
    try:
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return bool(int(lines["SigCgt"], 16) >> (number - 1) & 1)
    except (OSError, KeyError):
        return True


def shoot(folder: Path, number: int, delay: float, arguments: Sequence[str]) -> Shot:
    model = folder / f"{os.getpid()}.{time.monotonic_ns()}.quickprop"
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "quickprop", *arguments, "--out", str(model)],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(delay)
    understood = catches(process, signal.SIGTERM)
    process.send_signal(number)
    sent = time.monotonic()
    out, error = process.communicate(timeout=120)
    kept = model.is_file()
    if kept:
        load(model)
    return Shot(
        number, sent - began, understood, time.monotonic() - sent, process.returncode, out, error,
        kept,
    )  # fmt: skip


def shots(folder: Path, count: int, seed: int, longest: float) -> list[Shot]:
    """So many signals at random moments of a fit, two of Ctrl-C to each request to terminate."""
    rng = random.Random(seed)
    rows = 400
    size = [rng.uniform(20, 200) for _ in range(rows)]
    price = [3 * one + rng.gauss(0, 5) for one in size]
    pl.DataFrame({"size": size, "price": price}).write_csv(folder / "houses.csv")
    arguments = ["fit", "houses.csv", "--target", "price", "--budget", "1s"]
    return [
        shoot(
            folder,
            rng.choice([signal.SIGINT, signal.SIGINT, signal.SIGTERM]),
            rng.uniform(0.0, longest),
            arguments,
        )
        for _ in range(count)
    ]


@pytest.mark.slow
def test_a_signal_at_any_moment_ends_with_an_answer_or_a_word(tmp_path: Path):
    for shot in shots(tmp_path, 20, seed=0, longest=2.0):
        assert shot.fault() is None, shot
        assert shot.seconds < 30, shot
    assert not list(tmp_path.glob(".*.part"))
