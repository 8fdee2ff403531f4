"""Tables in a process that was forked: an error where there was none to be had but waiting."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FORKING = """
import os
import warnings
from quickprop.data import csv_text, read_table

def outcome(work):
    child = os.fork()
    if not child:
        try:
            work()
        except ValueError as error:
            print(error, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

warnings.simplefilter("ignore")  # Of Python and of polars: that forking is dangerous.
table = {"a": [1.0, 2.0], "b": [3.0, 4.0]}
try:
    read_table("no such file.csv")
except OSError:
    pass
print(outcome(lambda: read_table(table)))
read_table(table)
print(outcome(lambda: read_table(table, where="rows")))
print(outcome(lambda: csv_text(table)))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_says_that_it_cannot_read_tables():
    done = subprocess.run(
        [sys.executable, "-c", FORKING], capture_output=True, text=True, timeout=60, check=True
    )
    first, second, code, third, last = done.stdout.splitlines()
    assert (first, code, last) == ("0", "1", "1")
    assert second.startswith("rows: tables cannot be read here: this process was forked from one")
    assert second.endswith("get_context('spawn') or 'forkserver', or joblib's loky")
    assert third.startswith("columns: ")
