"""How the rows of a table are dealt into parts, so that the test part is as new rows will be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quickprop.data import Split, Table, column_of, split_ahead, split_rows
from quickprop.data.equal_rows import equal_rows, numbered
from quickprop.data.group_columns import group_columns
from quickprop.data.preprocess import as_polars
from quickprop.data.time_order import find_time_order, time_keys
from quickprop.errors import DataError, SettingError
from quickprop.foundation.deadline import Deadline, NotInTimeError, time_limit
from quickprop.models.evidence import TestRows

#: The part of a budget after which no groups are looked for.
_FOR_GROUPS = 0.3
#: The last share of the rows in time that is judged ahead, where no test part was asked for.
_AHEAD = 0.2
#: What is given in place of a column where the rows are to be dealt one by one.
NONE = "none"


@dataclass(frozen=True, eq=False)
class Deal:
    """The parts of a table and why they are as they are.

    Attributes
    ----------
    split : Split
    way : str
        In words: at random, by group, ahead in time.
    notes : tuple of str
    without : tuple of str
        Columns that are not learned from: a group that is new has another name.
    groups : int array, shape (rows,), optional
        Which rows hang together, where some do.
    ahead : bool
        Whether the test part is the last in time.
    times : float array, shape (rows,), optional
        When each row was, where that counts.
    later : Split, optional
        Another way, ahead in time, where the rows are in an order that matters.
    later_by : str
        What that order is by.
    """

    split: Split
    way: str = "at random"
    notes: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    groups: np.ndarray | None = None
    ahead: bool = False
    times: np.ndarray | None = None
    later: Split | None = None
    later_by: str = ""

    @property
    def test_rows(self) -> TestRows:
        """How the rows of the test part hang together."""
        if self.groups is None:
            return TestRows(ordered=self.ahead)
        return TestRows(np.unique(self.groups[self.split.test], return_inverse=True)[1])


def deal_rows(
    frame: Table,
    target: str,
    truth: np.ndarray,
    strata: np.ndarray | None,
    *,
    seed: int,
    test: float,
    validation: float,
    group: str | None = None,
    time: str | None = None,
    deadline: Deadline | None = None,
) -> Deal:
    """Deal the rows by what is asked for, or by what is found in them.

    Parameters
    ----------
    frame : narwhals.DataFrame
        The rows that have a target.
    target : str
    truth : array, shape (rows,)
        Class codes, or numbers.
    strata : int array, optional
        The class of each row.
    seed, test, validation
        As `split_rows` takes them.
    group, time : str, optional
        The column whose rows stay together, or by which the test part is the last; "none" where
        nothing of the kind is to be looked for.
    deadline : Deadline, optional
        When a part of its time has passed, groups are not looked for any longer.

    Raises
    ------
    DataError, SettingError
        No such column, or one that cannot serve.
    """
    asked_group, asked_time = _asked(group), _asked(time)
    if asked_group is not None and asked_time is not None:
        raise SettingError(
            "rows can be dealt by groups or in order of time, not both",
            where="group, time",
            hint="give one of the two",
        )
    for what, name in (("group", asked_group), ("time", asked_time)):
        if name is not None:
            column_of(frame, name, where=what)
            if name == target:
                raise SettingError("that is the target", where=what, given=repr(name))
    shares = {"test": test, "validation": validation}
    if asked_time is not None:
        keys = time_keys(as_polars(frame)[asked_time])
        if keys is None:
            raise DataError(
                "the column holds no times",
                where=f"time {asked_time!r}",
                allowed="dates, or numbers that grow with time",
                hint="name a column of dates or numbers",
            )
        split = split_ahead(keys, **shares)
        return Deal(split, f"ahead in time, by {asked_time!r}", ahead=True, times=keys)
    if asked_group is not None:
        named = numbered(as_polars(frame)[asked_group])
        return _by_group(asked_group, named, (), strata, seed, shares)
    notes: list[str] = []
    classes = strata is not None
    codes: np.ndarray | None = None
    if group != NONE:
        try:
            with time_limit(lambda: deadline is not None and deadline.spent(_FOR_GROUPS)):
                found = group_columns(frame, target, truth, classes=classes, seed=seed)
        except NotInTimeError:
            found = []
            notes.append(
                "There was no time to find out whether a column repeats like a person or a device: "
                "give more, or name it with --group."
            )
        taken = next((one for one in found if one.gives_away), None)
        if taken is not None:
            notes.append(
                f"{taken.name} repeats like a person or a device, and its rows give each other "
                "away: each of its values is in one part only (--group none for a split at random)."
            )
            return _by_group(taken.name, taken.codes, tuple(notes), strata, seed, shares)
        notes.extend(
            f"{one.name} repeats like a person or a device: --group {one.name} judges by new ones."
            for one in found[:2]
        )
        codes, note = equal_rows(frame, target, truth)
        if note:
            notes.append(note)
    split = split_rows(len(truth), seed=seed, classes=strata, groups=codes, **shares)
    deal = Deal(split, notes=tuple(notes), groups=codes)
    if time == NONE:
        return deal
    order = find_time_order(frame, target, truth, classes=classes, by_rows=codes is None)
    if order is None:
        return deal
    by = "the order of the rows" if order.name is None else repr(order.name)
    flag = "--time COLUMN" if order.name is None else f"--time {order.name}"
    notes.append(
        f"Rows are in order of time, by {by}: those next to each other have like targets. {flag} "
        "judges by the last rows alone."
        if order.name is not None
        else "Rows next to each other have like targets: if they are in order of time, "
        f"judge by the last alone ({flag})."
    )
    try:
        later = split_ahead(order.keys, test=test or _AHEAD, validation=validation)
    except DataError:
        later = None
    return Deal(split, notes=tuple(notes), groups=codes, times=order.keys, later=later, later_by=by)


def _asked(name: str | None) -> str | None:
    return None if name == NONE else name


def _by_group(
    name: str,
    codes: np.ndarray,
    notes: tuple[str, ...],
    strata: np.ndarray | None,
    seed: int,
    shares: dict[str, float],
) -> Deal:
    split = split_rows(len(codes), seed=seed, classes=strata, groups=codes, **shares)
    return Deal(split, f"by group, {name!r}", notes, (name,), codes)
