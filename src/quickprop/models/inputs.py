"""From preprocessed rows to the arrays that a network of a table takes."""

from __future__ import annotations

import numpy as np

from quickprop.data import Matrices
from quickprop.nn import Network

#: The inputs of a network in a row: the numbers, and the codes of all embedded columns.
NUMBERS, CODES = "numeric", "categories"


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
