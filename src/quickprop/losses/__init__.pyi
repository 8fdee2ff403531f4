"""What the package exports: one line a name, for type checkers and for `lazy_exports`."""

from .comparison import (
    CosineSimilarity as CosineSimilarity,
    KLDivergence as KLDivergence,
)
from .continuous import (
    GaussianLikelihood as GaussianLikelihood,
    LaplaceLikelihood as LaplaceLikelihood,
    StudentTLikelihood as StudentTLikelihood,
)
from .counts import (
    NegativeBinomialLikelihood as NegativeBinomialLikelihood,
    PoissonLikelihood as PoissonLikelihood,
)
from .cross_entropy import (
    BinaryCrossEntropy as BinaryCrossEntropy,
    CrossEntropy as CrossEntropy,
    Focal as Focal,
)
from .custom import (
    CustomLoss as CustomLoss,
)
from .heads import (
    Heads as Heads,
    links_of as links_of,
)
from .hinge import (
    Hinge as Hinge,
    SquaredHinge as SquaredHinge,
)
from .likelihood import (
    Likelihood as Likelihood,
)
from .loss import (
    Loss as Loss,
    LOSSES as LOSSES,
    SINGLE_LOSSES as SINGLE_LOSSES,
)
from .mixture import (
    MixtureLikelihood as MixtureLikelihood,
)
from .ordinal import (
    Ordinal as Ordinal,
)
from .quantile import (
    Quantile as Quantile,
)
from .regression import (
    Huber as Huber,
    LogCosh as LogCosh,
    MeanAbsoluteError as MeanAbsoluteError,
    MeanAbsolutePercentageError as MeanAbsolutePercentageError,
    MeanSquaredError as MeanSquaredError,
)
