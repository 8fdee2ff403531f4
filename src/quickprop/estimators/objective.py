"""What a fit makes small, and what it reports, on the scales that scikit-learn uses."""

from __future__ import annotations

from dataclasses import dataclass

from quickprop.config import DType
from quickprop.graph import Tensor, row_count
from quickprop.losses import Loss
from quickprop.ops.elementary import sum, where


@dataclass(frozen=True)
class Objective:
    """A loss with its factors.

    Parameters
    ----------
    loss : Loss
    learned : float
        Factor on the loss of a row in what is differentiated.
    reported : float
        Factor on it in what is shown. scikit-learn learns the sum over the outputs of half the
        squared error and shows the mean.
    """

    loss: Loss
    learned: float = 1.0
    reported: float = 1.0


@dataclass(frozen=True)
class Terms:
    """The scalars of a batch.

    Parameters
    ----------
    data : Tensor
        The weighted mean over the rows of the loss.
    share : Tensor
        One over the weight of all rows, the factor of the penalty; 0 when all weights are 0.
    """

    data: Tensor
    share: Tensor


def batch_terms(losses: Tensor, weights: Tensor | None, kind: DType) -> Terms:
    """The mean loss of a batch, its rows weighted, and the share of the penalty."""
    if weights is None:
        share = 1.0 / row_count(kind)
        return Terms(sum(losses) * share, share)
    total = sum(weights)
    # A batch may hold rows of weight zero alone; it then teaches nothing.
    some = total > 0.0
    share = where(some, 1.0 / where(some, total, 1.0), 0.0)
    return Terms(sum(losses * weights) * share, share)
