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
from quickprop.foundation.settings import choice, number, optional, sequence_of, setting
from quickprop.graph import ROWS, Tensor, placeholder, variable
from quickprop.losses.class_weights import CLASS_WEIGHT, check_class_weight, row_of
from quickprop.losses.loss import SINGLE_LOSSES, RowLoss
from quickprop.losses.numbers import NumberLoss
from quickprop.losses.targets import (
    LABELS,
    PROBABILITIES,
    Domain,
    class_codes,
    probability_rows,
)
from quickprop.ops.activations import softmax, softplus
from quickprop.ops.class_codes import one_hot
from quickprop.ops.elementary import exp, log, max, sigmoid, stop_gradient, sum

_POSITIVE = "BinaryCrossEntropy.positive_weight"
_SMOOTHING = number(0.0, 1.0, high_open=True)


@SINGLE_LOSSES.register(
    "ce", "categorical_crossentropy", "sparse_categorical_crossentropy", "softmax_cross_entropy"
)
@dataclass(frozen=True)
class CrossEntropy(RowLoss):
    """-sum_k t_k ln p_k with p the softmax of the raw outputs: the mean over rows.

    For class codes y, t is 1 in column y: ln(sum_k exp(f_k - f_y)). Bridle 1990; label smoothing
    t' = (1 - s) t + s / classes is that of Szegedy et al. 2016.

    Parameters
    ----------
    target : {"codes", "probabilities"}
        Class codes (rows,), or one-hot or soft targets (rows, classes) whose rows sum to 1.
    label_smoothing : float
        The part s of the target that is spread over all classes.
    class_weight : tuple of float, optional
        Factors of the summands of each class.

    Examples
    --------
    >>> from quickprop import CrossEntropy
    >>> CrossEntropy().predict([[0.0, 0.0], [0.0, 1000.0]]).tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    """

    output_activation: ClassVar[str | None] = "softmax"

    target: str = setting(choice({"codes": None, "probabilities": None}), "codes")
    label_smoothing: float = setting(_SMOOTHING, 0.0)
    class_weight: tuple[float, ...] | None = setting(CLASS_WEIGHT, None)

    def output_width(self, targets: int) -> int:
        """One for each class."""
        return targets

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """Minus the logarithm of the probability of what is true (rows, 1)."""
        classes = output.shape[1]
        assert classes is not None
        # Taken from the largest output, so that no exponential overflows.
        below = output - stop_gradient(max(output, 1, keepdims=True))
        t = target if self.target == "probabilities" else one_hot(target, classes, output.dtype)
        if not self.label_smoothing and not self.class_weight:
            # The rows of t sum to 1.
            return log(sum(exp(below), 1, keepdims=True)) - sum(below * t, 1, keepdims=True)
        if self.label_smoothing:
            spread = variable(self.label_smoothing, output.dtype, "cross_entropy.label_smoothing")
            t = t * (1.0 - spread) + spread * (1.0 / classes)
        if self.class_weight:
            t = t * row_of(self.class_weight, output, "cross_entropy.class_weight")
        return sum(t * (log(sum(exp(below), 1, keepdims=True)) - below), 1, keepdims=True)

    def prediction(self, output: Tensor) -> Tensor:
        """The probability of each class."""
        return softmax(output)

    def target_placeholder(self, width: int, dtype: DType = DType.float32) -> Tensor:
        """Class codes, int32 (rows,); or probabilities (rows, width)."""
        if self.target == "probabilities":
            return placeholder((ROWS, width), dtype, "target")
        return placeholder((ROWS,), DType.int32, "target")

    def check_target(self, target: Any, width: int, where: str) -> np.ndarray:
        """Whole numbers (rows,) from 0 to the outputs less one; or rows of probabilities."""
        if width < 2:
            raise ShapeError(
                "cross-entropy needs an output for each class",
                where="network",
                allowed="2 or more outputs",
                given=width,
                hint="use BinaryCrossEntropy() for a single output",
            )
        check_class_weight(self.class_weight, width, "CrossEntropy.class_weight")
        if self.target == "probabilities":
            return probability_rows(target, width, where)
        return class_codes(target, width, where)


