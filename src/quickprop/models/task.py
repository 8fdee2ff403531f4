"""What is learned of a target: its loss, its outputs, its scores and the words about them.

A target is one `Task` to all that comes after reading: preparing, training, judging, the model
and its file ask it, and nothing asks which kind it is. A model of several targets is one more kind,
made of a task each, whose loss is `Heads` and whose outputs stand side by side.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from quickprop.data import Target, Values
from quickprop.foundation.documents import Fields
from quickprop.losses import Loss
from quickprop.models.calibration import Calibration

Scores = dict[str, float]

#: The kinds of tasks by name; each puts itself in.
TASKS: dict[str, type[Task]] = {}


class Task(ABC):
    """How one target is learned and judged.

    Two forms of it are told apart: as the loss takes it (*encoded*), and as scores take it
    (*truth*: class codes, or numbers in the target's own unit). Predictions that are scored are
    probabilities (n, classes), or numbers (n,).

    Attributes
    ----------
    codec : RegressionTarget or ClassTarget
        Between the cells of the target column and numbers.

    Examples
    --------
    >>> from quickprop.data import sample_path
    >>> from quickprop.models import Task, prepare
    >>> task = prepare(sample_path("iris"), target="species").task
    >>> isinstance(task, Task), task.outputs
    (True, 3)
    """

    kind: ClassVar[str]
    #: Names of the scores, the most telling first.
    score_names: ClassVar[tuple[str, ...]]
    #: Those of them that older reports lack.
    later_scores: ClassVar[tuple[str, ...]] = ()
    #: Whether the loss is the squared error, whose lowest value has a formula.
    squared: ClassVar[bool]
    #: The share of the dummy's loss that is no more than rounding is to a user.
    nearly_nothing: ClassVar[float]

    codec: Target

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if not inspect.isabstract(cls):
            TASKS[cls.kind] = cls

    # -- learning -------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def of(cls, codec: Target) -> Task:
        """The task with what was learned of its column."""

    @classmethod
    @abstractmethod
    def fit(cls, values: Values) -> Task:
        """Learn what the whole column may tell: the classes, but no mean (`DataError`)."""

    @abstractmethod
    def fit_training(self, values: Values) -> Task:
        """Learn from the training rows what only they may tell (`DataError`)."""

    @property
    @abstractmethod
    def strata(self) -> bool:
        """Whether every part of the rows shall have its share of each class."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """How many outputs a network needs."""

    @abstractmethod
    def output_names(self, target: str) -> tuple[str, ...]:
        """What each output is, for views: a class, or how the column `target` is scaled."""

    @property
    @abstractmethod
    def loss(self) -> Loss:
        """What training makes small."""

    @abstractmethod
    def linear_penalty(self, rows: int) -> float:
        """The penalty on squared weights of a linear model learned from so many rows."""

    @abstractmethod
    def encode(self, values: Values) -> np.ndarray:
        """The target as the loss takes it (`DataError`)."""

    @abstractmethod
    def truth(self, values: Values) -> np.ndarray:
        """The target as scores take it, shape (n,) (`DataError`)."""

    # -- outputs --------------------------------------------------------------------------------

    @property
    @abstractmethod
    def classes(self) -> tuple[Any, ...] | None:
        """The classes in the order of the probabilities; None where numbers are predicted."""

    @abstractmethod
    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Predictions as users get them, shape (n,), from raw outputs (n, outputs)."""

    @abstractmethod
    def scored(self, outputs: np.ndarray) -> np.ndarray:
        """Predictions as scores take them, from raw outputs (n, outputs)."""

    @abstractmethod
    def always_the_same(self, truth: np.ndarray, rows: int) -> np.ndarray:
        """For so many rows the one prediction that is best for the training rows' `truth`."""

    # -- judging --------------------------------------------------------------------------------

    @abstractmethod
    def scores(self, truth: np.ndarray, predicted: np.ndarray) -> Scores:
        """How good predictions are, by the names of `score_names`."""

    def row_losses(self, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """What each row costs, to compare two models row by row."""
        return self.cost(self.telling(truth, predicted))

    @abstractmethod
    def telling(self, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """The one number of each row's prediction that its loss depends on.

        It is linear in the predictions but for a constant: that of a weighted mean is the weighted
        mean of theirs.
        """

    @abstractmethod
    def cost(self, telling: np.ndarray) -> np.ndarray:
        """The losses of rows by those numbers."""

    @abstractmethod
    def calibration(self, truth: np.ndarray, predicted: np.ndarray) -> Calibration:
        """What makes predictions of an ensemble better, learned from rows new to its members."""

    @abstractmethod
    def difference(self, gain: float, error: float, larger: float) -> str:
        """In words how far apart two models are.

        Parameters
        ----------
        gain, error : float
            The mean difference of their `row_losses` and its standard error.
        larger : float
            The mean loss of the worse one.
        """

    @abstractmethod
    def second_gains(
        self, truth: np.ndarray, theirs: np.ndarray, ours: np.ndarray
    ) -> np.ndarray | None:
        """What each row gains by another measure than `row_losses`, where another is called for."""

    @abstractmethod
    def second_difference(self, gains: np.ndarray, gain: float, error: float) -> str:
        """In words how far apart two models are by `second_gains`, their mean and its error."""

    @abstractmethod
    def ranked(self, truth: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predictions and truth as columns with mean 0, which go together where a model is good.

        Ranks and 0/1 columns, so that neither wild numbers nor rare classes drown the others.
        """

    @abstractmethod
    def standing(self, scores: Scores) -> tuple[str, bool]:
        """How good scores are in two words, and whether that is so good that few rows show it."""

    @abstractmethod
    def falls_behind(self, scores: Scores, others: Scores) -> bool:
        """Whether scores are so much worse than others that a user must be told."""

    @abstractmethod
    def rare(self, truth: np.ndarray) -> str | None:
        """The name of the class that is looked for, where there is a rare one."""

    # -- as data --------------------------------------------------------------------------------

    def to_document(self) -> dict[str, Any]:
        """What was learned of the column, as JSON."""
        return self.codec.to_document()


def task_kind(document: object, where: str) -> type[Task]:
    """The kind of task that a document tells of (`ModelFileError`)."""
    return TASKS[Fields(document, where).text("kind", tuple(TASKS))]
