"""Writing the code of a deep network is as much work a layer however many there are.

Calls are counted, not seconds: the count is the same on any machine.
"""

from __future__ import annotations

import re
import sys

import pytest

from quickprop import Adam, Dense, MeanSquaredError, Network
from quickprop.native import jit
from quickprop.native.program import Program, write_program
from quickprop.passes import memoize
from quickprop.train.objective import MeanLoss
from quickprop.train.step import StepSpec, write_step


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    # A graph that was worked on before would count for nothing.
    monkeypatch.setattr(memoize, "_RESULTS", type(memoize._RESULTS)(128))


def written(layers: int) -> Program:
    network = Network([*[Dense(5, activation="relu") for _ in range(layers)], Dense(1)], 3)
    graph = write_step(network, StepSpec(MeanLoss(MeanSquaredError()), Adam())).graph
    return write_program(graph, jit.host_machine(), rows_hint=32, epoch=True)


def calls(layers: int) -> int:
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        written(layers)
    finally:
        sys.setprofile(before)
    return count


def test_twice_the_layers_are_twice_the_work():
    written(2)  # what is found out once a process
    few, more, most = calls(12), calls(24), calls(48)
    assert most - more == pytest.approx(2 * (more - few), rel=0.03)


def longest_function(program: Program) -> int:
    bodies = re.findall(r"^define .*?^}", program.text, re.DOTALL | re.MULTILINE)
    return max(body.count("\n") for body in bodies)


def test_no_function_grows_with_the_layers():
    # LLVM's time grows faster than a function's length.
    assert longest_function(written(150)) <= 1.05 * longest_function(written(75))


def test_layers_of_one_size_share_their_code():
    few, more = written(20), written(40)
    kernels = [
        len(re.findall(r"^define internal void @k", p.text, re.MULTILINE)) for p in (few, more)
    ]
    assert kernels[1] <= kernels[0] + 4
