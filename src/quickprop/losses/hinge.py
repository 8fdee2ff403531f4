"""Losses that ask for a margin."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from quickprop.config import DType
from quickprop.errors import DataError
from quickprop.foundation.settings import setting
from quickprop.graph import ROWS, Tensor, placeholder
from quickprop.losses.class_weights import CLASS_WEIGHT, check_class_weight, row_of, weighed
from quickprop.losses.loss import SINGLE_LOSSES, RowLoss
from quickprop.losses.targets import class_codes, number_matrix
from quickprop.ops.class_codes import one_hot
from quickprop.ops.elementary import max, maximum, sum, where

#: Stands in place of the score of the true class when the best other one is looked for.
_BELOW_ALL = -1e38


@dataclass(frozen=True)
class MarginLoss(RowLoss):
    """A loss of how far the margin of the true class falls short of 1.

    With one output f the labels are -1 and +1, or 0 and 1, and the margin is y f. With an output
    for each class the target are class codes, and the margin is the score of the true class less
    the best other one (Crammer and Singer 2001).

    Parameters
    ----------
    class_weight : tuple of float, optional
        A factor for each class.
    """

    class_weight: tuple[float, ...] | None = setting(CLASS_WEIGHT, None)

    @abstractmethod
    def of_shortfall(self, shortfall: Tensor) -> Tensor:
        """The loss of a margin that is so much below 1; 0 where it is above."""

    @final
    def output_width(self, targets: int) -> int:
        """One for two classes told by one column, else one for each class."""
        return targets

    @final
    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss of each row (rows, 1)."""
        name = f"{type(self).__name__}.class_weight"
        if output.shape[1] == 1:
            losses = self.of_shortfall(maximum(1.0 - target * output, 0.0))
            if self.class_weight is None:
                return losses
            factors = row_of(self.class_weight, output, name)
            return losses * where(target > 0.0, factors[:, 1:], factors[:, :1])
        hot = one_hot(target, output.shape[1] or 0, output.dtype)
        true = sum(output * hot, 1, keepdims=True)
        other = max(where(hot, _BELOW_ALL, output), 1, keepdims=True)
        losses = self.of_shortfall(maximum(1.0 - (true - other), 0.0))
        return weighed(losses, self.class_weight, hot, name)

    @final
    def prediction(self, output: Tensor) -> Tensor:
        """The scores as they are: the sign, or the largest, names the class."""
        return output

    @final
    def target_placeholder(self, width: int, dtype: DType = DType.float32) -> Tensor:
        """-1 or +1 (rows, 1) for one output; else class codes, int32 (rows,)."""
        if width == 1:
            return placeholder((ROWS, 1), dtype, "target")
        return placeholder((ROWS,), DType.int32, "target")

    @final
    def check_target(self, target: Any, width: int, where: str) -> np.ndarray:
        """Labels -1 and +1 (rows, 1), also of 0 and 1; or class codes (rows,)."""
        check_class_weight(
            self.class_weight, 2 if width == 1 else width, f"{type(self).__name__}.class_weight"
        )
        if width > 1:
            return class_codes(target, width, where)
        array = number_matrix(target, width, where)
        present = array[~np.isnan(array)]
        if not (np.isin(present, (-1, 1)).all() or np.isin(present, (0, 1)).all()):
            raise DataError(
                "labels of two classes are needed",
                where=where,
                allowed="-1 and 1, or 0 and 1",
                given=", ".join(f"{value:g}" for value in np.unique(present)[:5]),
                hint="for more classes give the last Dense layer an output for each",
            )
        # Also for labels of 0 and 1 that are all 1.
        return np.where(array == 0, -1, array)


@SINGLE_LOSSES.register()
@dataclass(frozen=True)
class Hinge(MarginLoss):
    """max(0, 1 - margin): Cortes and Vapnik 1995; for several classes Crammer and Singer 2001.

    Examples
    --------
    >>> from quickprop import Hinge, function, placeholder
    >>> output, target = placeholder((None, 1)), placeholder((None, 1))
    >>> loss = function([output, target], Hinge()(output, target))
    >>> float(loss([[0.25]], [[1.0]]))
    0.75
    """

    def of_shortfall(self, shortfall: Tensor) -> Tensor:
        """As it is."""
        return shortfall


@SINGLE_LOSSES.register()
@dataclass(frozen=True)
class SquaredHinge(MarginLoss):
    """max(0, 1 - margin)**2: the L2 loss of support vector machines (Tang 2013).

    Examples
    --------
    >>> from quickprop import SquaredHinge, function, placeholder
    >>> output, target = placeholder((None, 1)), placeholder((None, 1))
    >>> loss = function([output, target], SquaredHinge()(output, target))
    >>> float(loss([[0.5]], [[1.0]]))
    0.25
    """

    def of_shortfall(self, shortfall: Tensor) -> Tensor:
        """Its square."""
        return shortfall * shortfall
