"""The derivative of every output of every row by every parameter, as graph.

One reverse walk gives the derivative of a sum over rows by tensors with a line a row, and those
lines are the rows' own derivatives when no row has an influence on another. From them the
parameters' are products: for ``a = o W``, the derivative by ``W_ij`` is that by ``a_j`` times
``o_i`` (Hagan and Menhaj 1994, for layers in a row).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from quickprop.autodiff import gradients
from quickprop.errors import SettingError
from quickprop.graph import ROWS, Op, Tensor, constant, reshape, show_shape, walk
from quickprop.graph.tensor import broadcast_to
from quickprop.ops.elementary import concat, sum


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

    def of_output(self, index: int) -> Tensor:
        """The derivatives of one output (rows, numbers of all parameters)."""
        by_row = list(dict.fromkeys(use for uses in self.uses.values() for use in uses))
        single = sum(self.output[:, index : index + 1])
        slopes = dict(zip(by_row, gradients(single, by_row), strict=True))
        return concat([self._block(parameter, slopes) for parameter in self.parts], 1)

    def _block(self, parameter: Tensor, slopes: Mapping[Tensor, Tensor]) -> Tensor:
        size = math.prod(dim or 1 for dim in parameter.shape)
        block: Tensor | None = None
        for use in self.uses[parameter]:
            slope = slopes[use]
            if use.op is Op.MATMUL:
                inputs, width = parameter.shape
                entering = reshape(use.inputs[0], (ROWS, inputs, 1))
                slope = entering * reshape(slope, (ROWS, 1, width))
            own = reshape(slope, (ROWS, size))
            block = own if block is None else block + own
        if block is None:
            return broadcast_to(constant(0.0, parameter.dtype), (ROWS, size))
        return block


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
            and part.rank == 2
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
    size = math.prod(dim or 1 for dim in part.shape)
    of_row = math.prod(dim or 1 for dim in node.shape[1:])
    return node.op is Op.BROADCAST and ROWS in node.shape and of_row == size


def _refused(what: str, given: str) -> SettingError:
    return SettingError(
        f"Levenberg-Marquardt cannot train this network: {what}",
        where="fit.optimizer",
        allowed="Dense and Activation layers, and others whose parameters act on each row alone",
        given=given,
        mend="use LBFGS()",
    )
