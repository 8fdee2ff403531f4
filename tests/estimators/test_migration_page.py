"""What the page on coming from other libraries shows is what happens."""

from __future__ import annotations

import doctest
import warnings
from pathlib import Path

from sklearn.exceptions import ConvergenceWarning

from quickprop.estimators import autoencoder, classifier, regressor

PAGE = Path(__file__).parent.parent.parent / "docs" / "migration.md"


def test_the_page_runs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        failed, tried = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert failed == 0
    assert tried > 15


def test_the_examples_in_the_docstrings_run():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for module in (autoencoder, classifier, regressor):
            assert doctest.testmod(module).failed == 0
