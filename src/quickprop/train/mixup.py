"""Mixed rows in place of the rows themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quickprop.errors import SettingError
from quickprop.foundation.random_streams import stream
from quickprop.native import as_dense
from quickprop.nn import Network
from quickprop.train.arrays import TrainingData


@dataclass(frozen=True)
class MixedRows:
    """The rows of an epoch, each mixed with a partner.

    The loss of a mixed row is that of its own target times `weights`, and that of the partner's
    target times `partner_weights`. Where a loss is linear in the target, as cross-entropy is, that
    is the loss of the mixed target; the squared error differs from it by a constant.
    """

    inputs: tuple[np.ndarray, ...]
    weights: np.ndarray
    partner_target: np.ndarray
    partner_weights: np.ndarray


@dataclass(frozen=True)
class Mixup:
    """``share * row + (1 - share) * another row``, share from a beta distribution.

    (Zhang, Cisse, Dauphin and Lopez-Paz 2018.) Partners and shares are drawn anew for every epoch
    and depend on the seed and the epoch alone.

    Parameters
    ----------
    alpha : float
        Both parameters of the beta distribution: small ones leave most rows nearly as they are.
    part : TrainingData
    seed : int
    """

    alpha: float
    part: TrainingData
    seed: int

    def rows(self, epoch: int) -> MixedRows:
        """The rows of that epoch."""
        part = self.part
        generator = stream(self.seed, f"mixup.{epoch}")
        partner = generator.permutation(part.rows)
        drawn = generator.beta(self.alpha, self.alpha, part.rows)
        kind = part.inputs[0].dtype
        whole = map(as_dense, part.inputs)
        weights = np.ones(part.rows, kind) if part.weights is None else part.weights
        return MixedRows(
            tuple(_mixed(array, array[partner], drawn.astype(kind)) for array in whole),
            _scaled(weights, drawn),
            part.target[partner],
            _scaled(weights[partner], 1.0 - drawn),
        )


def check_mixable(network: Network) -> None:
    """Raise `SettingError` when an input cannot be mixed."""
    if any(not leaf.dtype.is_float for leaf in network.inputs):
        raise SettingError(
            "category codes cannot be mixed",
            where="fit.mixup",
            allowed="networks with numeric inputs alone",
            hint="leave mixup out, or give the categories as one-hot columns",
        )


def _mixed(own: np.ndarray, other: np.ndarray, share: np.ndarray) -> np.ndarray:
    share = share.reshape(-1, *(1,) * (own.ndim - 1))
    mixed: np.ndarray = own * share + other * (1 - share)
    return mixed


def _scaled(weights: np.ndarray, by: np.ndarray) -> np.ndarray:
    factors = by.reshape(-1, *(1,) * (weights.ndim - 1))
    scaled: np.ndarray = (weights * factors).astype(weights.dtype)
    return scaled
