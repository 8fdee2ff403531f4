"""What training makes small.

Every loss is a mean over rows. Those for classes contain their own link function, so that they
work on raw outputs (logits) and stay finite for any size of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from quickprop.config import DType
from quickprop.errors import DataError, ShapeError
from quickprop.graph import ROWS, Tensor, placeholder, show_shape
from quickprop.nn.component import Component
from quickprop.ops.activations import softplus
from quickprop.ops.elementary import exp, log, max, mean, one_hot, stop_gradient, sum


@dataclass(frozen=True)
class Loss(Component, ABC):
    """A loss: one number a row, averaged.

    `link` names the activation that the loss contains. A network that ends in that activation is
    trained on what comes before it.
    """

    link: ClassVar[str | None] = None

    def __call__(self, output: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
        """The scalar loss.

        Parameters
        ----------
        output : Tensor
            Raw outputs (rows, k).
        target : Tensor
            As `target_placeholder` gives it.
        weights : Tensor, optional
            (rows,) factors of the rows, of mean 1.
        """
        losses = self.of_rows(output, target)
        return mean(losses if weights is None else losses * weights)

    @abstractmethod
    def of_rows(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss of each row (rows,)."""

    @abstractmethod
    def target_placeholder(self, width: int, dtype: DType = DType.float32) -> Tensor:
        """The placeholder for the target of a network with `width` outputs."""

    @abstractmethod
    def check_target(self, target: Any, width: int, where: str) -> np.ndarray:
        """The target as an array that fits the placeholder, or the error that says why not."""


def _matrix(target: Any, width: int, where: str) -> np.ndarray:
    array = _numbers(target, where)
    if array.ndim == 1 and width == 1:
        array = array.reshape(-1, 1)
    if array.ndim != 2 or array.shape[1] != width:
        raise ShapeError(
            "the target does not fit the outputs of the network",
            where=where,
            allowed=f"[rows, {width}]",
            given=show_shape(array.shape),
            mend=f"give the last Dense layer a width of {array.shape[1]}"
            if array.ndim == 2
            else None,
        )
    if not np.isfinite(array).all():
        raise DataError(
            "the target has missing or infinite numbers",
            where=where,
            mend="leave these rows out",
        )
    return array


def _numbers(target: Any, where: str) -> np.ndarray:
    try:
        array = np.asarray(target)
    except ValueError as error:
        raise ShapeError("the target is not an array", where=where, given=str(error)) from None
    if array.dtype.kind not in "biuf":
        raise DataError(
            "the target does not hold numbers", where=where, given=f"type {array.dtype}"
        )
    return array


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """The mean of (output - target)**2 over rows and outputs."""

    def of_rows(self, output: Tensor, target: Tensor) -> Tensor:
        """The mean over the outputs of a row."""
        difference = output - target
        return mean(difference * difference, 1)

    def target_placeholder(self, width: int, dtype: DType = DType.float32) -> Tensor:
        """Numbers (rows, width)."""
        return placeholder((ROWS, width), dtype, "target")

    def check_target(self, target: Any, width: int, where: str) -> np.ndarray:
        """Finite numbers (rows, width), or (rows,) for one output."""
        return _matrix(target, width, where)


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """The mean of ln(sum_k exp(f_k - f_y)) over rows: f are the raw outputs, y the true class."""

    link: ClassVar[str | None] = "softmax"

    def of_rows(self, output: Tensor, target: Tensor) -> Tensor:
        """Minus the logarithm of the probability of the true class."""
        classes = output.shape[1]
        assert classes is not None
        # Taken from the largest output, so that no exponential overflows.
        below = output - stop_gradient(max(output, 1, keepdims=True))
        true = sum(below * one_hot(target, classes, output.dtype), 1)
        return log(sum(exp(below), 1)) - true

    def target_placeholder(self, width: int, dtype: DType = DType.float32) -> Tensor:
        """Class codes, int32 (rows,)."""
        return placeholder((ROWS,), DType.int32, "target")

    def check_target(self, target: Any, width: int, where: str) -> np.ndarray:
        """Whole numbers (rows,) from 0 to the number of outputs less one."""
        array = _numbers(target, where)
        if width < 2:
            raise ShapeError(
                "cross-entropy needs an output for each class",
                where="network",
                allowed="2 or more outputs",
                given=width,
                mend="use BinaryCrossEntropy() for a single output",
            )
        if array.ndim != 1:
            raise ShapeError(
                "the target must be one class code a row",
                where=where,
                allowed="[rows]",
                given=show_shape(array.shape),
                mend="turn one-hot rows into codes with .argmax(axis=1)",
            )
        if array.dtype.kind == "f":
            raise DataError(
                "class codes must be whole numbers",
                where=where,
                given=f"type {array.dtype}",
                mend="convert with .astype('int32')",
            )
        if len(array) and not (array.min() >= 0 and array.max() < width):
            raise DataError(
                "a class code outside the outputs of the network",
                where=where,
                allowed=f"0 to {width - 1}",
                given=f"{array.min()} to {array.max()}",
                mend=f"give the last Dense layer a width of {int(array.max()) + 1}"
                if array.min() >= 0
                else "count classes from 0",
            )
        return array.astype(np.int32)


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """The mean of ln(1 + exp(f)) - y f: f are the raw outputs, y the probability from 0 to 1."""

    link: ClassVar[str | None] = "sigmoid"

    def of_rows(self, output: Tensor, target: Tensor) -> Tensor:
        """The mean over the outputs of a row."""
        return mean(softplus(output) - output * target, 1)

    def target_placeholder(self, width: int, dtype: DType = DType.float32) -> Tensor:
        """Probabilities (rows, width)."""
        return placeholder((ROWS, width), dtype, "target")

    def check_target(self, target: Any, width: int, where: str) -> np.ndarray:
        """Numbers from 0 to 1 (rows, width), or (rows,) for one output."""
        array = _matrix(target, width, where)
        if array.size and not (array.min() >= 0 and array.max() <= 1):
            raise DataError(
                "a target that is not a probability",
                where=where,
                allowed="0 to 1",
                given=f"{array.min()} to {array.max()}",
            )
        return array


LOSSES: dict[str, type[Component]] = {
    kind.__name__: kind for kind in (MeanSquaredError, CrossEntropy, BinaryCrossEntropy)
}
