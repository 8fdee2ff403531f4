"""A table made ready once, for as many networks as are to be trained on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from quickprop.data import (
    Matrices,
    Preprocessor,
    Schema,
    Split,
    Table,
    TaskChoice,
    choose_task,
    column_of,
    split_rows,
    table_hash,
    understand,
    usable_rows,
)
from quickprop.data.numeric_column import NumericColumn
from quickprop.errors import DataError, SettingError
from quickprop.foundation.deadline import Deadline
from quickprop.foundation.random_streams import SEED
from quickprop.foundation.settings import number
from quickprop.models.dealing import Deal, deal_rows
from quickprop.models.giveaway import tell_alone
from quickprop.models.inputs import Interface
from quickprop.models.task import Task
from quickprop.models.tasks import fit_task

#: Fewest rows that can be split into three parts and still say anything.
FEWEST_ROWS = 8
#: The share of the training rows that columns are tried on one by one, without a validation part.
_GLANCE = 0.15
SHARE = number(0.0, 1.0, high_open=True)


@dataclass(frozen=True, eq=False)
class Prepared:
    """Everything that training and judging need of a table: read, split and preprocessed.

    Nothing in it changes: threads may share one.

    Attributes
    ----------
    target : str
        Name of the target column.
    choice : TaskChoice
        Which task was chosen and why.
    task : Task
    preprocessor : Preprocessor
        Learned on the training part.
    schema : Schema
        How each column is read.
    matrices : Matrices
        All rows that have a target, in the table's order.
    encoded : array
        Their targets as the loss takes them.
    truth : array, shape (rows,)
        Their targets as scores take them.
    deal : Deal
        How the rows were dealt, and why so.
    alone : tuple of str
        Columns that tell the target alone.
    notes : tuple of str
        What was done to the rows and the columns.
    rows_read : int
        Rows of the table, those without a target too.
    data_hash : str
        SHA-256 of the rows that have a target.
    frame : narwhals.DataFrame
        Those rows.

    Examples
    --------
    >>> from quickprop.data import sample_path
    >>> from quickprop.models import Prepared, prepare
    >>> prepared = prepare(sample_path("iris"), target="species")
    >>> isinstance(prepared, Prepared), prepared.rows_read
    (True, 150)
    """

    target: str
    choice: TaskChoice
    task: Task
    preprocessor: Preprocessor
    schema: Schema
    matrices: Matrices
    encoded: np.ndarray
    truth: np.ndarray
    deal: Deal
    alone: tuple[str, ...]
    notes: tuple[str, ...]
    rows_read: int
    data_hash: str
    frame: Table

    @property
    def split(self) -> Split:
        """Row numbers of the training, validation and test part."""
        return self.deal.split

    @cached_property
    def plain(self) -> Prepared:
        """The same table with numbers that are standardised and nothing else; itself, without any.

        It has the same features by the same names.
        """
        if not any(isinstance(column, NumericColumn) for column in self.preprocessor.columns):
            return self
        preprocessor, matrices = self.preprocessor.plain(
            self.frame, self.split.train, self.matrices
        )
        return replace(self, preprocessor=preprocessor, matrices=matrices)

    def with_validation(self, share: float, seed: int) -> Prepared:
        """The same table with that share of the training rows for validation.

        What was learned of the columns is as it was.
        """
        rows, groups = self.split.train, self.deal.groups
        part = split_rows(
            len(rows), seed=seed, test=0.0, validation=share,
            classes=self.truth[rows] if self.task.strata else None,
            groups=None if groups is None else groups[rows],
        )  # fmt: skip
        split = Split(rows[part.train], rows[part.validation], self.split.test)
        return replace(self, deal=replace(self.deal, split=split))

    @cached_property
    def interface(self) -> Interface:
        """What a network for this table reads and gives."""
        return Interface.of(self.preprocessor, self.task, self.target)

    @property
    def rows(self) -> dict[str, int]:
        """Numbers of rows as a report has them."""
        return {
            "read": self.rows_read,
            "set_aside": self.rows_read - self.matrices.rows,
            "train": len(self.split.train),
            "validation": len(self.split.validation),
            "test": len(self.split.test),
        }


def prepare(
    data: Any,
    target: str,
    *,
    task: str = "auto",
    seed: int = 0,
    test: float = 0.2,
    validation: float = 0.15,
    missing: Sequence[Any] | None = None,
    group: str | None = None,
    time: str | None = None,
    deadline: Deadline | None = None,
) -> Prepared:
    """Read a table, choose the task, deal the rows into parts and learn the preprocessing.

    Parameters
    ----------
    data : path or table
        As `quickprop.fit` takes it.
    target : str
        The column to predict.
    task : {"auto", "regression", "classification"}, optional
    seed : int, optional
        Of the split.
    test, validation : float, optional
        Share of all rows for the test part, and of what is left for the validation part.
    group, time : str, optional
        A column whose rows stay in one part, or by which the test part is the last in time.
    missing : sequence of str or number, optional
        As `quickprop.fit` takes it.
    deadline : Deadline, optional
        By when all of a fit is to be done: what may be left out then takes its part of the time.

    Raises
    ------
    DataError, DataFileError, SettingError
        As `quickprop.fit` does.

    Examples
    --------
    >>> from quickprop.data import sample_path
    >>> from quickprop.models import prepare
    >>> prepared = prepare(sample_path("iris"), target="species")
    >>> len(prepared.split.train), len(prepared.split.validation), len(prepared.split.test)
    (101, 18, 31)
    """
    SHARE.checked(test, "test")
    SEED.checked(seed, "seed")
    reading = understand(data, missing=missing)
    frame = reading.frame
    if not isinstance(target, str):
        raise SettingError(
            "not the name of a column", where="target", given=repr(target)[:80],
            hint="name the column to predict, for example target='price'",
        )  # fmt: skip
    column = column_of(frame, target)
    usable, note = usable_rows(column)
    read = len(column)
    if not usable.all():
        frame = frame.filter(usable.tolist())
        column = column_of(frame, target)
    if len(column) < FEWEST_ROWS:
        raise DataError(
            "too few rows",
            where=f"target {target!r}",
            allowed=f"at least {FEWEST_ROWS} rows with a target",
            given=len(column),
            hint="give more rows",
        )
    choice = choose_task(column, task)
    chosen = fit_task(column, choice.kind)
    strata = chosen.encode(column) if chosen.strata else None
    truth = chosen.truth(column) if strata is None else strata
    deal = deal_rows(
        frame, target, truth, strata, seed=seed, test=test, validation=validation, group=group,
        time=time, deadline=deadline,
    )  # fmt: skip
    split = deal.split
    preprocessor, matrices = Preprocessor.fit_transform(
        frame, split.train, exclude=(target, *deal.without)
    )
    # Between neighbours in time the time itself tells the target, which is said elsewhere.
    alone = [
        (name, share)
        for name, share in tell_alone(
            preprocessor, matrices, truth, _looked_at(split), classes=strata is not None
        )
        if repr(name) != deal.later_by
    ]
    chosen = chosen.fit_training(column[split.train.tolist()])
    return Prepared(
        target=target,
        choice=choice,
        task=chosen,
        preprocessor=preprocessor,
        matrices=matrices,
        encoded=chosen.encode(column) if strata is None else strata,
        schema=reading.schema.only({*preprocessor.column_names, target}),
        truth=truth,
        deal=deal,
        alone=tuple(name for name, _ in alone),
        notes=(
            *reading.notes,
            *([] if note is None else [note]),
            *preprocessor.notes,
            *deal.notes,
            *map(_given_away, alone),
        ),
        rows_read=read,
        data_hash=table_hash(frame),
        frame=frame,
    )


def _looked_at(split: Split) -> Split:
    """With some of the training rows for validation, where there is none."""
    if len(split.validation):
        return split
    held = np.zeros(len(split.train), bool)
    held[:: round(1.0 / _GLANCE)] = True
    return Split(split.train[~held], split.train[held], split.test)


def _given_away(one: tuple[str, float]) -> str:
    """A note on a column that tells the target alone."""
    name, share = one
    return (
        f"{name} alone tells the target ({share * 100:.4g} % of it, on rows held out): is it known "
        "when you predict? If not, leave it out (leakage)."
    )
