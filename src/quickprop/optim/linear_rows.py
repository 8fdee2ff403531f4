"""The rows of a linear network as a matrix A with a column for every line of its weights.

Such a network is a sum of layers on its inputs: numbers times weights, a bias, which is a column of
ones, and for each category the line of its level, which is a column of 0 or 1 for each level. The
columns of levels and of ones are never written down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from quickprop.errors import SettingError
from quickprop.graph import Op, Tensor
from quickprop.native import CsrMatrix
from quickprop.optim.full_batch import Problem

#: Rows between two looks at the clock.
PIECE = 2**14


@dataclass(frozen=True)
class Block:
    """The columns of A that a parameter multiplies.

    Parameters
    ----------
    source : Tensor or None
        The input they come from; None for a column of ones.
    lines : slice
        Which they are.
    codes : bool
        Whether the input holds the codes of as many levels.
    """

    source: Tensor | None
    lines: slice
    codes: bool

    @property
    def count(self) -> int:
        """How many."""
        return int(self.lines.stop - self.lines.start)


@dataclass(frozen=True)
class Piece:
    """Some rows of A.

    Parameters
    ----------
    rows : slice
        Which of all.
    numbers : tuple of (Block, array)
        Blocks of numbers, (rows, lines).
    codes : tuple of (Block, array)
        Blocks of levels, (rows,).
    ones : tuple of Block
    """

    rows: slice
    numbers: tuple[tuple[Block, np.ndarray], ...]
    codes: tuple[tuple[Block, np.ndarray], ...]
    ones: tuple[Block, ...]

    def times(self, weights: np.ndarray) -> np.ndarray:
        """A times weights (lines, outputs), output after output in memory.

        There are few outputs: what goes over them row by row is many times slower otherwise.
        """
        by_output = np.ascontiguousarray(weights.T)
        total = np.zeros((len(by_output), self.rows.stop - self.rows.start), weights.dtype)
        for block, array in self.numbers:
            total += by_output[:, block.lines] @ array.T
        for block, codes in self.codes:
            for line, level in zip(total, by_output[:, block.lines], strict=True):
                line += level.take(codes)
        for block in self.ones:
            total += by_output[:, block.lines]
        return total.T

    def add_transposed_times(self, numbers: np.ndarray, total: np.ndarray) -> None:
        """Add A' times numbers (rows, outputs) to a total (lines, outputs)."""
        for block, array in self.numbers:
            total[block.lines] += array.T @ numbers
        for block, codes in self.codes:
            for k, column in enumerate(numbers.T):
                total[block.lines, k] += np.bincount(codes, column, block.count)
        for block in self.ones:
            total[block.lines] += numbers.sum(axis=0, dtype=np.float64)


class LinearRows:
    """The matrix A of a problem.

    Attributes
    ----------
    lines : int
        Columns of A: lines of all weights, parameter after parameter. A weight (features, outputs)
        and a table (levels, outputs) have as many as they have, a bias (outputs,) has one.

    Raises
    ------
    SettingError
        The network is no such sum.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        found = _uses(problem)
        self.blocks: list[Block] = []
        start = 0
        for parameter in problem.network.parameters:
            source, codes = found[parameter]
            count = parameter.value.shape[0] if parameter.rank == 2 else 1
            self.blocks.append(Block(source, slice(start, start + count), codes))
            start += count
        self.lines = start
        data = problem.data
        # As whole columns of the kind that NumPy counts and picks by, once for all looks.
        self._codes = tuple(
            (block, np.asarray(data[block.source])[:, 0].astype(np.intp))
            for block in self.blocks
            if block.codes and block.source is not None
        )

    def pieces(self) -> Iterator[Piece]:
        """All rows, some at a time."""
        data = self._problem.data
        plain = [block for block in self.blocks if not block.codes]
        for start in range(0, self._problem.rows, PIECE):
            rows = slice(start, min(start + PIECE, self._problem.rows))
            numbers = []
            for block in plain:
                if block.source is not None:
                    array = data[block.source]
                    if isinstance(array, CsrMatrix):
                        numbers.append((block, array.dense(np.arange(rows.start, rows.stop))))
                    else:
                        numbers.append((block, array[rows]))
            codes = tuple((block, code[rows]) for block, code in self._codes)
            ones = tuple(block for block in plain if block.source is None)
            yield Piece(rows, tuple(numbers), codes, ones)


def _uses(problem: Problem) -> dict[Tensor, tuple[Tensor | None, bool]]:
    """For each parameter the input that it is applied to, and whether that holds codes."""
    found: dict[Tensor, tuple[Tensor | None, bool]] = {}
    parts = [problem.output]
    while parts:
        node = parts.pop()
        if node.op is Op.ADD:
            parts += node.inputs
            continue
        leaf, source, codes = _use(node)
        if leaf in found or (source is not None and source not in problem.data):
            raise _not_linear(node)
        found[leaf] = source, codes
    if found.keys() != set(problem.network.parameters):
        raise _not_linear(problem.output)
    return found


def _use(node: Tensor) -> tuple[Tensor, Tensor | None, bool]:
    if node.op is Op.MATMUL and not (
        node.attribute("transpose_a") or node.attribute("transpose_b")
    ):
        rows, weight = node.inputs
        if rows.op is Op.PLACEHOLDER and weight.op is Op.VARIABLE:
            return weight, rows, False
    if node.op is Op.GATHER:
        table, codes = node.inputs
        if codes.op is Op.RESHAPE and table.op is Op.VARIABLE:
            (codes,) = codes.inputs
            if codes.op is Op.PLACEHOLDER and codes.shape == (None, 1):
                return table, codes, True
    if node.op is Op.BROADCAST:
        (bias,) = node.inputs
        bias = bias.inputs[0] if bias.op is Op.RESHAPE else bias
        if bias.op is Op.VARIABLE and bias.shape == node.shape[1:]:
            return bias, None, False
    raise _not_linear(node)


def _not_linear(node: Tensor) -> SettingError:
    return SettingError(
        "this method fits linear networks only",
        where="fit.optimizer",
        allowed="a sum of Dense layers and of Embeddings of one column, all on inputs",
        given=repr(node)[:80],
        hint="use LBFGS()",
    )
