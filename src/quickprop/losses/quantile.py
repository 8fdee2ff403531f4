"""Several quantiles at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from quickprop.foundation.settings import Rule, boolean, number, sequence_of, setting
from quickprop.graph import ROWS, Tensor, reshape, variable
from quickprop.losses.increasing import increasing
from quickprop.losses.loss import SINGLE_LOSSES
from quickprop.losses.numbers import NumberLoss, column_count
from quickprop.ops.elementary import concat, maximum, mean

_LEVELS = sequence_of(number(0.0, 1.0, low_open=True, high_open=True))


def _rising(value: Any) -> Sequence[float]:
    levels: Sequence[float] = _LEVELS.accept(value)
    if any(low >= high for low, high in pairwise(levels)):
        raise ValueError
    found: Sequence[float] = levels
    return found


@SINGLE_LOSSES.register("pinball")
@dataclass(frozen=True)
class Quantile(NumberLoss):
    """The pinball loss max(q (y - f), (q - 1) (y - f)), the mean over the levels q.

    Least where f is the q-quantile of y given x (Koenker and Bassett 1978, "Regression quantiles").

    Parameters
    ----------
    levels : tuple of float
        Between 0 and 1, rising. Each needs its own raw output; with several target columns the
        outputs of the first level come first.
    non_crossing : bool
        Take the first raw output as the lowest quantile, and each next one as its softplus above
        the one before.

    Examples
    --------
    >>> from quickprop import Quantile, function, placeholder
    >>> output, target = placeholder((None, 1)), placeholder((None, 1))
    >>> loss = function([output, target], Quantile((0.9,))(output, target))
    >>> round(float(loss([[1.0]], [[0.0]])), 3), round(float(loss([[0.0]], [[1.0]])), 3)
    (0.1, 0.9)
    """

    levels: tuple[float, ...] = setting(
        Rule("rising numbers, each above 0 and below 1", _rising), (0.1, 0.5, 0.9)
    )
    non_crossing: bool = setting(boolean(), False)

    @property
    def outputs_per_target(self) -> int:
        """One for each level."""
        return len(self.levels)

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """The mean pinball loss over the levels."""
        count, columns = len(self.levels), target.shape[1] or 1
        # A variable and not a constant: other levels then run the same compiled code.
        levels = np.repeat(self.levels, columns)[np.newaxis]
        q = variable(levels, output.dtype, "quantile.levels")
        y = target if columns == 1 else concat([target] * count, 1)
        d = y - self.prediction(output)
        losses = maximum(d * q, d * (q - 1.0))
        if columns == 1:
            return mean(losses, 1, keepdims=True)
        return mean(reshape(losses, (ROWS, count, columns)), 1)

    def prediction(self, output: Tensor) -> Tensor:
        """The quantiles, the columns of the first level first."""
        column_count(output, self.outputs_per_target)
        return increasing(output, self.outputs_per_target) if self.non_crossing else output
