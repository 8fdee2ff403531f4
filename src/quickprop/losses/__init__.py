"""What training makes small.

Every loss is a mean over rows and target columns. Those for classes contain their own link
function, so that they work on raw outputs (logits) and stay finite for any size of them.
"""

from quickprop.foundation.settings import Component
from quickprop.losses.comparison import CosineSimilarity, KLDivergence
from quickprop.losses.continuous import (
    GaussianLikelihood,
    LaplaceLikelihood,
    StudentTLikelihood,
)
from quickprop.losses.counts import NegativeBinomialLikelihood, PoissonLikelihood
from quickprop.losses.cross_entropy import BinaryCrossEntropy, CrossEntropy, Focal
from quickprop.losses.custom import CustomLoss
from quickprop.losses.heads import Heads, links_of
from quickprop.losses.hinge import Hinge, SquaredHinge
from quickprop.losses.likelihood import Likelihood
from quickprop.losses.loss import Loss
from quickprop.losses.mixture import MixtureLikelihood
from quickprop.losses.ordinal import Ordinal
from quickprop.losses.quantile import Quantile
from quickprop.losses.registry import SINGLE_LOSSES
from quickprop.losses.regression import (
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
)

LOSSES: dict[str, type[Component]] = {**SINGLE_LOSSES, "Heads": Heads}

__all__ = [
    "LOSSES",
    "BinaryCrossEntropy",
    "CosineSimilarity",
    "CrossEntropy",
    "CustomLoss",
    "Focal",
    "GaussianLikelihood",
    "Heads",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LaplaceLikelihood",
    "Likelihood",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MixtureLikelihood",
    "NegativeBinomialLikelihood",
    "Ordinal",
    "PoissonLikelihood",
    "Quantile",
    "SquaredHinge",
    "StudentTLikelihood",
    "links_of",
]
