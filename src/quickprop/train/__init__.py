"""The loop over epochs: deadline, Ctrl-C, early stopping, best weights, history, checkpoints."""

from quickprop.train.averaging import AVERAGING, ExponentialAverage, StochasticWeightAverage
from quickprop.train.callbacks import Callback, Progress
from quickprop.train.fit import fit, usual_batch_size
from quickprop.train.history import EpochRecord, History

__all__ = [
    "AVERAGING",
    "Callback",
    "EpochRecord",
    "ExponentialAverage",
    "History",
    "Progress",
    "StochasticWeightAverage",
    "fit",
    "usual_batch_size",
]
