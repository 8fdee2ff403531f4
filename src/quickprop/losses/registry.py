"""Every loss that stands for itself, by name."""

from quickprop.foundation.settings import Component
from quickprop.losses.comparison import CosineSimilarity, KLDivergence
from quickprop.losses.continuous import (
    GaussianLikelihood,
    LaplaceLikelihood,
    StudentTLikelihood,
)
from quickprop.losses.counts import NegativeBinomialLikelihood, PoissonLikelihood
from quickprop.losses.cross_entropy import BinaryCrossEntropy, CrossEntropy, Focal
from quickprop.losses.hinge import Hinge, SquaredHinge
from quickprop.losses.mixture import MixtureLikelihood
from quickprop.losses.ordinal import Ordinal
from quickprop.losses.quantile import Quantile
from quickprop.losses.regression import (
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
)

SINGLE_LOSSES: dict[str, type[Component]] = {
    kind.__name__: kind
    for kind in (
        MeanSquaredError,
        MeanAbsoluteError,
        Huber,
        LogCosh,
        MeanAbsolutePercentageError,
        Quantile,
        CrossEntropy,
        BinaryCrossEntropy,
        Focal,
        Hinge,
        SquaredHinge,
        KLDivergence,
        CosineSimilarity,
        GaussianLikelihood,
        LaplaceLikelihood,
        StudentTLikelihood,
        PoissonLikelihood,
        NegativeBinomialLikelihood,
        MixtureLikelihood,
        Ordinal,
    )
}
