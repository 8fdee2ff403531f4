"""The task follows from the target column, with a reason."""

from __future__ import annotations

from datetime import date, timedelta

import narwhals as nw
import polars as pl
import pytest

from quickprop.data import choose_task
from quickprop.errors import DataError, SettingError

NUMBERED = "numbered like classes"
QUANTITY = "not numbered like classes"


def column(values) -> nw.Series:
    series = values.alias("y") if isinstance(values, pl.Series) else None
    series = pl.Series("y", values, strict=False) if series is None else series
    return nw.from_native(series, series_only=True)


@pytest.mark.parametrize(
    ("values", "kind", "reason"),
    [
        (["a", "b"] * 9, "classification", "'y' is text, so its values are classes"),
        ([True, False], "classification", "'y' is true or false"),
        (pl.Series(["a", "b"] * 9, dtype=pl.Categorical), "classification", "is text"),
        ([date(2024, 1, 1), date(2024, 1, 2)], "regression", "dates, which are predicted in days"),
        ([timedelta(1), timedelta(2)], "regression", "lengths of time, which are predicted in sec"),
        ([0, 1] * 10, "classification", "two different numbers"),
        ([-1, 1] * 10, "classification", "two different numbers"),
        ([1, 2] * 10, "classification", "two different numbers"),
        ([0.0, 1.0, None, float("nan")] * 10, "classification", "two different numbers"),
        (list(range(10)) * 5, "classification", f"whole numbers 0 to 9, {NUMBERED}"),
        (list(range(1, 8)) * 5, "classification", f"whole numbers 1 to 7, {NUMBERED}"),
        ([float(i) for i in range(3)] * 5, "classification", NUMBERED),
        ([3, 4, 5, 6, 7, 8, 9] * 100, "regression", QUANTITY),
        ([0, 1, 3] * 100, "classification", "holds only 0, 1, 3, each in 100 rows"),
        ([1, 2, 3, 5, 6, 7] * 10, "classification", "holds only 1, 2, 3, 5, 6, 7"),
        ([0, 1, 3] * 9, "regression", QUANTITY),
        ([-1, 0, 1] * 100, "classification", "holds only -1, 0, 1"),
        (list(range(21)) * 100, "regression", "0 to 20, too many to be classes"),
        (list(range(10)) * 4, "regression", "too many to be classes"),
        ([10, 20, 30] * 100, "classification", "holds only 10, 20, 30"),
        ([0.5, 1, 2] * 100, "regression", "numbers with fractions"),
        ([1.0, 2.0, float("inf")], "regression", "numbers with fractions"),
        ([5, 5, 5], "regression", QUANTITY),
    ],
)
def test_choice(values, kind, reason):
    task = choose_task(column(values))
    assert task.kind == kind
    assert reason in task.reason


def test_number_targets_say_how_to_choose_otherwise():
    for values in ([0, 1] * 9, [3, 4, 5] * 9, [0, 1, 2] * 9, list(range(40))):
        assert "--task overrides this" in choose_task(column(values)).reason


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_what_is_asked_for_is_done(task):
    assert choose_task(column([3, 4, 5] * 9), task).kind == task
    assert choose_task(column(["1", "2"] * 9), task).kind == task


@pytest.mark.parametrize(
    ("values", "task", "error", "expected"),
    [
        ([None, None], "auto", DataError, "target 'y': every cell of the target is missing"),
        (["", None], "auto", DataError, "every cell of the target is missing"),
        (["a", "b"], "regression", DataError, "regression needs a numeric target (given: 'a')"),
        ([str(i) + "x" for i in range(99)], "auto", DataError, "given: 99 in 99 rows"),
        ([i / 7 for i in range(99)], "classification", DataError, "too many different values"),
        ([1, 2], "clustering", SettingError, "allowed: auto, regression, classification"),
        ([1, 2], "regresion", SettingError, "Did you mean 'regression'?"),
    ],
)
def test_targets_without_a_task(values, task, error, expected):
    with pytest.raises(error) as caught:
        choose_task(column(values), task)
    assert expected in str(caught.value)
