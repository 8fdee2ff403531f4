"""What is asked of the command line is answered before anything heavy is loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

#: Loaded by the commands that need them, when they run.
HEAVY = (
    "llvmlite", "narwhals", "numpy", "pandas", "polars", "rich", "safetensors", "scipy", "sklearn",
)  # fmt: skip
CODE = """
import sys
from quickprop.cli.app import main
heavy, arguments = sys.argv[1].split(","), sys.argv[2:]
assert main(arguments) in (0, 2)
print("loaded:", *(name for name in heavy if name in sys.modules))
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], [], ["fit", "--help"], ["fit"], ["fit", "--bugdet"]]
)
def test_no_package_is_loaded_for_a_word_of_help(arguments: list[str]):
    done = subprocess.run(
        [sys.executable, "-c", CODE, ",".join(HEAVY), *arguments], capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "loaded:", done.stdout + done.stderr


def test_the_shell_is_told_how_to_complete():
    """As typer has it: `quickprop --install-completion`; the words of an option are known."""
    asked = {
        "_QUICKPROP_COMPLETE": "complete_bash",
        "COMP_WORDS": "quickprop fit data.csv --task ",
        "COMP_CWORD": "4",
    }
    done = subprocess.run(
        [sys.executable, "-m", "quickprop"],
        capture_output=True,
        text=True,
        env={**os.environ, **asked},
    )
    assert done.stdout.split() == ["auto", "regression", "classification"], done.stderr
