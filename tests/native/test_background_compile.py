"""Compiling with a limit: whoever has no time goes on, and the work is not lost."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from quickprop.native.background_compile import (
    NotInTimeError,
    compiling_within,
    in_time,
    wait_for_all,
)


class Work:
    """Takes until it is let go; counts how often it was begun."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = threading.Event()

    def __call__(self) -> str:
        self.begun += 1
        assert self.go.wait(10)
        return "done"


def test_who_sets_no_limit_works_himself():
    names = []
    in_time("caller", lambda: names.append(threading.current_thread().name))
    with compiling_within():
        in_time("caller", lambda: names.append(threading.current_thread().name))
    assert names[0] == threading.current_thread().name
    assert names[1].startswith("quickprop-compiler")


def test_who_gives_up_goes_on():
    work = Work()
    looks = iter([False, False, True])
    with compiling_within(10, lambda: next(looks)), pytest.raises(NotInTimeError):
        in_time("given up", work)
    work.go.set()
    wait_for_all()


def test_the_thread_has_room_for_deep_calls():
    def nested(levels: int) -> int:
        # A call through `sorted` takes room on the stack of the thread.
        return sorted([levels], key=lambda _: nested(levels - 1))[0] if levels else 0

    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        with compiling_within():
            assert in_time("deep", lambda: nested(5000)) == 5000
    finally:
        sys.setrecursionlimit(before)
    assert threading.stack_size() == 0


def test_who_has_no_time_goes_on_and_the_next_one_finds_the_work():
    work = Work()
    before = time.perf_counter()
    with compiling_within(0.05), pytest.raises(NotInTimeError):
        in_time("slow", work)
    assert 0.04 < time.perf_counter() - before < 1.0
    with compiling_within(0.0), pytest.raises(NotInTimeError):
        in_time("slow", work)
    # One who can wait, without a limit, waits for the same work.
    found = []
    waiting = threading.Thread(target=lambda: found.append(in_time("slow", work)))
    waiting.start()
    work.go.set()
    waiting.join(10)
    assert found == ["done"]
    assert work.begun == 1


def test_enough_time_gives_the_result_and_forgets_it():
    work = Work()
    work.go.set()
    with compiling_within(10):
        assert in_time("quick", work) == "done"
    wait_for_all()
    with compiling_within(10):
        assert in_time("quick", work) == "done"
    assert work.begun == 2


def test_an_error_comes_to_who_asked():
    def fails() -> None:
        raise ValueError("no such thing")

    with compiling_within(10), pytest.raises(ValueError, match="no such thing"):
        in_time("wrong", fails)


def test_the_limit_ends_with_its_block():
    with compiling_within(0.0):
        pass
    assert in_time("after", lambda: 3) == 3


FORKS = """
import os, sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np
from quickprop import MLPClassifier
from quickprop.native import background_compile
X, y = np.eye(4), [0, 1, 0, 1]
for number in range(60):
    # Longer and longer, until there is time to write a network's graph and none to compile it.
    wide = dict(hidden_layer_sizes=(17 + number,) * 12, random_state=0)
    MLPClassifier(max_time=0.01 * 1.1**number, **wide).fit(X, y)
    if background_compile._UNDER_WAY:
        break
assert background_compile._UNDER_WAY
child = os.fork()
if not child:
    # Both ways to compile work where the threads of the parent are not.
    MLPClassifier(max_time=60, max_iter=2, **wide).fit(X, y)
    model = MLPClassifier(11, max_time=60, max_iter=2).fit(X, y)
    os._exit(model.n_iter_)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_process_may_be_forked_meanwhile(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FORKS],
        env={**os.environ, "QUICKPROP_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("2", "")
