"""The mixture density head."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from quickprop.distributions import Distribution, NormalMixture
from quickprop.foundation.settings import integer, setting
from quickprop.graph import ROWS, Tensor, reshape
from quickprop.losses.likelihood import Likelihood, positive
from quickprop.losses.loss import SINGLE_LOSSES
from quickprop.losses.numbers import blocks, column_count
from quickprop.ops.activations import log_softmax, logsumexp, softmax
from quickprop.ops.elementary import log, sum


@SINGLE_LOSSES.register()
@dataclass(frozen=True)
class MixtureLikelihood(Likelihood):
    """-ln sum_k w_k N(y; m_k, s_k), a mixture of normal distributions that depends on the inputs.

    Bishop 1994, "Mixture density networks". For each column 3 times `components` raw outputs: the
    logits of the weights w, then the means m, then those whose softplus, and 1e-6, are s. Within
    each of the three blocks the components of the first column come first.

    Examples
    --------
    >>> from quickprop import MixtureLikelihood
    >>> MixtureLikelihood(components=2).output_width(1)
    6
    """

    family: ClassVar[type[Distribution]] = NormalMixture

    components: int = setting(integer(1, 4096), 3)

    @property
    def outputs_per_target(self) -> int:
        """Three for each component."""
        return 3 * self.components

    def parameters(self, output: Tensor) -> tuple[Tensor, ...]:
        """Weights, means and standard deviations (rows, columns, components)."""
        logits, locations, scales = self._blocks(output)
        return softmax(logits), locations, positive(scales)

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """Minus the logarithm of the density, by logsumexp."""
        logits, locations, raw = self._blocks(output)
        scales = positive(raw)
        z = (reshape(target, (ROWS, target.shape[1], 1)) - locations) / scales
        constant = 0.5 * math.log(2.0 * math.pi)
        return constant - logsumexp(log_softmax(logits) - z * z * 0.5 - log(scales))

    def prediction(self, output: Tensor) -> Tensor:
        """The means of the mixtures."""
        weights, locations, _ = self.parameters(output)
        return sum(weights * locations, 2)

    def _blocks(self, output: Tensor) -> list[Tensor]:
        shape = (ROWS, column_count(output, self.outputs_per_target), self.components)
        return [reshape(block, shape) for block in blocks(output, 3)]