@SINGLE_LOSSES.register("bce", "sigmoid_cross_entropy")
@dataclass(frozen=True)
class BinaryCrossEntropy(NumberLoss):
    """ln(1 + exp(f)) - y f: f are the raw outputs, y the probability of each label from 0 to 1.

    The mean over rows and labels. That is -y ln p - (1 - y) ln(1 - p) with p the sigmoid of f
    (Cox 1958, "The regression analysis of binary sequences").

    Parameters
    ----------
    label_smoothing : float
        The part s by which targets are moved towards a half: y' = (1 - s) y + s / 2.
    class_weight : tuple of float, optional
        Two factors: of the summand of 0 and of that of 1, for every label.
    positive_weight : tuple of float, optional
        A factor for each label, of the summand of 1.

    Examples
    --------
    >>> from quickprop import BinaryCrossEntropy, function, placeholder
    >>> output, target = placeholder((None, 1)), placeholder((None, 1))
    >>> loss = function([output, target], BinaryCrossEntropy()(output, target))
    >>> round(float(loss([[0.0]], [[1.0]])), 4)  # ln 2
    0.6931
    """

    output_activation: ClassVar[str | None] = "sigmoid"
    domain: ClassVar[Domain] = PROBABILITIES

    label_smoothing: float = setting(_SMOOTHING, 0.0)
    class_weight: tuple[float, ...] | None = setting(CLASS_WEIGHT, None)
    positive_weight: tuple[float, ...] | None = setting(optional(sequence_of(number(0.0))), None)

    @property
    def outputs_per_target(self) -> int:
        """One."""
        return 1

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """Minus the logarithm of the probability of what is true."""
        y = target
        if self.label_smoothing:
            spread = variable(self.label_smoothing, output.dtype, "binary.label_smoothing")
            y = y * (1.0 - spread) + spread * 0.5
        if self.class_weight is None and self.positive_weight is None:
            return softplus(output) - output * y
        check_class_weight(self.class_weight, 2, "BinaryCrossEntropy.class_weight")
        check_class_weight(self.positive_weight, output.shape[1] or 0, _POSITIVE)
        one, zero = y * softplus(-output), (1.0 - y) * softplus(output)
        if self.class_weight is not None:
            zero = zero * variable(self.class_weight[0], output.dtype, "binary.negative_weight")
            one = one * variable(self.class_weight[1], output.dtype, "binary.positive_weight")
        if self.positive_weight is not None:
            one = one * row_of(self.positive_weight, output, "binary.label_weight")
        return one + zero

    def prediction(self, output: Tensor) -> Tensor:
        """The probability of each label."""
        return sigmoid(output)


@SINGLE_LOSSES.register()
@dataclass(frozen=True)
class Focal(NumberLoss):
    """-a (1 - p)**gamma ln p, with p the probability given to what is true, for labels 0 and 1.

    Lin, Goyal, Girshick, He and Dollar 2017, "Focal loss for dense object detection". Each output
    is a label of its own; p is the sigmoid of the raw output, or 1 less it where the label is 0.

    Parameters
    ----------
    gamma : float
        How little rows count that are predicted well; 0 gives cross-entropy.
    alpha : float or None
        The factor a of labels 1; those of 0 have 1 - alpha. None leaves both out.

    Examples
    --------
    >>> from quickprop import Focal, function, placeholder
    >>> output, target = placeholder((None, 1)), placeholder((None, 1))
    >>> loss = function([output, target], Focal(gamma=2.0, alpha=None)(output, target))
    >>> round(float(loss([[0.0]], [[1.0]])), 4)  # (1 - 1/2)**2 ln 2
    0.1733
    """

    output_activation: ClassVar[str | None] = "sigmoid"
    domain: ClassVar[Domain] = LABELS

    gamma: float = setting(number(0.0), 2.0)
    alpha: float | None = setting(optional(number(0.0, 1.0)), 0.25)

    @property
    def outputs_per_target(self) -> int:
        """One."""
        return 1

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """(1 - p)**gamma as exp(gamma ln(1 - p)), which has a gradient even where p is 1."""
        gamma = variable(self.gamma, output.dtype, "focal.gamma")
        towards = output * (target * 2.0 - 1.0)
        losses = exp(-(softplus(towards) * gamma)) * softplus(-towards)
        if self.alpha is None:
            return losses
        alpha = variable(self.alpha, output.dtype, "focal.alpha")
        return losses * (target * alpha + (1.0 - target) * (1.0 - alpha))

    def prediction(self, output: Tensor) -> Tensor:
        """The probability of each label."""
        return sigmoid(output)
