"""Cross-entropy: minus the logarithm of the probability of what came true.

The losses contain their link function, so that they work on raw outputs (logits) and stay finite
for any size of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from quickprop.config import DType
from quickprop.errors import ShapeError
from quickprop.graph import ROWS, Tensor, placeholder
from quickprop.nn.losses.loss import RowLoss
from quickprop.nn.losses.numbers import PointLoss
from quickprop.nn.losses.targets import PROBABILITIES, Domain, class_codes
from quickprop.ops.activations import softmax, softplus
from quickprop.ops.codes import one_hot
from quickprop.ops.elementary import exp, log, max, sigmoid, stop_gradient, sum


@dataclass(frozen=True)
class CrossEntropy(RowLoss):
    """The mean of ln(sum_k exp(f_k - f_y)) over rows: f are the raw outputs, y the true class."""

    link: ClassVar[str | None] = "softmax"

    def outputs(self, targets: int) -> int:
        """One for each class."""
        return targets

    def of_targets(self, output: Tensor, target: Tensor) -> Tensor:
        """Minus the logarithm of the probability of the true class (rows, 1)."""
        classes = output.shape[1]
        assert classes is not None
        # Taken from the largest output, so that no exponential overflows.
        below = output - stop_gradient(max(output, 1, keepdims=True))
        true = sum(below * one_hot(target, classes, output.dtype), 1, keepdims=True)
        return log(sum(exp(below), 1, keepdims=True)) - true

    def prediction(self, output: Tensor) -> Tensor:
        """The probability of each class."""
        return softmax(output)

    def target_placeholder(self, width: int, dtype: DType = DType.float32) -> Tensor:
        """Class codes, int32 (rows,)."""
        return placeholder((ROWS,), DType.int32, "target")

    def check_target(self, target: Any, width: int, where: str) -> np.ndarray:
        """Whole numbers (rows,) from 0 to the number of outputs less one."""
        if width < 2:
            raise ShapeError(
                "cross-entropy needs an output for each class",
                where="network",
                allowed="2 or more outputs",
                given=width,
                mend="use BinaryCrossEntropy() for a single output",
            )
        return class_codes(target, width, where)


@dataclass(frozen=True)
class BinaryCrossEntropy(PointLoss):
    """The mean of ln(1 + exp(f)) - y f: f are the raw outputs, y the probability from 0 to 1."""

    link: ClassVar[str | None] = "sigmoid"
    domain: ClassVar[Domain] = PROBABILITIES

    def of_targets(self, output: Tensor, target: Tensor) -> Tensor:
        """Minus the logarithm of the probability of what is true."""
        return softplus(output) - output * target

    def prediction(self, output: Tensor) -> Tensor:
        """The probability of each label."""
        return sigmoid(output)
