"""What training makes small.

Every loss is a mean over rows and target columns. Those for classes contain their own link
function, so that they work on raw outputs (logits) and stay finite for any size of them.
"""

from quickprop.nn.component import Component
from quickprop.nn.losses.comparison import CosineSimilarity, KLDivergence
from quickprop.nn.losses.continuous import (
    GaussianLikelihood,
    LaplaceLikelihood,
    StudentTLikelihood,
)
from quickprop.nn.losses.counts import NegativeBinomialLikelihood, PoissonLikelihood
from quickprop.nn.losses.cross_entropy import BinaryCrossEntropy, CrossEntropy, Focal
from quickprop.nn.losses.custom import CustomLoss
from quickprop.nn.losses.heads import Heads, links_of
from quickprop.nn.losses.hinge import Hinge, SquaredHinge
from quickprop.nn.losses.kinds import SINGLE_LOSSES
from quickprop.nn.losses.likelihood import Likelihood
from quickprop.nn.losses.loss import Loss
from quickprop.nn.losses.mixture import MixtureLikelihood
from quickprop.nn.losses.ordinal import Ordinal
from quickprop.nn.losses.quantile import Quantile
from quickprop.nn.losses.regression import (
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
