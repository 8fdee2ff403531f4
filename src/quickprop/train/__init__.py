"""The loop over epochs: deadline, Ctrl-C, early stopping, best weights, history, checkpoints.

Names are loaded when they are first used: estimators have a loop of their own.
"""

from typing import TYPE_CHECKING

from quickprop.config import on_demand

_HOMES = {
    "quickprop.train.averaging": ("AVERAGING", "ExponentialAverage", "StochasticWeightAverage"),
    "quickprop.train.callbacks": ("Callback", "Progress"),
    "quickprop.train.fitting": ("fit", "usual_batch_size"),
    "quickprop.train.history": ("EpochRecord", "History"),
}

__all__ = sorted(name for names in _HOMES.values() for name in names)

__getattr__ = on_demand(__name__, _HOMES)

# What type checkers and editors see; a test compares it with the table above.
if TYPE_CHECKING:
    from quickprop.train.averaging import AVERAGING as AVERAGING
    from quickprop.train.averaging import ExponentialAverage as ExponentialAverage
    from quickprop.train.averaging import StochasticWeightAverage as StochasticWeightAverage
    from quickprop.train.callbacks import Callback as Callback
    from quickprop.train.callbacks import Progress as Progress
    from quickprop.train.fitting import fit as fit
    from quickprop.train.fitting import usual_batch_size as usual_batch_size
    from quickprop.train.history import EpochRecord as EpochRecord
    from quickprop.train.history import History as History
