"""What is loaded when something of it is first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from quickprop import MissingPackageError
from quickprop.foundation.lazy_module import LazyModule

CODE = """
import sys
from quickprop.foundation.lazy_module import LazyModule
module = LazyModule("colorsys", "colours")
print("colorsys" in sys.modules, module.rgb_to_hsv(0, 0, 0), "colorsys" in sys.modules)
"""


def test_a_module_is_loaded_by_its_first_use():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert done.stdout.split("\n")[0] == "False (0.0, 0.0, 0) True", done.stderr


def test_a_missing_one_says_what_needs_it():
    with pytest.raises(MissingPackageError, match="no_such_package is needed for dreams"):
        LazyModule("no_such_package.part", "dreams").anything  # noqa: B018
