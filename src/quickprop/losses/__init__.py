"""What training makes small.

Every loss is a mean over rows and target columns. Those for classes contain their own link
function, so that they work on raw outputs (logits) and stay finite for any size of them.
"""

from quickprop.losses.comparison import CosineSimilarity as CosineSimilarity
from quickprop.losses.comparison import KLDivergence as KLDivergence
from quickprop.losses.continuous import GaussianLikelihood as GaussianLikelihood
from quickprop.losses.continuous import LaplaceLikelihood as LaplaceLikelihood
from quickprop.losses.continuous import StudentTLikelihood as StudentTLikelihood
from quickprop.losses.counts import NegativeBinomialLikelihood as NegativeBinomialLikelihood
from quickprop.losses.counts import PoissonLikelihood as PoissonLikelihood
from quickprop.losses.cross_entropy import BinaryCrossEntropy as BinaryCrossEntropy
from quickprop.losses.cross_entropy import CrossEntropy as CrossEntropy
from quickprop.losses.cross_entropy import Focal as Focal
from quickprop.losses.custom import CustomLoss as CustomLoss
from quickprop.losses.heads import Heads as Heads
from quickprop.losses.heads import links_of as links_of
from quickprop.losses.hinge import Hinge as Hinge
from quickprop.losses.hinge import SquaredHinge as SquaredHinge
from quickprop.losses.likelihood import Likelihood as Likelihood
from quickprop.losses.loss import LOSSES as LOSSES
from quickprop.losses.loss import SINGLE_LOSSES as SINGLE_LOSSES
from quickprop.losses.loss import Loss as Loss
from quickprop.losses.mixture import MixtureLikelihood as MixtureLikelihood
from quickprop.losses.ordinal import Ordinal as Ordinal
from quickprop.losses.quantile import Quantile as Quantile
from quickprop.losses.regression import Huber as Huber
from quickprop.losses.regression import LogCosh as LogCosh
from quickprop.losses.regression import MeanAbsoluteError as MeanAbsoluteError
from quickprop.losses.regression import MeanAbsolutePercentageError as MeanAbsolutePercentageError
from quickprop.losses.regression import MeanSquaredError as MeanSquaredError
