"""Whole processes: first fits in threads, the end while code is compiled, memory."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time

import pytest

from quickprop.native import jit, shuffling

THREADS = """
import sys, warnings, threading
warnings.simplefilter("ignore")
import numpy as np
from concurrent.futures import ThreadPoolExecutor
from quickprop import MLPRegressor
X = np.random.default_rng(0).normal(size=(200, 6))
start = threading.Barrier(8)
def work(k):
    start.wait()
    width = 4 + k if sys.argv[1] == "different" else 5
    model = MLPRegressor(hidden_layer_sizes=(width,), max_iter=5, random_state=k)
    return model.fit(X, X[:, 0]).score(X, X[:, 0])
with ThreadPoolExecutor(8) as pool:
    print(list(pool.map(work, range(8))))
"""
COMPILES_STILL = """
import ctypes, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
from quickprop import MLPRegressor
X = np.random.default_rng(0).normal(size=(200, 6))
MLPRegressor(hidden_layer_sizes=(32,) * 48, max_time=float(sys.argv[1])).fit(X, X[:, 0])
from quickprop.native import background_compile
print("answer" if len(background_compile._UNDER_WAY) else "compiled already", flush=True)
sys.exit(3)
"""
SLEEPS = """
import ctypes, sys
from quickprop.native.background_compile import NotInTimeError, compiling_within, in_time
try:
    with compiling_within(0.01):
        in_time("long", lambda: ctypes.CDLL(None).sleep(60))
except NotInTimeError:
    sys.exit(3)
"""


def run(code: str, *arguments: str, cache: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "QUICKPROP_CACHE_DIR": cache},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("designs", ["equal", "different"])
def test_first_fits_in_several_threads(designs: str, tmp_path):
    said = set()
    for k in range(5):
        for _ in ("empty", "full"):
            done = run(THREADS, designs, cache=str(tmp_path / str(k)))
            assert (done.returncode, done.stderr) == (0, "")
            said.add(done.stdout)
    assert len(said) == 1


@pytest.mark.slow
def test_a_process_ends_well_while_code_is_compiled():
    for k in range(6):
        done = run(COMPILES_STILL, str(0.05 + 0.05 * k))
        assert (done.returncode, done.stderr) == (3, "")
        assert done.stdout in ("answer\n", "compiled already\n")


def test_a_process_does_not_wait_for_the_compiler():
    begun = time.perf_counter()
    assert run(SLEEPS).returncode == 3
    assert time.perf_counter() - begun < 30.0


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="Linux tells the memory in use")
def test_code_that_goes_leaves_nothing():
    code = jit.compile_object(shuffling.module())

    def pages_after(pieces: int) -> int:
        for k in range(pieces):
            jit._link(code, f"{k:032x}", ("shuffle",))
        gc.collect()
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1])

    before = pages_after(100)
    # Of 600 pieces that all stayed there would be five megabytes.
    assert (pages_after(600) - before) * os.sysconf("SC_PAGESIZE") < 2.0e6
