"""What an estimator makes small, and what it reports, on the scales that scikit-learn uses."""

from __future__ import annotations

from dataclasses import dataclass

from quickprop.graph import Tensor, row_count
from quickprop.nn import Network
from quickprop.ops.elementary import sum, where
from quickprop.train.objective import Objective, Terms


@dataclass(frozen=True)
class ScaledLoss(Objective):
    """A loss with factors, and the penalty ``alpha / 2 * sum(w**2)`` over the weight of a batch.

    Parameters
    ----------
    loss : Loss
    learned : float
        Factor on the loss of a row in what is differentiated.
    reported : float
        Factor on it in what is shown. scikit-learn learns the sum over the outputs of half the
        squared error and shows the mean.
    """

    learned: float = 1.0
    reported: float = 1.0

    @property
    def settings(self) -> tuple[str, ...]:
        """The strength of the penalty."""
        return ("alpha",)

    def terms(
        self,
        network: Network,
        output: Tensor,
        target: Tensor,
        weights: Tensor | None,
        settings: dict[str, Tensor],
    ) -> Terms:
        """The mean by weight, and the penalty in what is reported."""
        losses = self.loss.per_row(output, target)
        if weights is None:
            share = 1.0 / row_count(network.dtype)
            data = sum(losses) * share
        else:
            total = sum(weights)
            # A batch may hold rows of weight zero alone; it then teaches nothing.
            some = total > 0.0
            share = where(some, 1.0 / where(some, total, 1.0), 0.0)
            data = sum(losses * weights) * share
        shrink = settings["alpha"] * share
        penalised = network.penalised
        squares = sum(penalised[0] * penalised[0])
        for parameter in penalised[1:]:
            squares = squares + sum(parameter * parameter)
        reported = data * self.reported + squares * shrink * 0.5
        return Terms(data * self.learned, reported, shrink)
