"""Whether to predict a number or a class, judged from the target column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import narwhals as nw
import numpy as np
import polars as pl

from quickprop.config import one_of
from quickprop.data.cells import cells_as_numbers
from quickprop.data.target import target_series
from quickprop.data.text_cells import level_names, numbers_in_text
from quickprop.errors import DataError

TaskKind = Literal["regression", "classification"]
TASK_NAMES = ("auto", *get_args(TaskKind))

#: What are quantities, though no numbers, and the unit in which they are predicted.
_IN_UNITS: dict[Any, tuple[str, str]] = {
    pl.Duration: ("lengths of time", "seconds"),
    pl.Time: ("times of day", "seconds"),
    pl.Date: ("dates", "days since 1970"),
    pl.Datetime: ("moments", "days since 1970"),
}
_MOST_CODES = 7
_FEWEST_ROWS_A_CODE = 10
_MOST_NUMBERED_CLASSES = 10
_FEWEST_ROWS_A_CLASS = 5
#: How to choose otherwise, on the command line and in Python.
_OVERRIDE = "--task overrides this"
_AS_CLASSES = f"{_OVERRIDE}; in Python task='classification'"
_AS_NUMBERS = f"{_OVERRIDE}; in Python task='regression'"


@dataclass(frozen=True)
class TaskChoice:
    """What is predicted, and in a sentence why."""

    kind: TaskKind
    reason: str


def choose_task(target: nw.Series[Any], task: str = "auto") -> TaskChoice:
    """Choose the task from the target column.

    Text, booleans and two different numbers are classes. So are whole numbers that look like the
    numbers of classes: 0, 1, 2, ... or 1, 2, 3, ... without a gap, at most 10 of them, and five
    rows or more to each on average; and at most 7 others with a gap or below 0, each in ten rows
    or more. Every other numeric target is a quantity, and so are dates and lengths of time.

    Parameters
    ----------
    target : narwhals.Series
        The target column; missing cells are passed over.
    task : {"auto", "regression", "classification"}
        The kind, or "auto" to choose.

    Raises
    ------
    DataError
        A target that no task can be made of.
    """
    one_of(task, TASK_NAMES, "task")
    series = target_series(target)
    given = series.drop_nulls()
    if not len(given):
        raise DataError(
            "every cell of the target is missing",
            where=f"target {series.name!r}",
            hint="name another target column",
        )
    numeric = series.dtype.is_numeric()
    in_units = _IN_UNITS.get(series.dtype.base_type())
    if in_units is not None and task != "classification":
        what, unit = in_units
        return TaskChoice(
            "regression",
            f"{series.name!r} holds {what}, which are predicted in {unit} ({_AS_CLASSES})",
        )
    if task == "regression":
        if not numeric:
            # Text may spell numbers; the error for text that does not names the column.
            _check_spells_numbers(given)
        return TaskChoice("regression", "regression was asked for")
    if task == "classification":
        _check_class_count(given)
        return TaskChoice("classification", "classification was asked for")
    if not numeric:
        _check_class_count(given)
        what = {pl.Boolean: "true or false", pl.String: "text"}.get(
            type(series.dtype), "not numeric"
        )
        return TaskChoice("classification", f"{series.name!r} is {what}, so its values are classes")
    return _judge_numbers(series.name, cells_as_numbers(given))


def _judge_numbers(name: str, values: np.ndarray) -> TaskChoice:
    values = values[~np.isnan(values)]
    distinct = np.unique(values)
    count = len(distinct)
    if count == 2:
        return TaskChoice(
            "classification",
            f"{name!r} holds two different numbers, so they are classes ({_AS_NUMBERS})",
        )
    if not bool(np.isfinite(distinct).all() and (distinct == np.round(distinct)).all()):
        return TaskChoice("regression", f"{name!r} holds numbers with fractions")
    numbered = distinct[0] in (0, 1) and distinct[-1] - distinct[0] == count - 1
    span = f"{name!r} holds the whole numbers {distinct[0]:g} to {distinct[-1]:g}"
    if not numbered:
        rows = np.unique(values, return_counts=True)[1]
        # Grades that are all given, from 3 to 8, are no codes.
        codes = distinct[0] < 0 or distinct[-1] - distinct[0] > count - 1
        if codes and 2 < count <= _MOST_CODES and rows.min() >= _FEWEST_ROWS_A_CODE:
            shown = ", ".join(f"{value:.15g}" for value in distinct)
            return TaskChoice(
                "classification",
                f"{name!r} holds only {shown}, each in {rows.min()} rows or more, so they are "
                f"classes ({_AS_NUMBERS})",
            )
        return TaskChoice(
            "regression",
            f"{name!r} holds whole numbers that are not numbered like classes from 0 or 1 "
            f"without a gap ({_AS_CLASSES})",
        )
    if count > _MOST_NUMBERED_CLASSES or len(values) < _FEWEST_ROWS_A_CLASS * count:
        return TaskChoice("regression", f"{span}, too many to be classes ({_AS_CLASSES})")
    return TaskChoice("classification", f"{span}, numbered like classes ({_AS_NUMBERS})")


def _check_spells_numbers(given: pl.Series) -> None:
    try:
        cells_as_numbers(given)
    except DataError as error:
        raise DataError(
            "regression needs a numeric target",
            where=f"target {given.name!r}",
            given=error.given,
            hint="make every cell a number or leave it empty"
            + ("" if _too_many(given) else ", or use --task classification"),
        ) from error


def _too_many(given: pl.Series) -> bool:
    """Whether nearly every row would be a class of its own."""
    return level_names(given).n_unique() > max(20, len(given) // 2)


def _check_class_count(given: pl.Series) -> None:
    """Raise when nearly every row would be a class of its own."""
    if not _too_many(given):
        return
    text = level_names(given)
    distinct = text.n_unique()
    if given.dtype.is_numeric():
        hint = "predict it as a number, or name another target column"
    elif given.dtype == pl.String:
        odd = numbers_in_text(given)
        numbers = int(odd.is_not_null().sum())
        first = given.filter(odd.is_null()).head(1).to_list()
        hint = (
            f"{numbers} of {len(given)} cells are numbers; mend the others, such as {first[0]!r}"
            if first and numbers > len(given) // 2
            else "name another target column; text of its own in each row cannot be predicted"
        )
    else:
        hint = "name another target column"
    raise DataError(
        "too many different values to be classes",
        where=f"target {given.name!r}",
        given=f"{distinct} in {len(text)} rows",
        hint=hint,
    )
