"""What the package exports: one line a name, for type checkers and for `lazy_exports`."""

from .averaging import (
    AVERAGING as AVERAGING,
    ExponentialAverage as ExponentialAverage,
    StochasticWeightAverage as StochasticWeightAverage,
)
from .callbacks import (
    Callback as Callback,
    Progress as Progress,
)
from .fitting import (
    fit as fit,
    usual_batch_size as usual_batch_size,
)
from .history import (
    EpochRecord as EpochRecord,
    History as History,
    StopReason as StopReason,
)
from .progress_bars import (
    EnsembleBar as EnsembleBar,
    EpochBar as EpochBar,
    ProgressBar as ProgressBar,
    StageBar as StageBar,
)
