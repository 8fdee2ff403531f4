"""What a step makes small, and the loss that it reports."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

from quickprop.graph import Tensor
from quickprop.losses import Loss
from quickprop.nn import Network


class Terms(NamedTuple):
    """The scalars of a batch.

    Parameters
    ----------
    learned : Tensor
        What is differentiated.
    reported : Tensor
        What the step gives as its loss.
    shrink : Tensor or None
        Times a weight, this is added to its gradient.
    """

    learned: Tensor
    reported: Tensor
    shrink: Tensor | None = None


@dataclass(frozen=True)
class Objective(ABC):
    """A loss, and how the losses of rows become one number.

    Parameters
    ----------
    loss : Loss
    """

    loss: Loss

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of placeholders for single numbers that `terms` asks for."""
        return ()

    @abstractmethod
    def terms(
        self,
        network: Network,
        output: Tensor,
        target: Tensor,
        weights: Tensor | None,
        settings: dict[str, Tensor],
    ) -> Terms:
        """The scalars of a batch.

        Parameters
        ----------
        output : Tensor
            Raw outputs (rows, k).
        target, weights : Tensor
            Placeholders; the weights, if there are any, of rows or of columns of the loss.
        settings : dict of str to Tensor
            The placeholders that were asked for.
        """


@dataclass(frozen=True)
class MeanLoss(Objective):
    """The mean over the rows, whose weights have a mean of 1 over all of them."""

    def terms(
        self,
        network: Network,
        output: Tensor,
        target: Tensor,
        weights: Tensor | None,
        settings: dict[str, Tensor],
    ) -> Terms:
        """One number for both: penalties are in the gradients alone."""
        value = self.loss(output, target, weights)
        return Terms(value, value)
