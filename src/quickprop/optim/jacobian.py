"""The derivative of every output of every row by every parameter, as graph.

One reverse walk gives the derivative of a sum over rows by tensors with a line a row, and those
lines are the rows' own derivatives when no row has an influence on another. From them the
parameters' are products: for ``a = o W``, the derivative by ``W_ij`` is that by ``a_j`` times
``o_i`` (Hagan and Menhaj 1994, for layers in a row).
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quickprop.autodiff import gradients
from quickprop.errors import SettingError
from quickprop.graph import (
    ROWS,
    Op,
    Shape,
    Tensor,
    broadcast_to,
    constant,
    reshape,
    show_shape,
    variable,
    walk,
)
from quickprop.ops.elementary import concat, sum

#: The most numbers of the two matrices that spread rows to the Jacobian.
MOST_SPREAD = 2**18


class RowJacobian:
    """How the rows of an output depend on parameters.

    Parameters
    ----------
    output : Tensor
        (rows, k).
    parts : mapping of Tensor to Tensor
        The parameters, and the tensors that stand for them in the graph of the output.

    Raises
    ------
    SettingError
        When a parameter is used in another way than as a matrix that rows are multiplied by or
        as numbers that are the same for every row, or when rows are mixed.
    """

    def __init__(self, output: Tensor, parts: Mapping[Tensor, Tensor]) -> None:
        self.output, self.parts = output, parts
        nodes = walk([output])
        _check_rows_apart(nodes)
        self.uses = {
            parameter: _uses_by_row(nodes, part, str(parameter.name))
            for parameter, part in parts.items()
        }
        self._spread = _spread(self.uses)

    def of_output(self, index: int, beside: Tensor) -> Tensor:
        """The derivatives of one output, and a column beside them.

        Parameters
        ----------
        index : int
            Which output.
        beside : Tensor
            (rows, 1).

        Returns
        -------
        Tensor
            (rows, numbers of all parameters + 1).
        """
        by_row = list(dict.fromkeys(use for uses in self.uses.values() for use in uses))
        single = sum(self.output[:, index : index + 1])
        by_use = {
            use: reshape(gradient, (ROWS, _numbers(use.shape)))
            for use, gradient in zip(by_row, gradients(single, by_row), strict=True)
        }
        if self._spread is not None:
            left = concat(self._spread.entering, 1) @ self._spread.left
            right = concat([*by_use.values(), beside], 1) @ self._spread.right
            return left * right
        return concat([*(self._block(p, by_use) for p in self.parts), beside], 1)

    def _block(self, parameter: Tensor, by_use: Mapping[Tensor, Tensor]) -> Tensor:
        size = _numbers(parameter.shape)
        block: Tensor | None = None
        for use in self.uses[parameter]:
            gradient = by_use[use]
            if use.op is Op.MATMUL:
                inputs, width = parameter.shape
                entering = reshape(use.inputs[0], (ROWS, inputs, 1))
                gradient = reshape(entering * reshape(gradient, (ROWS, 1, width)), (ROWS, size))
            block = gradient if block is None else block + gradient
        if block is None:
            return broadcast_to(constant(0.0, parameter.dtype), (ROWS, size))
        return block


@dataclass(frozen=True)
class _Spread:
    """Two matrices of zeros and ones, so that the Jacobian is the product of two products.

    In native code that is several times quicker than to make each block and put them side by side.

    Parameters
    ----------
    entering : list of Tensor
        What rows enter their matrices with, and a column of ones.
    left, right : Tensor
        From these, and from the gradients, to the numbers of all parameters and one more.
    """

    entering: list[Tensor]
    left: Tensor
    right: Tensor


def _spread(uses: Mapping[Tensor, Sequence[Tensor]]) -> _Spread | None:
    """The matrices, or None when they are too large or a parameter is not used just once."""
    if any(len(found) != 1 for found in uses.values()):
        return None
    kind = next(iter(uses)).dtype
    entering: list[Tensor] = []
    columns: list[tuple[np.ndarray, np.ndarray]] = []
    # How many columns stand to the left so far, of what enters and of the gradients.
    across = down = 0
    for parameter, (use,) in uses.items():
        size = _numbers(parameter.shape)
        if use.op is Op.MATMUL:
            inputs, width = (dim or 1 for dim in parameter.shape)
            i, j = np.divmod(np.arange(size), width)
            columns.append((across + i, down + j))
            entering.append(use.inputs[0])
            across, down = across + inputs, down + width
        else:
            # What is the same for every row enters with 1: that column comes last.
            columns.append((np.full(size, -1), down + np.arange(size)))
            down += size
    count = builtins.sum(len(left) for left, _ in columns) + 1
    if (across + down + 2) * count > MOST_SPREAD:
        return None
    left, right = np.zeros((across + 1, count)), np.zeros((down + 1, count))
    place = np.arange(count)
    left[np.concatenate([*(one for one, _ in columns), [-1]]), place] = 1.0
    right[np.concatenate([*(one for _, one in columns), [-1]]), place] = 1.0
    ones = broadcast_to(constant(1.0, kind), (ROWS, 1))
    return _Spread(
        [*entering, ones],
        variable(left, kind, "jacobian.left"),
        variable(right, kind, "jacobian.right"),
    )


def _numbers(shape: Shape) -> int:
    """How many numbers, or how many of a row."""
    return math.prod(dim or 1 for dim in shape)


def _check_rows_apart(nodes: Sequence[Tensor]) -> None:
    by_row: set[Tensor] = set()
    for node in nodes:
        if ROWS in node.shape:
            by_row.add(node)
        elif node.op is Op.ROW_COUNT or any(source in by_row for source in node.inputs):
            raise _refused("a layer mixes rows, such as batch normalisation", repr(node))


def _uses_by_row(nodes: Sequence[Tensor], part: Tensor, name: str) -> list[Tensor]:
    """The tensors with a line a row that a parameter goes into directly."""
    found: list[Tensor] = []
    shown = [part]
    for node in nodes:
        entering = [source for source in node.inputs if source in shown]
        if not entering:
            continue
        matrix = (
            node.op is Op.MATMUL
            and node.inputs[1] is part
            and node.inputs[0] is not part
            and not node.attribute("transpose_a")
            and not node.attribute("transpose_b")
            and node.rank == part.rank == 2
        )
        if node.op is Op.RESHAPE:
            # Axes of length 1 in front, before the numbers are repeated for every row.
            shown.append(node)
        elif matrix or _repeats_for_rows(node, part):
            found.append(node)
        else:
            raise _refused(
                f"a parameter is used by {node.op.value}", f"{name} {show_shape(part.shape)}"
            )
    return found


def _repeats_for_rows(node: Tensor, part: Tensor) -> bool:
    """Whether each row gets all numbers of a parameter, each once."""
    same = _numbers(part.shape) == _numbers(node.shape)
    return node.op is Op.BROADCAST and ROWS in node.shape and same


def _refused(what: str, given: str) -> SettingError:
    return SettingError(
        f"Levenberg-Marquardt cannot train this network: {what}",
        where="fit.optimizer",
        allowed="Dense and Activation layers, and others whose parameters act on each row alone",
        given=given,
        hint="use LBFGS()",
    )
