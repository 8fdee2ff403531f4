"""Losses that compare the outputs of a row as a whole with a target of the same width."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from quickprop.config import DType
from quickprop.errors import DataError, ShapeError
from quickprop.graph import ROWS, Tensor, placeholder
from quickprop.losses.loss import SINGLE_LOSSES, RowLoss
from quickprop.losses.targets import number_matrix, probability_rows
from quickprop.ops.activations import log_softmax, softmax
from quickprop.ops.elementary import abs, log, max, maximum, sqrt, stop_gradient, sum, where

#: Vectors with no number larger than this count as no vector: of outputs, whose gradients grow as
#: they get shorter, and of targets.
_SMALLEST_OUTPUT, _SMALLEST_TARGET = 1e-8, 1e-30


@dataclass(frozen=True)
class ComparisonLoss(RowLoss):
    """A loss of whole rows of numbers (rows, k) for k outputs."""

    @final
    def output_width(self, targets: int) -> int:
        """One for each."""
        return targets

    @final
    def target_placeholder(self, width: int, dtype: DType = DType.float32) -> Tensor:
        """Numbers (rows, width)."""
        return placeholder((ROWS, width), dtype, "target")

    @final
    def check_target(self, target: Any, width: int, where: str) -> np.ndarray:
        """Numbers (rows, width)."""
        if width < 2:
            raise ShapeError(
                f"{type(self).__name__} compares rows of two or more numbers",
                where="network",
                allowed="2 or more outputs",
                given=width,
            )
        return self.check_rows(target, width, where)

    @abstractmethod
    def check_rows(self, target: Any, width: int, where: str) -> np.ndarray:
        """The target when it suits, or the error that says why not."""


@SINGLE_LOSSES.register("kl", "kld", "kl_div", "kullback_leibler")
@dataclass(frozen=True)
class KLDivergence(ComparisonLoss):
    """sum_k t_k (ln t_k - ln p_k), with p the softmax of the raw outputs: the mean over rows.

    Kullback and Leibler 1951. The target are rows of probabilities t. It is cross-entropy less
    the entropy of the target, so that 0 is the least.

    Examples
    --------
    >>> from quickprop import KLDivergence, function, placeholder
    >>> output, target = placeholder((None, 2)), placeholder((None, 2))
    >>> loss = function([output, target], KLDivergence()(output, target))
    >>> round(float(loss([[0.0, 0.0]], [[0.9, 0.1]])), 4)
    0.3681
    """

    output_activation: ClassVar[str | None] = "softmax"

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """The divergence of p from t (rows, 1), with 0 ln 0 = 0."""
        there = target > 0.0
        entropy = where(there, log(where(there, target, 1.0)), 0.0)
        return sum(target * (entropy - log_softmax(output)), 1, keepdims=True)

    def prediction(self, output: Tensor) -> Tensor:
        """The probabilities p."""
        return softmax(output)

    def check_rows(self, target: Any, width: int, where: str) -> np.ndarray:
        """Rows of probabilities."""
        return probability_rows(target, width, where)


@SINGLE_LOSSES.register("cosine")
@dataclass(frozen=True)
class CosineSimilarity(ComparisonLoss):
    """1 - f y / (norm of f times norm of y): 0 for the same direction, 2 for the opposite one.

    Salton, Wong and Yang 1975 compare documents by this angle. The outputs need no scale.

    Examples
    --------
    >>> from quickprop import CosineSimilarity, function, placeholder
    >>> output, target = placeholder((None, 2)), placeholder((None, 2))
    >>> loss = function([output, target], CosineSimilarity()(output, target))
    >>> float(loss([[1.0, 0.0]], [[0.0, 2.0]]))
    1.0
    """

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """1 less the cosine of the angle (rows, 1)."""
        ours = _direction(output, _SMALLEST_OUTPUT)
        theirs = _direction(target, _SMALLEST_TARGET)
        return 1.0 - sum(ours * theirs, 1, keepdims=True)

    def prediction(self, output: Tensor) -> Tensor:
        """The outputs as they are."""
        return output

    def check_rows(self, target: Any, width: int, where: str) -> np.ndarray:
        """Rows of numbers that are not all 0."""
        array = number_matrix(target, width, where)
        zero = ~array.any(axis=1)
        if zero.any():
            raise DataError(
                "a row of zeros has no direction",
                where=where,
                given=f"row {int(np.argmax(zero))}",
                hint="leave these rows out",
            )
        return array


def _direction(x: Tensor, smallest: float) -> Tensor:
    """Rows of length 1.

    They are first divided by their largest number, so that no square overflows. Its derivative can
    be left out, as the direction does not depend on the length.
    """
    top = maximum(stop_gradient(max(abs(x), 1, keepdims=True)), smallest)
    y = x / top
    # The sum of squares is at least 1, or the vector counts as none.
    return y / sqrt(maximum(sum(y * y, 1, keepdims=True), 0.5))
