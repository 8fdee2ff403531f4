"""What goes into a network of a table and what comes out of it, and the arrays it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.data import Matrices, Preprocessor
from quickprop.models.task import Task
from quickprop.nn import Network

#: The inputs of a network in a row: the numbers, and the codes of all embedded columns.
NUMBERS, CODES = "numeric", "categories"


@dataclass(frozen=True)
class Interface:
    """The names, and by them the numbers, of what a network of a table reads and gives.

    Attributes
    ----------
    features : tuple of str
        The numeric inputs.
    categories : tuple of str
        The embedded columns.
    levels : tuple of tuple of str
        What each code of each embedded column stands for.
    outputs : tuple of str
        Classes, or the target as it is scaled.
    continuous : tuple of int
        Which of the numeric inputs are numbers of a range, and not 0 or 1 for a level or a flag.
    """

    features: tuple[str, ...]
    categories: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    outputs: tuple[str, ...]
    continuous: tuple[int, ...] = ()

    @classmethod
    def of(cls, preprocessor: Preprocessor, task: Task, target: str) -> Interface:
        """That of a network for these columns and this target."""
        return cls(
            _named(preprocessor.numeric_names),
            _named(preprocessor.category_names),
            preprocessor.level_names,
            _named(task.output_names(target)),
            preprocessor.continuous,
        )

    @property
    def codes(self) -> tuple[int, ...]:
        """How many codes each embedded column has."""
        return tuple(map(len, self.levels))

    @property
    def names(self) -> dict[str, Any]:
        """As `Network` takes them."""
        return {
            "input_names": self.features or None,
            "category_names": self.categories or None,
            "level_names": self.levels or None,
            "output_names": self.outputs,
        }


def _named(names: tuple[str, ...]) -> tuple[str, ...]:
    """Every name with a letter: a table may have a column without."""
    return tuple(name or f"column {place}" for place, name in enumerate(names, start=1))


def category_input(column: int) -> str:
    """The name of the input for the codes of one embedded column alone."""
    return f"category {column + 1}"


def network_inputs(network: Network, matrices: Matrices) -> tuple[np.ndarray, ...]:
    """The arrays that a network of a table takes, in the order of its inputs."""
    categories = matrices.categories
    given: dict[str, np.ndarray] = {NUMBERS: matrices.numeric, CODES: categories}
    for column in range(categories.shape[1]):
        given[category_input(column)] = categories[:, column : column + 1]
    return tuple(given[str(leaf.name)] for leaf in network.inputs)
