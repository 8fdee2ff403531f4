"""Classes with an order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.config import DType
from quickprop.distributions import Categorical, Distribution
from quickprop.foundation.settings import setting
from quickprop.graph import ROWS, Tensor, placeholder
from quickprop.losses.class_weights import CLASS_WEIGHT, check_class_weight, weighed
from quickprop.losses.increasing import increasing
from quickprop.losses.loss import SINGLE_LOSSES, RowLoss, evaluated
from quickprop.losses.targets import class_codes
from quickprop.ops.activations import softplus
from quickprop.ops.class_codes import one_hot
from quickprop.ops.elementary import concat, sigmoid, sum


@SINGLE_LOSSES.register()
@dataclass(frozen=True)
class Ordinal(RowLoss):
    """Cumulative logits: P(y <= j) = sigmoid(c_j), with cut points c_0 < c_1 < ... that rise.

    McCullagh 1980, "Regression models for ordinal data". For k classes there are k - 1 raw
    outputs: the first is c_0, and the softplus of each next one is its distance to the cut before.
    A score that moves all cuts together is minus the first output. Where only the first depends on
    the inputs, these are proportional odds.

    Parameters
    ----------
    class_weight : tuple of float, optional
        Factors of the rows of each class.

    Examples
    --------
    >>> from quickprop import Ordinal
    >>> Ordinal().predict([[0.0, 1.0]]).round(3).tolist()  # of 3 classes
    [[0.5, 0.288, 0.212]]
    """

    class_weight: tuple[float, ...] | None = setting(CLASS_WEIGHT, None)

    def output_width(self, targets: int) -> int:
        """One less than there are classes."""
        return targets - 1

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """Minus the logarithm of the probability of the true class (rows, 1).

        Between two cuts a < b that is softplus(-b) + softplus(a) - ln(1 - exp(a - b)); with
        b - a = softplus(r) the last term is softplus(-r), which stays exact for any r.
        """
        cuts = output.shape[1] or 0
        hot = one_hot(target, cuts + 1, output.dtype)
        c = increasing(output, cuts)
        losses = softplus(-c) * hot[:, :-1] + softplus(c) * hot[:, 1:]
        per_row = sum(losses, 1, keepdims=True)
        if cuts > 1:
            gaps = softplus(-output[:, 1:]) * hot[:, 1:-1]
            per_row = per_row + sum(gaps, 1, keepdims=True)
        return weighed(per_row, self.class_weight, hot, "ordinal.class_weight")

    def prediction(self, output: Tensor) -> Tensor:
        """The probability of each class."""
        cuts = output.shape[1] or 0
        c = increasing(output, cuts)
        first, last = sigmoid(c[:, :1]), sigmoid(-c[:, -1:])
        if cuts == 1:
            return concat([first, last], 1)
        # The difference of two sigmoids as a product, which loses no digits.
        between = sigmoid(c[:, 1:]) * sigmoid(-c[:, :-1]) * sigmoid(output[:, 1:])
        return concat([first, between, last], 1)

    def distribution(self, raw: Any) -> Distribution:
        """The distribution of the class code of each row (rows,)."""
        return Categorical(evaluated(self.prediction, raw, "Ordinal"))

    def target_placeholder(self, width: int, dtype: DType = DType.float32) -> Tensor:
        """Class codes, int32 (rows,)."""
        return placeholder((ROWS,), DType.int32, "target")

    def check_target(self, target: Any, width: int, where: str) -> np.ndarray:
        """Whole numbers (rows,) from 0 to the number of outputs."""
        check_class_weight(self.class_weight, width + 1, "Ordinal.class_weight")
        return class_codes(target, width + 1, where, -1)
