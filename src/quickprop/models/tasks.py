"""The kinds of tasks there are, and the one for a target column or a document."""

from __future__ import annotations

from quickprop.data import Values, target_from_document
from quickprop.models.classification import Classification
from quickprop.models.regression import Regression
from quickprop.models.task import TASKS, Task, task_kind

__all__ = ["TASKS", "Classification", "Regression", "Task", "fit_task", "task_from_document"]


def fit_task(values: Values, kind: str) -> Task:
    """The task of that kind, with what the whole column may tell (`DataError`)."""
    return TASKS[kind].fit(values)


def task_from_document(document: object, *, where: str = "target") -> Task:
    """Read back what `Task.to_document` wrote (`ModelFileError`)."""
    kind = task_kind(document, where)
    return kind.of(target_from_document(document, where=where))
