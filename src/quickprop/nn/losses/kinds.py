"""Every loss that stands for itself, by name."""

from quickprop.nn.component import Component
from quickprop.nn.losses.comparison import CosineSimilarity, KLDivergence
from quickprop.nn.losses.continuous import (
    GaussianLikelihood,
    LaplaceLikelihood,
    StudentTLikelihood,
)
from quickprop.nn.losses.counts import NegativeBinomialLikelihood, PoissonLikelihood
from quickprop.nn.losses.cross_entropy import BinaryCrossEntropy, CrossEntropy, Focal
from quickprop.nn.losses.hinge import Hinge, SquaredHinge
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
