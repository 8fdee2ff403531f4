"""The example in the docstring of every public name runs as pasted, and shows what it says."""

from __future__ import annotations

import doctest
import inspect
import io
import warnings
from pathlib import Path
from typing import Any

import pytest
from sklearn.exceptions import ConvergenceWarning

from module_beside import module_beside

_REFERENCE = Path(__file__).parents[1] / "docs" / "reference" / "index.md"
#: Everything that has an entry in the reference.
NAMES: dict[str, Any] = module_beside(str(_REFERENCE), "exports").public_names()


def examples_of(value: Any, name: str) -> list[doctest.DocTest]:
    """The examples of a name and of its methods; they find nothing but what they import."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    return [test for test in finder.find(value, name, globs={}) if test.examples]


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_a_name_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = io.StringIO()
    with warnings.catch_warnings():
        # Fits in examples are short.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for test in examples_of(NAMES[name], name):
            doctest.DocTestRunner().run(test, out=report.write)
    assert not report.getvalue(), report.getvalue()


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_has_an_example(name):
    text = inspect.getdoc(NAMES[name])
    assert text is not None
    assert "\nExamples\n--------\n>>> " in text
    # An example that is pasted says where the name comes from.
    assert f"{name.rpartition('.')[2]}" in text.partition("\nExamples\n")[2]
