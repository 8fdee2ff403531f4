"""What a fit with `verbose` says: lines, or a bar on a terminal; those of ensembles stay apart."""

from __future__ import annotations

import io
import re

import pytest
from rich.live import Live
from rich.progress import Progress
from sklearn.datasets import load_iris

from quickprop.estimators import MLPClassifier

X, Y = load_iris(return_X_y=True)
LINE = re.compile(r"Network (\d): (?:Iteration (\d+), loss = \d\.\d{8}|Validation score: 0\.\d{6})")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """What a test puts in the place of standard output; pytest would undo it before a test."""
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    return screen


def left_on(screen: Terminal) -> list[str]:
    """The lines that are left when all has been drawn; a line may have been drawn many times."""
    lines = [line.rpartition("\r")[2] for line in screen.getvalue().split("\n")]
    plain = [re.sub(r"\x1b\[[\d;?]*\w", "", line).strip() for line in lines]
    return [line for line in plain if line]


def fit(**settings: object) -> MLPClassifier:
    plain = {"max_iter": 3, "n_iter_no_change": 3, "tol": 0.0, "random_state": 0, "verbose": True}
    return MLPClassifier((4,), **{**plain, **settings}).fit(X, Y)


pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("more", [{}, {"early_stopping": True}])
def test_lines_of_an_ensemble_say_whose_they_are(capsys, more):
    fit(n_ensemble=3, **more)
    found = [LINE.fullmatch(line) for line in capsys.readouterr().out.splitlines()]
    assert all(found)
    for network in "123":
        epochs = [one[2] for one in found if one[1] == network and one[2] is not None]
        assert epochs == ["1", "2", "3"]
    assert len(found) == (18 if more else 9)


def test_lines_of_lbfgs(capsys):
    fit(n_ensemble=2, solver="lbfgs")
    lines = sorted(capsys.readouterr().out.splitlines())
    assert [line.partition(",")[0] for line in lines] == [
        "Network 1: Iteration 3",
        "Network 2: Iteration 3",
    ]
    fit(solver="lbfgs")
    assert capsys.readouterr().out.startswith("Iteration 3, loss = ")


@pytest.mark.parametrize("more", [{}, {"early_stopping": True}, {"solver": "lbfgs"}])
def test_an_ensemble_has_one_bar(monkeypatch, more):
    screen = terminal(monkeypatch)
    model = fit(n_ensemble=3, **more)
    (line,) = left_on(screen)
    assert line.startswith("3 of 3 networks")
    losses = [member.loss_ for member in model.estimators_]
    assert f"mean loss {sum(losses) / 3:.4g}" in line
    assert "epoch" not in screen.getvalue()
    assert "Iteration" not in screen.getvalue()


def test_networks_that_end_early_fill_their_part_of_the_bar(monkeypatch):
    screen = terminal(monkeypatch)
    fit(n_ensemble=2, max_iter=1000, tol=1.0)
    (line,) = left_on(screen)
    assert line.startswith("2 of 2 networks ━━━━")
    # Half a stroke stands where a bar is not full.
    assert "╺" not in line
    assert "╸" not in line


def test_a_fit_within_a_fit_shows_no_bar_of_its_own(monkeypatch):
    screen = terminal(monkeypatch)
    fit(callbacks=lambda end: fit(n_ensemble=2) and None)
    (line,) = left_on(screen)
    assert line.startswith("epoch 3 of 3")
    assert "networks" not in screen.getvalue()
    fit(n_ensemble=2)
    assert "2 of 2 networks" in screen.getvalue()


def test_a_fit_below_a_bar_of_the_program(monkeypatch):
    screen = terminal(monkeypatch)
    with Live("mine"):
        fit()
    assert "mine" in screen.getvalue()
    with Progress() as bar:
        bar.add_task("theirs")
        fit(n_ensemble=2)
    assert "theirs" in screen.getvalue()


def test_a_fit_that_fails_leaves_the_terminal_to_the_next(monkeypatch):
    screen = terminal(monkeypatch)

    def fail(end: object) -> None:
        raise RuntimeError("mine")

    for size in (1, 2):
        with pytest.raises(RuntimeError, match="mine"):
            fit(n_ensemble=size, callbacks=fail)
        # The cursor is shown again.
        assert screen.getvalue().count("\x1b[?25h") == screen.getvalue().count("\x1b[?25l")
    fit()
    assert left_on(screen)[-1].startswith("epoch 3 of 3")
