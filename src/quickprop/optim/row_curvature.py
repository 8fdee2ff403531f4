"""How a loss bends in the weights of a linear network, from its rows alone.

The second derivative of the mean loss by the weights of an output is ``A' diag(h) A / n + l2``, A
being the matrix of the rows and h the second derivatives of the rows' losses by that output. One
number in place of h makes a matrix that is the same for all outputs and never changes, and that is
near enough: begun at its inverse, L-BFGS needs a tenth of the steps where columns are rare, of
different size or nearly dependent. For squared errors it is exact, and one step is enough.
Böhning (1992) has it as a bound for multinomial logistic regression.
"""

from __future__ import annotations

import numpy as np

from quickprop.autodiff import gradients
from quickprop.foundation.deadline import look_at_the_clock
from quickprop.graph import ROWS, Graph, placeholder
from quickprop.native import CsrMatrix
from quickprop.ops.elementary import sum
from quickprop.ops.reference import evaluate
from quickprop.optim.full_batch import Problem
from quickprop.optim.linear_rows import Block, LinearRows, Piece

#: The most lines of weights; with more of them only the diagonal of the matrix is used.
MOST_LINES = 1536
#: Rows that the loss's own curvature is measured on, and the outputs at which it is.
_SAMPLE, _STEP = 2**12, 0.5
#: What is added to the diagonal, as a part of its mean: no column of zeros makes it singular.
_RIDGE = 1e-9


def inverse_root(problem: Problem, rows: LinearRows, penalty: np.ndarray) -> np.ndarray:
    """A matrix C whose ``C' C`` is near the inverse second derivative, the same for every output.

    Parameters
    ----------
    penalty : array, shape (lines, 1)
        What the L2 penalty adds to the second derivative.

    Returns
    -------
    array, shape (lines, lines), or (lines, 1) where it is diagonal
    """
    whole = rows.lines <= MOST_LINES
    weights = _row_weights(problem)
    matrix = np.zeros((rows.lines, rows.lines if whole else 1))
    for piece in rows.pieces():
        look_at_the_clock()
        factors = None if weights is None else weights[piece.rows]
        if whole:
            _add_products(matrix, piece, factors)
        else:
            _add_squares(matrix[:, 0], piece, factors)
    matrix *= _curvature_of_loss(problem) / problem.rows
    if not whole:
        matrix += penalty
        return np.asarray(1.0 / np.sqrt(matrix + _RIDGE * matrix.mean()))
    diagonal = np.einsum("ii->i", matrix)
    diagonal += penalty[:, 0]
    diagonal += _RIDGE * diagonal.mean()
    look_at_the_clock()
    return np.asarray(np.linalg.inv(np.linalg.cholesky(matrix)))


def _row_weights(problem: Problem) -> np.ndarray | None:
    if problem.weights is None:
        return None
    given = np.asarray(problem.data[problem.weights], np.float64)
    return given if given.ndim == 1 else np.asarray(given.mean(axis=1))


def _curvature_of_loss(problem: Problem) -> float:
    """The mean second derivative of a row's loss by an output, around outputs of 0."""
    loss, target, width = problem.loss, problem.target, problem.network.width
    output = placeholder((ROWS, width), problem.network.dtype, "output")
    slopes = Graph((output, target), tuple(gradients(sum(loss.per_row(output, target)), [output])))
    truth = problem.data[target]
    assert not isinstance(truth, CsrMatrix)
    truth = truth[:: -(-problem.rows // _SAMPLE)]
    bends = []
    for k in range(width):
        step = np.zeros((len(truth), width), output.dtype.value)
        step[:, k] = _STEP
        ahead, behind = (
            evaluate(slopes, {output: at, target: truth})[0][0][:, k] for at in (step, -step)
        )
        bends.append(np.mean(ahead - behind, dtype=np.float64) / (2 * _STEP))
    bend = float(np.mean(bends))
    # Hinges and absolute errors do not bend there.
    return bend if np.isfinite(bend) and bend > 0.0 else 1.0


def _numbers(piece: Piece) -> tuple[list[tuple[Block, slice]], np.ndarray]:
    """All columns of numbers and of ones side by side, in float64, and where each block is."""
    count = piece.rows.stop - piece.rows.start
    arrays = [*piece.numbers, *((block, np.ones((count, 1))) for block in piece.ones)]
    joined = np.concatenate([np.ones((count, 0)), *(array for _, array in arrays)], axis=1)
    places, start = [], 0
    for block, _ in arrays:
        places.append((block, slice(start, start + block.count)))
        start += block.count
    return places, joined


def _add_squares(total: np.ndarray, piece: Piece, factors: np.ndarray | None) -> None:
    """Add the diagonal of ``A' A``."""
    places, numbers = _numbers(piece)
    weighted = numbers if factors is None else numbers * factors[:, None]
    squares = np.einsum("ij,ij->j", weighted, numbers)
    for block, place in places:
        total[block.lines] += squares[place]
    for block, codes in piece.codes:
        total[block.lines] += np.bincount(codes, factors, block.count)


def _add_products(total: np.ndarray, piece: Piece, factors: np.ndarray | None) -> None:
    """Add ``A' A``."""
    places, numbers = _numbers(piece)
    weighted = numbers if factors is None else numbers * factors[:, None]
    products = weighted.T @ numbers
    for one, at in places:
        for other, beside in places:
            total[one.lines, other.lines] += products[at, beside]
    for k, (one, codes) in enumerate(piece.codes):
        crossed = _sums_by_code(weighted, codes, one.count)
        for other, at in places:
            total[one.lines, other.lines] += crossed[:, at]
            total[other.lines, one.lines] += crossed[:, at].T
        total[one.lines, one.lines] += np.diag(np.bincount(codes, factors, one.count))
        for other, more in piece.codes[:k]:
            sizes = (one.count, other.count)
            pairs = np.bincount(codes * other.count + more, factors, sizes[0] * sizes[1])
            total[one.lines, other.lines] += pairs.reshape(sizes)
            total[other.lines, one.lines] += pairs.reshape(sizes).T


def _sums_by_code(numbers: np.ndarray, codes: np.ndarray, levels: int) -> np.ndarray:
    """For each level the sum of the lines that have it."""
    sums = np.zeros((levels, numbers.shape[1]))
    if numbers.shape[1]:
        order = np.argsort(codes, kind="stable")
        met, begins = np.unique(codes[order], return_index=True)
        sums[met] = np.add.reduceat(numbers[order], begins, axis=0)
    return sums
