"""A loss of your own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.config import DType
from quickprop.errors import SettingError, ShapeError
from quickprop.foundation.settings import (
    callback,
    called,
    choice,
    integer,
    optional,
    sequence_of,
    setting,
)
from quickprop.graph import ROWS, Tensor, placeholder, reshape, show_shape
from quickprop.losses.loss import RowLoss
from quickprop.losses.targets import NUMBERS, class_codes, numbers


@dataclass(frozen=True)
class FunctionLoss(RowLoss):
    """A function of tensors as loss; what the raw outputs say is left open.

    Parameters
    ----------
    function : callable
        ``function(output, target)`` takes the raw outputs (rows, k) and the target, and gives the
        loss of each row (rows,), or of several columns of each row (rows, columns), which are
        averaged. It is written with the operators of tensors and the functions of `quickprop.ops`.
    target : {"numbers", "codes"}
        Floating-point numbers, or whole numbers from 0.
    shape : tuple of int, optional
        The shape of the target of a row: by default one number for each output, or a single code.
    """

    function: Callable[[Tensor, Tensor], Tensor] = setting(callback())
    target: str = setting(choice({"numbers": None, "codes": None}), "numbers")
    shape: tuple[int, ...] | None = setting(optional(sequence_of(integer(1), 0)), None)

    def output_width(self, targets: int) -> int:
        """One for each."""
        return targets

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """What the function gives (rows, columns)."""
        losses = called(self.function, "CustomLoss.function", output, target)
        fits = (
            isinstance(losses, Tensor)
            and losses.dtype is output.dtype
            and losses.rank in (1, 2)
            and losses.shape[0] is ROWS
        )
        if not fits:
            raise SettingError(
                "the function must give the loss of each row",
                where="CustomLoss.function",
                allowed=f"{output.dtype.value}[rows] or {output.dtype.value}[rows, columns]",
                given=repr(losses)[:80],
                hint="leave out the mean over rows, which is taken afterwards"
                if isinstance(losses, Tensor) and losses.shape == ()
                else None,
            )
        return losses if losses.rank == 2 else reshape(losses, (ROWS, 1))

    def target_placeholder(self, width: int, dtype: DType = DType.float32) -> Tensor:
        """Numbers or codes, of `shape` for each row."""
        kind = DType.int32 if self.target == "codes" else dtype
        return placeholder((ROWS, *self._row_shape(width)), kind, "target")

    def check_target(self, target: Any, width: int, where: str) -> np.ndarray:
        """Numbers or codes, of `shape` for each row."""
        array = numbers(target, where)
        shape = self._row_shape(width)
        if array.ndim == 1 and shape == (1,):
            array = array.reshape(-1, 1)
        if array.ndim != 1 + len(shape) or array.shape[1:] != shape:
            raise ShapeError(
                "the target does not fit the loss",
                where=where,
                allowed=show_shape((ROWS, *shape)),
                given=show_shape(array.shape),
                hint="say the shape of a row by CustomLoss(shape=...)",
            )
        if self.target == "codes":
            return class_codes(array.reshape(-1), 2**31, where).reshape(array.shape)
        NUMBERS.check(array, where)
        return array

    def to_document(self) -> dict[str, Any]:
        """The name of the function stands for it; it cannot be read back."""
        name = getattr(self.function, "__qualname__", type(self.function).__name__)
        shape = None if self.shape is None else list(self.shape)
        return {"kind": "CustomLoss", "function": name, "target": self.target, "shape": shape}

    def _row_shape(self, width: int) -> tuple[int, ...]:
        if self.shape is not None:
            return self.shape
        return () if self.target == "codes" else (width,)


@dataclass(frozen=True)
class CustomLoss(FunctionLoss):
    """Any function of tensors; its derivative and its native code follow from the graph.

    Parameters
    ----------
    function : callable
        ``function(output, target)`` takes the raw outputs (rows, k) and the target, and gives the
        loss of each row (rows,), or of several columns of each row (rows, columns), which are
        averaged. It is written with the operators of tensors and the functions of `quickprop.ops`.
    target : {"numbers", "codes"}
        Floating-point numbers, or whole numbers from 0.
    shape : tuple of int, optional
        The shape of the target of a row: by default one number for each output, or a single code.

    Examples
    --------
    >>> from quickprop import CustomLoss, function, placeholder
    >>> output, target = placeholder((None, 1)), placeholder((None, 1))
    >>> loss = function([output, target], CustomLoss(lambda o, t: (o - t) ** 4)(output, target))
    >>> float(loss([[3.0]], [[1.0]]))
    16.0
    """

    def prediction(self, output: Tensor) -> Tensor:
        """The outputs as they are."""
        return output
